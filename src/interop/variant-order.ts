/**
 * Which variant of a package Rez would try first.
 *
 * `version_priority`: the highest versions of packages shared with the request, by their place in
 * it; then the fewest further packages; then the highest versions of those; then the name; then the
 * index. `intersection_priority`: the most packages shared with the request, then as before.
 * Source: rez 3.4 `solver.py`, `_PackageEntry.sort`; a range compares bound by bound.
 */
import { compareText } from '#kernel/index.ts'
import { type Bound, complementOf, type Requirement, type VersionSet } from '#model/index.ts'
import type { Demand } from './catalog-layout.ts'
import type { CompareKeys, OrdererOf } from './package-order.ts'

/** A demand that is compared. */
interface Compared {
  readonly demand: Demand
  readonly compare: CompareKeys
}

interface Shared extends Compared {
  /** Place in the request, from 0. */
  readonly place: number
}

export interface VariantKey {
  readonly intersection: number
  /** By their place. */
  readonly shared: readonly Shared[]
  readonly furtherCount: number
  /** Looked at only where all before is equal. */
  readonly further: () => readonly Compared[]
}

/** The key of what a variant requires, one demand for each package. */
export type VariantOrder = (requires: readonly Demand[]) => VariantKey

/** Keys for one request. */
export function variantOrderOf(
  request: readonly Requirement[],
  mode: 'version_priority' | 'intersection_priority',
  orderer: OrdererOf = () => undefined,
): VariantOrder {
  const compareOf = (name: string): CompareKeys => orderer(name) ?? compareText
  const places = new Map<string, number>()
  for (const [place, { name, kind }] of request.entries())
    if (kind === 'require') places.set(name, place)
  return (requires) => {
    const shared: Shared[] = []
    const others: Demand[] = []
    for (const demand of requires) {
      const place = places.get(demand.name)
      if (place !== undefined) shared.push({ place, demand, compare: compareOf(demand.name) })
      else if (demand.kind === 'require') others.push(demand)
    }
    return {
      intersection: mode === 'version_priority' ? 0 : shared.length,
      shared: shared.sort((a, b) => a.place - b.place),
      furtherCount: others.length,
      further: () => others.map((demand) => ({ demand, compare: compareOf(demand.name) })),
    }
  }
}

/** Rez keeps a weak requirement as the range that it refuses. */
function rangeOf({ kind, versions }: Pick<Demand, 'kind' | 'versions'>): VersionSet {
  return kind === 'weak' ? complementOf(versions) : versions
}

/** Negative, 0 or positive as Rez would try `a` after, with or before `b`. */
export function compareVariants(a: VariantKey, b: VariantKey): number {
  return (
    a.intersection - b.intersection ||
    compareLists(a.shared, b.shared, compareShared) ||
    b.furtherCount - a.furtherCount ||
    compareLists(a.further(), b.further(), compareFurther)
  )
}

function compareShared(a: Shared, b: Shared): number {
  return b.place - a.place || compareOrdered(a, b)
}

function compareFurther(a: Compared, b: Compared): number {
  return compareOrdered(a, b) || compareText(a.demand.name, b.demand.name)
}

/** Ranges of packages that have different orderers compare as versions do. */
function compareOrdered(a: Compared, b: Compared): number {
  const compare = a.compare === b.compare ? a.compare : compareText
  return compareRanges(a.demand, b.demand, compare)
}

/** Negative, 0 or positive as the range of `a` is lower, equal or higher. */
export function compareRanges(
  a: Pick<Demand, 'kind' | 'versions'>,
  b: Pick<Demand, 'kind' | 'versions'>,
  compare: CompareKeys = compareText,
): number {
  return compareLists(
    rangeOf(a).intervals,
    rangeOf(b).intervals,
    (left, right) =>
      compareBounds(left.lower, right.lower, { outward: -1, compare }) ||
      compareBounds(left.upper, right.upper, { outward: 1, compare }),
  )
}

interface Side {
  /** Where a bound that includes its version lies to one that does not. */
  readonly outward: -1 | 1
  readonly compare: CompareKeys
}

/** Without bound: the empty version as a lower one, what is above all versions as an upper one. */
function compareBounds(
  a: Bound | undefined,
  b: Bound | undefined,
  { outward, compare }: Side,
): number {
  const unbounded = outward < 0 ? '' : aboveAll
  const order = compare(a?.version.key ?? unbounded, b?.version.key ?? unbounded)
  const first = a?.inclusive ?? true
  if (order !== 0 || first === (b?.inclusive ?? true)) return order
  return first ? outward : -outward
}

const aboveAll = '\uFFFF'

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
