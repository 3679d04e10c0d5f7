/**
 * Rez's text of one alternative of a range.
 *
 * Source: rez 3.4 `rez/version/_version.py`; test/data/version-cases.json has its answers.
 */
import { isExact, isPrefix, prefixInterval } from './range-native.ts'
import { parseVersion } from './version.ts'
import {
  type Bound,
  compareLower,
  compareUpper,
  type Interval,
  joins,
  made,
  type VersionSet,
  versionSet,
} from './version-set.ts'

const plain = /^[A-Za-z0-9_.-]+$/
const ascending = /^(?:(>=?)([A-Za-z0-9_.-]*)|([A-Za-z0-9_.-]*)\+)?(,)?(?:(<=?)([A-Za-z0-9_.-]*))?$/
const descending = /^(<=?)([A-Za-z0-9_.-]*),(?:(>=?)([A-Za-z0-9_.-]*)|([A-Za-z0-9_.-]*)\+)$/

/** The versions of one alternative that is not empty, or a sentence about what is wrong. */
export function rezInterval(alternative: string): VersionSet | string {
  const interval = parsed(alternative)
  return interval ? versionSet([interval]) : `'${alternative.slice(0, 40)}' has no known form`
}

/**
 * The alternatives of a range as Rez merges them, sorted. Where one lies inside an earlier one, Rez
 * looks at the wrong end of it: `<10|1..2|>10` becomes any version. Packages mean what Rez makes
 * of them, so it is kept; the algebra of sets has no part in it.
 */
export function rezUnion(intervals: Iterable<Interval>): readonly Interval[] {
  const sorted = [...intervals].sort(
    (a, b) => compareLower(a.lower, b.lower) || compareUpper(a.upper, b.upper),
  )
  const merged: Interval[] = []
  let previous: Interval = {}
  for (const interval of sorted) {
    const open = merged.at(-1)
    if (open && rezJoins(open.upper, previous.upper, interval.lower)) {
      if (compareUpper(open.upper, interval.upper) < 0)
        merged[merged.length - 1] = made(open.lower, interval.upper)
    } else merged.push(interval)
    previous = interval
  }
  return merged
}

/** Whether Rez merged into ranges that touch; it then refuses to invert the range. */
export function isTornByRez(merged: readonly Interval[]): boolean {
  return merged.some((interval, index) => {
    const next = merged[index + 1]
    return next !== undefined && joins(interval.upper, next.lower)
  })
}

function rezJoins(
  upper: Bound | undefined,
  previous: Bound | undefined,
  lower: Bound | undefined,
): boolean {
  if (!upper || !lower || lower.version.key < upper.version.key) return true
  if (lower.version.key > upper.version.key) return false
  return lower.inclusive || previous?.inclusive === true
}

/** The canonical text of an interval that is not unbounded on both sides. */
export function formatRez({ lower, upper }: Interval): string {
  if (!lower) return upper?.version.text === '' ? '==' : upperText(upper)
  if (!upper) return lowerText(lower)
  if (isExact(lower, upper)) return `==${lower.version.text}`
  if (isPrefix(lower, upper)) return lower.version.text
  if (lower.inclusive && upper.inclusive) return `${lower.version.text}..${upper.version.text}`
  return lowerText(lower) + upperText(upper)
}

function parsed(text: string): Interval | undefined {
  if (text.startsWith('==')) {
    const exact = bound(text.slice(2), true)
    return made(exact, exact)
  }
  const dots = text.indexOf('..')
  if (dots >= 0) return made(bound(text.slice(0, dots), true), bound(text.slice(dots + 2), true))
  if (plain.test(text)) return prefixInterval(parseVersion(text, 'rez'))
  return bounds(text)
}

function bounds(text: string): Interval | undefined {
  const up = ascending.exec(text)
  if (up) {
    const [, above, from, plus, comma, below, to] = up
    const lower = lowerBound(above, from, plus)
    const upper = below === undefined ? undefined : bound(to ?? '', below === '<=')
    return comma !== undefined && !(lower && upper) ? undefined : made(lower, upper)
  }
  const [, below, to, above, from, plus] = descending.exec(text) ?? []
  if (below === undefined) return undefined
  return made(lowerBound(above, from, plus), bound(to ?? '', below === '<='))
}

function lowerBound(
  above: string | undefined,
  from: string | undefined,
  plus: string | undefined,
): Bound | undefined {
  if (above !== undefined) return bound(from ?? '', above === '>=')
  return plus === undefined ? undefined : bound(plus, true)
}

function bound(text: string, inclusive: boolean): Bound {
  return { version: parseVersion(text, 'rez'), inclusive }
}

function lowerText({ version, inclusive }: Bound): string {
  return inclusive ? `${version.text}+` : `>${version.text}`
}

function upperText(upper: Bound | undefined): string {
  return upper ? `${upper.inclusive ? '<=' : '<'}${upper.version.text}` : ''
}
