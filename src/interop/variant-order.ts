/**
 * Which variant of a package Rez would try first.
 *
 * `version_priority`: the highest versions of packages shared with the request, by their place in
 * it; then the fewest further packages; then the highest versions of those; then the name; then the
 * index. `intersection_priority`: the most packages shared with the request, then as before.
 * Source: rez 3.4 `solver.py`, `_PackageEntry.sort`; a range compares bound by bound.
 */
import {
  type Bound,
  complementOf,
  mergeRequirements,
  type Requirement,
  type VersionSet,
} from '#model/index.ts'
import type { Demand } from './catalog-layout.ts'

interface Shared {
  /** Place in the request, from 0. */
  readonly place: number
  readonly range: VersionSet
}

interface Further {
  readonly name: string
  readonly range: VersionSet
}

export interface VariantKey {
  readonly intersection: number
  readonly shared: readonly Shared[]
  readonly further: readonly Further[]
}

/** The key of a variant's requirements. */
export type VariantOrder = (requires: readonly Demand[]) => VariantKey

/** Keys for one request. */
export function variantOrderOf(
  request: readonly Requirement[],
  mode: 'version_priority' | 'intersection_priority',
): VariantOrder {
  const places = request.flatMap(({ name, kind }, place) =>
    kind === 'require' ? [{ name, place }] : [],
  )
  return (requires) => {
    const merged = mergedByName(requires)
    const shared = places.flatMap(({ name, place }) => {
      const own = merged.get(name)
      return own === undefined ? [] : [{ place, range: rangeOf(own) }]
    })
    const names = new Set(places.map(({ name }) => name))
    const further = [...merged.values()]
      .filter((own) => own.kind === 'require' && !names.has(own.name))
      .map((own) => ({ name: own.name, range: own.versions }))
    return { intersection: mode === 'version_priority' ? 0 : shared.length, shared, further }
  }
}

type Merged = Pick<Demand, 'name' | 'kind' | 'versions'>

function mergedByName(requires: readonly Demand[]): Map<string, Merged> {
  const merged = new Map<string, Merged>()
  for (const own of requires) {
    const before = merged.get(own.name)
    merged.set(own.name, before === undefined ? own : together(before, own))
  }
  return merged
}

/** Both demands as one; the first where they clash, because then nobody can have the variant. */
function together(a: Merged, b: Merged): Merged {
  const whole = (one: Merged): Requirement => ({ ...one, options: {}, text: one.name })
  return mergeRequirements(whole(a), whole(b), 'rez') ?? a
}

/** Rez keeps a weak requirement as the range that it refuses. */
function rangeOf({ kind, versions }: Merged): VersionSet {
  return kind === 'weak' ? complementOf(versions) : versions
}

/** Negative, 0 or positive as Rez would try `a` after, with or before `b`. */
export function compareVariants(a: VariantKey, b: VariantKey): number {
  return (
    a.intersection - b.intersection ||
    compareLists(a.shared, b.shared, compareShared) ||
    b.further.length - a.further.length ||
    compareLists(a.further, b.further, compareFurther)
  )
}

function compareShared(a: Shared, b: Shared): number {
  return b.place - a.place || compareRanges(a.range, b.range)
}

function compareFurther(a: Further, b: Further): number {
  return compareRanges(a.range, b.range) || compareText(a.name, b.name)
}

function compareRanges(a: VersionSet, b: VersionSet): number {
  return compareLists(
    a.intervals,
    b.intervals,
    (left, right) =>
      compareBounds(left.lower, right.lower, 'lower') ||
      compareBounds(left.upper, right.upper, 'upper'),
  )
}

/** Without bound: the smallest as a lower one, the greatest as an upper one. */
function compareBounds(
  a: Bound | undefined,
  b: Bound | undefined,
  side: 'lower' | 'upper',
): number {
  const outward = side === 'lower' ? -1 : 1
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? outward : -outward
  const order = compareText(a.version.key, b.version.key)
  if (order !== 0 || a.inclusive === b.inclusive) return order
  return a.inclusive ? outward : -outward
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function compareLists<Item>(
  a: readonly Item[],
  b: readonly Item[],
  compare: (a: Item, b: Item) => number,
): number {
  for (const [index, left] of a.entries()) {
    const right = b[index]
    if (right === undefined) return 1
    const order = compare(left, right)
    if (order !== 0) return order
  }
  return a.length - b.length
}
