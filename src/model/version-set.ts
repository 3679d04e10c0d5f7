/**
 * Sets of versions: unions of intervals over version keys, and their algebra.
 *
 * Invariant: the intervals of a set are sorted, disjoint, not empty, and do not touch, so equal
 * sets have equal intervals. Keys are treated as dense. Nothing here knows a scheme.
 * Not here: how ranges are written (`range-native.ts`, `range-rez.ts`).
 */
import { compareVersions, isPrerelease, type Version } from './version.ts'

export interface Bound {
  readonly version: Version
  readonly inclusive: boolean
}

/** Without `lower` from the smallest version on; without `upper` without end. */
export interface Interval {
  readonly lower?: Bound
  readonly upper?: Bound
}

export interface VersionSet {
  readonly intervals: readonly Interval[]
}

export const anyVersion: VersionSet = { intervals: [{}] }
export const noVersion: VersionSet = { intervals: [] }

/** Whether the version is in the set. */
export function contains(set: VersionSet, version: Version): boolean {
  const { key } = version
  let low = 0
  let high = set.intervals.length
  while (low < high) {
    const middle = (low + high) >> 1
    const { lower, upper } = set.intervals[middle] ?? {}
    if (lower && (key < lower.version.key || (key === lower.version.key && !lower.inclusive)))
      high = middle
    else if (upper && (key > upper.version.key || (key === upper.version.key && !upper.inclusive)))
      low = middle + 1
    else return true
  }
  return false
}

/** The set of any intervals, in any order, empty and overlapping ones too. */
export function versionSet(intervals: Iterable<Interval>): VersionSet {
  const sorted = [...intervals].map(canonical).filter(isFilled)
  sorted.sort((a, b) => compareLower(a.lower, b.lower))
  const merged: Interval[] = []
  for (const interval of sorted) {
    const last = merged.at(-1)
    if (last && joins(last.upper, interval.lower)) {
      if (compareUpper(last.upper, interval.upper) < 0)
        merged[merged.length - 1] = made(last.lower, interval.upper)
    } else merged.push(interval)
  }
  return { intervals: merged }
}

/** The versions that are in at least one of the sets. */
export function unionOf(...sets: readonly VersionSet[]): VersionSet {
  return versionSet(sets.flatMap((set) => set.intervals))
}

/** The versions that are in both sets. */
export function intersectionOf(a: VersionSet, b: VersionSet): VersionSet {
  const found: Interval[] = []
  for (let i = 0, j = 0; ; ) {
    const left = a.intervals[i]
    const right = b.intervals[j]
    if (!left || !right) return { intervals: found }
    const lower = compareLower(left.lower, right.lower) < 0 ? right.lower : left.lower
    const upper = compareUpper(left.upper, right.upper) < 0 ? left.upper : right.upper
    const both = made(lower, upper)
    if (isFilled(both)) found.push(both)
    if (compareUpper(left.upper, right.upper) < 0) i += 1
    else j += 1
  }
}

/** The versions that are not in the set. */
export function complementOf(set: VersionSet): VersionSet {
  const gaps: Interval[] = []
  let lower: Bound | undefined
  for (const interval of set.intervals) {
    if (interval.lower) gaps.push(made(lower, flipped(interval.lower)))
    if (!interval.upper) return { intervals: gaps }
    lower = flipped(interval.upper)
  }
  return { intervals: [...gaps, made(lower, undefined)] }
}

/** The versions of `a` that are not in `b`. */
export function differenceOf(a: VersionSet, b: VersionSet): VersionSet {
  return intersectionOf(a, complementOf(b))
}

/** Whether every version of `a` is in `b`. */
export function isSubset(a: VersionSet, b: VersionSet): boolean {
  return isEmptySet(differenceOf(a, b))
}

/** Whether some version is in both sets. */
export function intersects(a: VersionSet, b: VersionSet): boolean {
  return !isEmptySet(intersectionOf(a, b))
}

/** Whether the sets hold the same versions. */
export function equalSets(a: VersionSet, b: VersionSet): boolean {
  return (
    a.intervals.length === b.intervals.length &&
    a.intervals.every((interval, index) => {
      const other = b.intervals[index] ?? {}
      return (
        compareLower(interval.lower, other.lower) === 0 &&
        compareUpper(interval.upper, other.upper) === 0
      )
    })
  )
}

export function isEmptySet(set: VersionSet): boolean {
  return set.intervals.length === 0
}

export function isAnySet(set: VersionSet): boolean {
  const [only] = set.intervals
  return only !== undefined && !only.lower && !only.upper
}

/** Whether all versions from some point on are left out; true for the empty set. */
export function isBoundedAbove(set: VersionSet): boolean {
  return set.intervals.at(-1)?.upper !== undefined || isEmptySet(set)
}

/**
 * Whether a pre-release is asked for: some bound is one. Without that, whoever chooses versions
 * leaves pre-releases out (docs/formats/ranges.md, "Pre-releases").
 */
export function namesPrerelease(set: VersionSet): boolean {
  return set.intervals.some(
    ({ lower, upper }) =>
      (lower !== undefined && isPrerelease(lower.version)) ||
      (upper !== undefined && isPrerelease(upper.version)),
  )
}

/** An interval whose missing bounds are missing members, as exact optional types want them. */
export function made(lower: Bound | undefined, upper: Bound | undefined): Interval {
  return { ...(lower && { lower }), ...(upper && { upper }) }
}

const smallestKey = '!'

/** From the smallest version on, that included, is the same as without a lower bound. */
function canonical(interval: Interval): Interval {
  if (interval.lower?.inclusive && interval.lower.version.key === smallestKey)
    return made(undefined, interval.upper)
  return interval
}

function isFilled({ lower, upper }: Interval): boolean {
  if (!upper) return true
  if (!lower) return upper.inclusive || upper.version.key !== smallestKey
  const order = compareVersions(lower.version, upper.version)
  return order < 0 || (order === 0 && lower.inclusive && upper.inclusive)
}

function flipped(bound: Bound): Bound {
  return { version: bound.version, inclusive: !bound.inclusive }
}

/** Whether an interval that ends at `upper` overlaps or touches one that starts at `lower`. */
export function joins(upper: Bound | undefined, lower: Bound | undefined): boolean {
  if (!upper || !lower) return true
  const order = compareVersions(lower.version, upper.version)
  return order < 0 || (order === 0 && (lower.inclusive || upper.inclusive))
}

/** Negative, 0 or positive as `a` starts before, with or after `b`. */
export function compareLower(a: Bound | undefined, b: Bound | undefined): number {
  if (!a || !b) return a ? 1 : b ? -1 : 0
  const order = compareVersions(a.version, b.version)
  return order === 0 ? Number(b.inclusive) - Number(a.inclusive) : order
}

/** Negative, 0 or positive as `a` ends before, with or after `b`. */
export function compareUpper(a: Bound | undefined, b: Bound | undefined): number {
  if (!a || !b) return a ? -1 : b ? 1 : 0
  const order = compareVersions(a.version, b.version)
  return order === 0 ? Number(a.inclusive) - Number(b.inclusive) : order
}
