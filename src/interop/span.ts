/**
 * Stretches of candidates: those of a family have places, and a range allows a few spans of them.
 *
 * Places count from 0: versions newest first, or in the order of an orderer, their
 * variants by index.
 */
import { complementOf, contains, type Requirement, type VersionSet } from '#model/index.ts'

/** Places from `start` up to and without `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Versions in the order in which they are tried, by their keys. */
export interface Versions {
  readonly count: number
  /** Whether that is newest first. */
  readonly sorted: boolean
  readonly keyOf: (version: number) => string
  /** Of each version the place of its first candidate, and at the end how many there are. */
  readonly firstOf: ArrayLike<number>
}

/** Where the candidates lie that a demand allows. */
export function spansOf(
  family: Versions,
  { kind, versions }: Pick<Requirement, 'kind' | 'versions'>,
): readonly Span[] {
  const { count, firstOf } = family
  const allowed = kind === 'conflict' ? complementOf(versions) : versions
  if (!family.sorted) return spansOneByOne(family, allowed)
  const { intervals } = allowed
  const spans: Span[] = []
  for (let at = intervals.length - 1; at >= 0; at -= 1) {
    const { lower, upper } = intervals[at] ?? {}
    const first = upper === undefined ? 0 : firstBelow(family, upper.version.key, !upper.inclusive)
    const behind =
      lower === undefined ? count : firstBelow(family, lower.version.key, lower.inclusive)
    const start = firstOf[first] ?? 0
    const end = firstOf[behind] ?? 0
    if (start < end) spans.push({ start, end })
  }
  return spans
}

/** Where versions lie in any order, each is looked at. */
function spansOneByOne({ count, keyOf, firstOf }: Versions, allowed: VersionSet): readonly Span[] {
  const spans: { start: number; end: number }[] = []
  for (let version = 0; version < count; version += 1) {
    if (!contains(allowed, { text: '', key: keyOf(version) })) continue
    const start = firstOf[version] ?? 0
    const end = firstOf[version + 1] ?? 0
    const last = spans.at(-1)
    if (last?.end === start) last.end = end
    else if (start < end) spans.push({ start, end })
  }
  return spans
}

/** The place of the first version that is below this key, or equal to it unless `past`. */
function firstBelow({ count, keyOf }: Versions, key: string, past: boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    const own = keyOf(middle)
    if (own > key || (past && own === key)) low = middle + 1
    else high = middle
  }
  return low
}

/** The places that both lists of spans hold. */
export function meeting(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  return a.flatMap((one) =>
    b.flatMap((other) => {
      const start = Math.max(one.start, other.start)
      const end = Math.min(one.end, other.end)
      return start < end ? [{ start, end }] : []
    }),
  )
}

/** The version that has the candidate at a place. */
export function versionAt({ count, firstOf }: Versions, place: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >> 1
    if ((firstOf[middle] ?? 0) <= place) low = middle + 1
    else high = middle
  }
  return low - 1
}
