/**
 * Families with ids for their candidates, and what is demanded of them, kept from one request to
 * the next where no request can change it.
 *
 * Invariant: what a shelf holds depends on its `familyOf` alone. Ids of candidates lie one behind
 * the other, families in the order in which anybody looked at them.
 */
import type { CandidateId, Dependency, PackageId } from '#solver/index.ts'
import type { Catalog, Demand } from './catalog-layout.ts'
import { type Family, packageFamily } from './rez-family.ts'
import type { Wish } from './rez-terms.ts'
import { type Span, spansOf } from './span.ts'

/** A demand, and where the candidates that it allows lie in their family. */
export type RezDependency = Dependency & Wish

/** A family with ids for its candidates. */
export interface Row extends Family {
  readonly id: PackageId
  readonly firstId: CandidateId
  /** By repository, and by where the lists of requirements lie there. */
  readonly dependencies: readonly Map<number, readonly RezDependency[]>[]
  /** Sets of candidates by their spans, so that equal demands share one. */
  readonly allowed: Map<string | number, readonly CandidateId[]>
  ids: readonly CandidateId[] | undefined
}

export interface Shelf {
  /** Ids of candidates and origins of demands count from here. */
  readonly base: number
  readonly familyOf: (id: PackageId) => Family
  readonly rows: (Row | undefined)[]
  /** Packages in the order in which they were looked at, and the first id of each. */
  readonly order: PackageId[]
  readonly firstIds: CandidateId[]
  readonly demands: Demand[]
  readonly dependencies: Map<Demand, RezDependency>
}

export function shelfOf(base: number, familyOf: Shelf['familyOf']): Shelf {
  return {
    base,
    familyOf,
    rows: [],
    order: [],
    firstIds: [],
    demands: [],
    dependencies: new Map(),
  }
}

const kept = new WeakMap<Catalog, Shelf>()

/** The shelf of all families of a catalog as they are. */
export function keptShelf(catalog: Catalog): Shelf {
  const known = kept.get(catalog)
  if (known !== undefined) return known
  const shelf = shelfOf(0, (id) =>
    packageFamily({
      name: catalog.subjectName(id),
      sources: [catalog.familyOf(id)],
      before: undefined,
      filter: undefined,
      compare: undefined,
      phantoms: false,
    }),
  )
  kept.set(catalog, shelf)
  return shelf
}

export function rowIn(shelf: Shelf, id: PackageId): Row {
  const known = shelf.rows[id]
  if (known !== undefined) return known
  const last = shelf.rows[shelf.order.at(-1) ?? -1]
  const firstId = last === undefined ? shelf.base : last.firstId + last.size
  const family = shelf.familyOf(id)
  const dependencies = family.sources.map(() => new Map<number, readonly RezDependency[]>())
  const row: Row = { ...family, id, firstId, dependencies, allowed: new Map(), ids: undefined }
  shelf.rows[id] = row
  shelf.order.push(id)
  shelf.firstIds.push(firstId)
  return row
}

/** The package of a candidate that has its id from here; undefined when none has. */
export function ownerIn({ order, firstIds }: Shelf, id: CandidateId): PackageId | undefined {
  let low = 0
  let high = firstIds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((firstIds[middle] ?? 0) <= id) low = middle + 1
    else high = middle
  }
  return order[low - 1]
}

export function idsOf(row: Row): readonly CandidateId[] {
  if (row.ids !== undefined) return row.ids
  const ids: CandidateId[] = []
  for (let id = row.firstId; id < row.firstId + row.size; id += 1) ids.push(id)
  row.ids = ids
  return ids
}

/** A package, and the shelf of its family. */
export interface Target {
  readonly id: PackageId
  readonly on: Shelf
}

/** What a demand on a package is to the solver. */
export function dependencyIn(shelf: Shelf, demand: Demand, { id, on }: Target): RezDependency {
  const known = shelf.dependencies.get(demand)
  if (known !== undefined) return known
  let spans: readonly Span[] | undefined
  const made: RezDependency = {
    package: id,
    needed: demand.kind === 'require',
    get spans() {
      return (spans ??= spansIn(rowIn(on, id), demand))
    },
    get allowed() {
      return allowedIn(rowIn(on, id), demand, made.spans)
    },
    origin: shelf.base + shelf.demands.push(demand) - 1,
  }
  shelf.dependencies.set(demand, made)
  return made
}

/** A phantom satisfies whoever wants it and offends nobody. */
function spansIn(row: Row, demand: Demand): readonly Span[] {
  if (row.kind === 'phantom') return [{ start: 0, end: row.size }]
  return row.isWhole && demand.inCatalog ? demand.inCatalog.spans() : spansOf(row, demand)
}

function allowedIn(row: Row, demand: Demand, spans: readonly Span[]): readonly CandidateId[] {
  const ids = idsOf(row)
  const [only] = spans
  if (spans.length === 1 && only?.start === 0 && only.end === ids.length) return ids
  const place = row.isWhole ? demand.inCatalog?.spansAt : undefined
  const name = place ?? spans.map(({ start, end }) => `${start}-${end}`).join()
  const known = row.allowed.get(name)
  if (known !== undefined) return known
  const allowed: CandidateId[] = []
  for (const { start, end } of spans)
    for (let id = row.firstId + start; id < row.firstId + end; id += 1) allowed.push(id)
  row.allowed.set(name, allowed)
  return allowed
}
