/**
 * Ranges as text, in either scheme.
 *
 * Invariant: `parseRange(formatRange(set, s), s)` equals `set`, for every set that scheme `s` can
 * write. What cannot be read is an error, never a guess; so is a range that holds no version.
 */
import { AppError } from '#kernel/index.ts'
import { formatNative, nativeInterval, nativeNone } from './range-native.ts'
import { formatRez, isTornByRez, rezInterval, rezUnion } from './range-rez.ts'
import type { Scheme } from './version.ts'
import {
  anyVersion,
  type Interval,
  isAnySet,
  isEmptySet,
  noVersion,
  type VersionSet,
  versionSet,
} from './version-set.ts'

const rangeLengthMax = 16_384
/** Characters of a range that a message has; the place of the fault is shown below it. */
const shownMax = 60

/**
 * The versions that a range names: alternatives between `|`.
 * @throws AppError `model/bad-range`
 */
export function parseRange(text: string, scheme: Scheme = 'native'): VersionSet {
  if (text.length > rangeLengthMax)
    throw badRange(text, `it is longer than ${rangeLengthMax} characters`, scheme)
  const whole = text.trim()
  if (scheme === 'native' && whole === nativeNone) return noVersion
  const intervals: Interval[] = []
  let any = false
  for (const part of whole.split('|')) {
    const alternative = part.trim()
    if (scheme === 'rez' && alternative === '') any = true
    else intervals.push(...alternativeOf(alternative, text, scheme))
  }
  if (any) return anyVersion
  return scheme === 'native' ? versionSet(intervals) : rezSet(intervals, text)
}

/**
 * The canonical text of a set. Native `*` is any version and `!*` none; in Rez's scheme any is the
 * empty text, and the empty set, which Rez cannot write, is `!*` too.
 */
export function formatRange(set: VersionSet, scheme: Scheme = 'native'): string {
  if (isEmptySet(set)) return nativeNone
  if (isAnySet(set)) return scheme === 'native' ? '*' : ''
  return scheme === 'native'
    ? set.intervals.map(formatNative).join(' | ')
    : set.intervals.map(formatRez).join('|')
}

function rezSet(intervals: readonly Interval[], text: string): VersionSet {
  const merged = rezUnion(intervals)
  if (isTornByRez(merged))
    throw badRange(text, 'its alternatives meet in a way that Rez cannot invert', 'rez')
  return versionSet(merged)
}

function alternativeOf(part: string, whole: string, scheme: Scheme): readonly Interval[] {
  let found: VersionSet | string
  try {
    found = scheme === 'native' ? nativeInterval(part) : rezInterval(part)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw badRange(whole, error.message, scheme)
  }
  if (typeof found === 'string') throw badRange(whole, found, scheme)
  if (isEmptySet(found)) throw badRange(whole, `no version can be in '${part}'`, scheme)
  return found.intervals
}

function badRange(text: string, why: string, scheme: Scheme): AppError {
  const forms =
    scheme === 'native' ? '3.1 · >=3.1,<4 · ==3.1.9 · 3.1 | 3.3 · *' : '3.1 · 3.1+<4 · ==3.1.9'
  const whole = text.trim()
  const shown = whole.length > shownMax ? `${whole.slice(0, shownMax)}…` : whole
  return new AppError('model/bad-range', `'${shown}' is not a range: ${why}`, {
    hints: [`Forms of a range: ${forms}`],
  })
}
