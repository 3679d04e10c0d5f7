/**
 * Which variant of a package Rez would try first, from the numbers of a catalog alone.
 *
 * Invariant: the same order as that of `variant-order.ts`, where no orderer has a say.
 */
import { type Catalog, demandKinds, layout } from './catalog-layout.ts'

export interface RankOptions {
  readonly catalog: Catalog
  /** By subject: place among what is requested. */
  readonly placeOf: ReadonlyMap<number, number>
  readonly mode: 'version_priority' | 'intersection_priority'
}

/** What a variant is compared by, in pairs of numbers. */
interface Ranked {
  readonly index: number
  /** Place in the request and rank of what is shared with it, by place. */
  readonly shared: number[]
  /** Rank and subject of what else is required. */
  readonly further: number[]
}

const { subject: subjectAt, kind: kindAt, rank: rankAt } = layout.demand
const required = demandKinds.indexOf('require')

/**
 * Indices of variants in the order in which they are tried. Each is given by its demands, of which
 * no two are about one package.
 */
export function orderByRank(
  variants: readonly Uint32Array[],
  options: RankOptions,
): readonly number[] {
  const all = variants.map((demands, index) => rankedOf(demands, index, options))
  const counts = options.mode === 'intersection_priority'
  all.sort(
    (a, b) =>
      (counts ? b.shared.length - a.shared.length : 0) ||
      comparePairs(b.shared, a.shared, -1) ||
      a.further.length - b.further.length ||
      comparePairs(b.further, a.further, 1) ||
      b.index - a.index,
  )
  return all.map(({ index }) => index)
}

function rankedOf(demands: Uint32Array, index: number, { catalog, placeOf }: RankOptions): Ranked {
  const { words } = catalog
  const shared: number[] = []
  const further: number[] = []
  for (let item = 0; item < demands.length; item += 1) {
    const at = catalog.demandAt(demands[item] ?? 0)
    const subject = words[at + subjectAt] ?? 0
    const rank = words[at + rankAt] ?? 0
    const place = placeOf.get(subject)
    if (place !== undefined) insert(shared, place, rank)
    else if (words[at + kindAt] === required) further.push(rank, subject)
  }
  return { index, shared, further }
}

/** Puts a pair where it belongs by its first number. */
function insert(pairs: number[], first: number, second: number): void {
  let at = pairs.length
  while (at > 0 && (pairs[at - 2] ?? 0) > first) at -= 2
  pairs.splice(at, 0, first, second)
}

/** Pair by pair; `sign` turns round what the first number of each says. */
function comparePairs(a: readonly number[], b: readonly number[], sign: 1 | -1): number {
  const end = Math.min(a.length, b.length)
  for (let at = 0; at < end; at += 2) {
    const first = ((a[at] ?? 0) - (b[at] ?? 0)) * sign
    const order = first === 0 ? (a[at + 1] ?? 0) - (b[at + 1] ?? 0) : first
    if (order !== 0) return order
  }
  return a.length - b.length
}
