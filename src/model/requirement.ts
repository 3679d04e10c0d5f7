/**
 * Requirements: a package name, what is wanted of its version, and options.
 *
 * Invariant: `parseRequirement(formatRequirement(r))` means the same as `r`.
 * Native: `imath >=3.1,<4`, `!openexr 2`, `~numpy >=1.26`, `openexr[python=true] 3.1`.
 * Rez: `imath-3.1+<4`, `!openexr-2`, `~numpy-1.26+`, with `-`, `@`, `#` before the range.
 */
import { AppError } from '#kernel/index.ts'
import { parsePackageName } from './name.ts'
import { formatRange, parseRange } from './range.ts'
import type { Scheme } from './version.ts'
import {
  anyVersion,
  complementOf,
  differenceOf,
  intersectionOf,
  isAnySet,
  isEmptySet,
  unionOf,
  type VersionSet,
} from './version-set.ts'

export type OptionValue = string | boolean

export interface Requirement {
  readonly name: string
  /** `weak`: only if present, it must be in the range; `conflict`: it must not be in the range. */
  readonly kind: 'require' | 'conflict' | 'weak'
  /** As written: the range that is wanted, or for a conflict the one that is not. */
  readonly versions: VersionSet
  /** Only of kind `require`. */
  readonly options: Readonly<Record<string, OptionValue>>
  /** Canonical text in the scheme it was read in. */
  readonly text: string
}

const requirementLengthMax = 16_384
const rezName = /^[A-Za-z0-9_.+]+$/
const optionName = /^[a-z][a-z0-9_-]{0,63}$/
const optionValue = /^[A-Za-z0-9._+-]{1,100}$/

/** @throws AppError `model/bad-requirement`, `model/bad-name`, `model/bad-range` */
export function parseRequirement(text: string, scheme: Scheme = 'native'): Requirement {
  if (text.length > requirementLengthMax)
    throw badRequirement(text, `it is longer than ${requirementLengthMax} characters`, scheme)
  const whole = text.trim()
  if (whole === '') throw badRequirement(text, 'it is empty', scheme)
  const kind = whole.startsWith('!') ? 'conflict' : whole.startsWith('~') ? 'weak' : 'require'
  const rest = kind === 'require' ? whole : whole.slice(1).trimStart()
  return scheme === 'native' ? native(rest, kind, text) : rez(rest, kind, text)
}

/** Canonical text. */
export function formatRequirement(requirement: Requirement, scheme: Scheme = 'native'): string {
  const { name, kind, versions, options } = requirement
  const sign = kind === 'conflict' ? '!' : kind === 'weak' ? '~' : ''
  if (scheme === 'rez') return sign + name + rezRange(requirement)
  const pairs = Object.keys(options).sort()
  const chosen = pairs.map((option) => `${option}=${String(options[option])}`).join(',')
  const range = isAnySet(versions) ? '' : ` ${formatRange(versions)}`
  return `${sign}${name}${chosen && `[${chosen}]`}${range}`
}

/**
 * The versions of its package that a requirement allows, where the package is present.
 */
export function allowedVersions(requirement: Requirement): VersionSet {
  const { kind, versions } = requirement
  return kind === 'conflict' ? complementOf(versions) : versions
}

/**
 * One requirement that says what both say; undefined when nothing can satisfy both.
 * @throws TypeError when they are about different packages.
 */
export function mergeRequirements(
  a: Requirement,
  b: Requirement,
  scheme: Scheme = 'native',
): Requirement | undefined {
  if (a.name !== b.name) throw new TypeError(`Cannot merge '${a.text}' with '${b.text}'`)
  if (isIdleWeak(a)) return b
  if (isIdleWeak(b)) return a
  if (a.kind !== 'require' && b.kind !== 'require') return mergeRefusals(a, b, scheme)
  const [wanted, other] = a.kind === 'require' ? [a, b] : [b, a]
  const versions = intersectionOf(wanted.versions, allowedVersions(other))
  if (isEmptySet(versions)) return undefined
  const options = { ...b.options, ...a.options }
  for (const [name, value] of Object.entries(b.options))
    if (options[name] !== value) return undefined
  return withText({ ...wanted, versions, options }, scheme)
}

