/**
 * The native text of one alternative of a range.
 *
 * `3.1` is 3.1 and all below it; comparisons between commas or spaces hold together; `a..b` has
 * both ends. Source: docs/formats/ranges.md.
 */
import { isVersion, nextVersion, parseVersion, type Version } from './version.ts'
import {
  anyVersion,
  type Bound,
  complementOf,
  type Interval,
  intersectionOf,
  made,
  noVersion,
  type VersionSet,
  versionSet,
} from './version-set.ts'

/** The range that holds no version. Nobody can ask for it; it exists so that it can be shown. */
export const nativeNone = '!*'

const comparison = /^(==|!=|>=|<=|>|<)?([A-Za-z0-9_.-]+)$/
const foreignForms: readonly (readonly [RegExp, string])[] = [
  [/^\^|^~/, "'^' and '~' are not range operators here; write both bounds, such as >=3.1,<4"],
  [/\+$/, "a trailing '+' is Rez's form; write >= before the version"],
  [/^=[^=]/, "one '=' is not an operator; write =="],
  [/\.[*xX]$/, 'a version without the wildcard is already a prefix: 3.1 means 3.1.x'],
]

/** The versions of one alternative, or a sentence about what is wrong with it. */
export function nativeInterval(alternative: string): VersionSet | string {
  // `>= 3.1 , < 4` is the same as `>=3.1,<4`.
  const words = alternative.replaceAll(/([<>=])[\s]+/g, '$1').split(/\s*,\s*|\s+/)
  let found = anyVersion
  for (const word of words) {
    if (word === '')
      return alternative.trim() === '' ? 'an alternative is empty' : 'a comma stands alone'
    const next = comparisonOf(word)
    if (typeof next === 'string') return next
    found = intersectionOf(found, next)
  }
  return found
}

/** The canonical text of an interval. */
export function formatNative({ lower, upper }: Interval): string {
  if (lower && upper) {
    if (isExact(lower, upper)) return `==${lower.version.text}`
    if (isPrefix(lower, upper)) return lower.version.text
    const prefix = prefixThatEnds(upper)
    if (prefix !== undefined && lower.version.key >= prefix.key)
      return `${prefix.text},${lower.inclusive ? '>=' : '>'}${lower.version.text}`
  }
  const parts = [
    ...(lower ? [`${lower.inclusive ? '>=' : '>'}${lower.version.text}`] : []),
    ...(upper ? [`${upper.inclusive ? '<=' : '<'}${upper.version.text}`] : []),
  ]
  return parts.join(',') || '*'
}

export function isExact(lower: Bound, upper: Bound): boolean {
  return lower.version.key === upper.version.key
}

/** Whether the interval is a version and all that start with it. */
export function isPrefix(lower: Bound, upper: Bound): boolean {
  return (
    lower.inclusive && !upper.inclusive && nextVersion(lower.version)?.key === upper.version.key
  )
}

/** The version of which an exclusive bound ends all that start with it: `3.9` of `<3.9_`. */
function prefixThatEnds({ version, inclusive }: Bound): Version | undefined {
  if (inclusive || !version.text.endsWith('_')) return undefined
  const text = version.text.slice(0, -1)
  const prefix = isVersion(text) ? parseVersion(text) : undefined
  const isEnd = prefix !== undefined && nextVersion(prefix)?.key === version.key
  return isEnd ? prefix : undefined
}

/** A version and all that start with it; the empty version starts them all. */
export function prefixInterval(version: Version): Interval {
  const next = nextVersion(version)
  return made({ version, inclusive: true }, next && { version: next, inclusive: false })
}

function comparisonOf(word: string): VersionSet | string {
  if (word === '*') return anyVersion
  const dots = word.indexOf('..')
  if (dots >= 0) return spanOf(word.slice(0, dots), word.slice(dots + 2))
  const [, operator = '', text = ''] = comparison.exec(word) ?? []
  if (text === '') {
    const foreign = foreignForms.find(([pattern]) => pattern.test(word))
    return foreign?.[1] ?? `'${word.slice(0, 80)}' is no version and no comparison`
  }
  const foreign = foreignForms.at(-1)
  if (operator === '' && foreign?.[0].test(text)) return foreign[1]
  const version = parseVersion(text)
  const exclusive: Bound = { version, inclusive: false }
  const inclusive: Bound = { version, inclusive: true }
  switch (operator) {
    case '==':
      return versionSet([made(inclusive, inclusive)])
    case '!=':
      return complementOf(versionSet([made(inclusive, inclusive)]))
    case '>=':
      return versionSet([made(inclusive, undefined)])
    case '>':
      return versionSet([made(exclusive, undefined)])
    case '<=':
      return versionSet([made(undefined, inclusive)])
    case '<':
      return versionSet([made(undefined, exclusive)])
    default:
      return versionSet([prefixInterval(version)])
  }
}

function spanOf(from: string, to: string): VersionSet | string {
  if (from === '' || to === '') return "'..' wants a version on both sides"
  const lower = { version: parseVersion(from), inclusive: true }
  const upper = { version: parseVersion(to), inclusive: true }
  return lower.version.key > upper.version.key ? noVersion : versionSet([made(lower, upper)])
}