/** Conflicts and weak requirements together: weak while both are and a version is left. */
function mergeRefusals(a: Requirement, b: Requirement, scheme: Scheme): Requirement {
  const refused = unionOf(refusedVersions(a), refusedVersions(b))
  if (a.kind === 'weak' && b.kind === 'weak' && !isAnySet(refused))
    return withText({ ...a, versions: complementOf(refused) }, scheme)
  return withText({ ...a, kind: 'conflict', versions: refused }, scheme)
}

function refusedVersions({ kind, versions }: Requirement): VersionSet {
  return kind === 'conflict' ? versions : differenceOf(anyVersion, versions)
}

function isIdleWeak({ kind, versions }: Requirement): boolean {
  return kind === 'weak' && isAnySet(versions)
}

function withText(requirement: Requirement, scheme: Scheme): Requirement {
  return { ...requirement, text: formatRequirement(requirement, scheme) }
}

function native(rest: string, kind: Requirement['kind'], text: string): Requirement {
  const end = rest.search(/[\s[<>=!*|]/)
  const name = parsePackageName(end < 0 ? rest : rest.slice(0, end))
  let after = end < 0 ? '' : rest.slice(end)
  let options: Record<string, OptionValue> = {}
  if (after.startsWith('[')) {
    const close = after.indexOf(']')
    if (close < 0) throw badRequirement(text, "'[' has no ']'")
    if (kind !== 'require')
      throw badRequirement(text, 'a conflict or weak requirement has no options')
    options = parseOptions(after.slice(1, close), text)
    after = after.slice(close + 1)
  }
  const versions = after.trim() === '' ? anyVersion : parseRange(after)
  return withText({ name, kind, versions, options, text }, 'native')
}

function parseOptions(list: string, text: string): Record<string, OptionValue> {
  const options = new Map<string, OptionValue>()
  for (const part of list.split(',')) {
    const [name = '', value = 'true', ...more] = part.split('=').map((word) => word.trim())
    if (!optionName.test(name)) throw badRequirement(text, `'${name}' is not an option name`)
    if (!optionValue.test(value) || more.length > 0)
      throw badRequirement(text, `'${part.trim()}' does not read as option=value`)
    if (options.has(name)) throw badRequirement(text, `option '${name}' occurs twice`)
    options.set(name, optionValueOf(value))
  }
  return Object.fromEntries(options)
}

/** `true` and `false` are switches; everything else is text. */
export function optionValueOf(text: string): OptionValue {
  return text === 'true' ? true : text === 'false' ? false : text
}

export function isOptionName(text: string): boolean {
  return optionName.test(text)
}

function rez(rest: string, kind: Requirement['kind'], text: string): Requirement {
  const end = rest.search(/[-@#=<>]/)
  const name = end < 0 ? rest : rest.slice(0, end)
  if (!rezName.test(name)) throw badRequirement(text, `'${name.slice(0, 80)}' is not a name`, 'rez')
  const range = end < 0 ? '' : rest.slice(end).replace(/^[-@#]/, '')
  const versions = parseRange(range, 'rez')
  return withText({ name, kind, versions, options: {}, text }, 'rez')
}

/** The range with its separator, which is kept as it was written. */
function rezRange({ name, versions, text }: Requirement): string {
  const range = formatRange(versions, 'rez')
  if (range === '' || /^[=<>]/.test(range)) return range
  const written = text.replace(/^[!~]/, '').charAt(name.length)
  return (written === '@' || written === '#' ? written : '-') + range
}

const forms = {
  native: "'imath', 'imath >=3.1,<4', 'openexr[python=true] 3'",
  rez: "'maya', 'maya-2024', 'usd-24+<25', '~python-3.10', '!openexr-2'",
} as const

function badRequirement(text: string, why: string, scheme: Scheme = 'native'): AppError {
  return new AppError(
    'model/bad-requirement',
    `'${text.slice(0, 160)}' is not a requirement: ${why}`,
    { hints: [`Write a package and a range: ${forms[scheme]}.`] },
  )
}
