/**
 * Rez repositories as a `PackageSource`: families become packages, variants become candidates.
 *
 * Invariant: a family is read when it is first looked at, not when somebody names it. Candidates
 * are newest first, or as an orderer has them; of one version the variants as Rez's
 * `version_priority` (or `intersection_priority`) puts them, which depends on the request.
 * Source: rez 3.4 `solver.py`; docs/rez.md, «Solving».
 */
import type { Requirement } from '#model/index.ts'
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'
import type { Catalog, CatalogPackage, Demand } from './catalog-layout.ts'
import type { PackageFilter } from './package-filter.ts'
import { type OrdererOf, ordererOf, type OrdererSettings } from './package-order.ts'
import {
  ephemeralFamily,
  type Family,
  type Found,
  packageFamily,
  releasesOf,
} from './rez-family.ts'
import { meeting, type Span, spansOf, versionAt } from './span.ts'
import { compareVariants, type VariantOrder, variantOrderOf } from './variant-order.ts'

export interface Repository {
  /** Absolute. */
  readonly path: string
  readonly catalog: Catalog
}

export interface UniverseOptions {
  readonly repositories: readonly Repository[]
  /** What is asked for: merged, in order. */
  readonly request: readonly Requirement[]
  readonly variantSelectMode: 'version_priority' | 'intersection_priority'
  /** Packages released after this (seconds since 1970) are not looked at. */
  readonly before: number | undefined
  /** Packages that are not looked at. */
  readonly filter?: PackageFilter | undefined
  /** Where versions are tried in another order than newest first. */
  readonly orderers?: readonly OrdererSettings[] | undefined
  /** Whether a family that is nowhere may stand in for itself, so that it can be named. */
  readonly phantoms: boolean
}

/** One variant, or a whole package without variants. */
export interface RezCandidate {
  readonly family: PackageId
  readonly kind: Family['kind']
  /** Place among the repositories, and of the package in its family there. */
  readonly repository: number
  readonly place: number
  /** -1 when the package has no variants. */
  readonly variant: number
}

/** A demand, and where the candidates that it allows lie in their family. */
export interface RezDependency extends Dependency {
  readonly spans: readonly Span[]
}

/** What is demanded of a package, in places. */
export type Wish = Pick<RezDependency, 'package' | 'needed' | 'spans'>

/** Demands of which each is on another package. */
export type Merged = readonly Wish[]

export interface RezUniverse extends PackageSource {
  /** What is asked for: packages in order, then ephemerals. */
  readonly roots: readonly RezDependency[]
  readonly family: (id: PackageId) => Family
  /**
   * What each candidate whose place has a 1 requires, demands on one package merged as Rez does:
   * one list for all that require the same; undefined elsewhere.
   */
  readonly requirementsOf: (id: PackageId, left: Uint8Array) => readonly (Merged | undefined)[]
  /** Indices of a version's variants, those first that Rez would try first; [-1] without. */
  readonly variantOrder: (id: PackageId, version: number) => readonly number[]
  readonly candidateAt: (id: PackageId, place: number) => RezCandidate
  readonly candidate: (id: CandidateId) => RezCandidate
  readonly packageFor: (candidate: RezCandidate) => CatalogPackage | undefined
  readonly requiresOf: (candidate: RezCandidate) => readonly Demand[]
  readonly nameOf: (id: PackageId) => string
  /** Demands by the `origin` of a dependency. */
  readonly demandOf: (origin: number) => Demand
  /** Families that were looked at. */
  readonly reached: () => readonly string[]
}

interface Requirements {
  readonly all: readonly RezDependency[]
  readonly merged: Merged
}

/** A family that was looked at, with ids for its candidates, one behind the other. */
interface Row extends Family {
  readonly firstId: CandidateId
  /** By where the lists of requirements lie in a repository. */
  readonly requirements: readonly Map<number, Requirements>[]
  readonly ids: () => readonly CandidateId[]
}

interface State {
  readonly options: UniverseOptions
  readonly orderer: OrdererOf
  readonly order: VariantOrder
  readonly names: string[]
  readonly idOf: Map<string, PackageId>
  readonly rows: (Row | undefined)[]
  /** Packages in the order in which they were looked at, and the first id of each. */
  readonly seen: PackageId[]
  readonly firstIds: CandidateId[]
  readonly demands: Demand[]
  readonly dependencies: Map<Demand, RezDependency>
  /** Sets of candidates, so that equal demands share one. */
  readonly allowed: Map<string, readonly CandidateId[]>
  /** Orders of variants, which many versions share. */
  readonly orders: Map<string, readonly number[]>
}

/** The repositories as one request sees them. */
export function rezUniverse(options: UniverseOptions): RezUniverse {
  const orderer = ordererOf(options.orderers ?? [], (name) => releasesOf(sourcesOf(options, name)))
  const state: State = {
    options,
    orderer,
    order: variantOrderOf(options.request, options.variantSelectMode, orderer),
    names: [],
    idOf: new Map(),
    rows: [],
    seen: [],
    firstIds: [],
    demands: [],
    dependencies: new Map(),
    allowed: new Map(),
    orders: new Map(),
  }
  const asked = options.request.map((one) => ({ ...one, text: () => one.text }))
  // An ephemeral chooses nothing, so what is asked of one must not come before packages.
  const [packages, ephemerals] = [false, true].map((is) =>
    asked.filter((one) => one.name.startsWith('.') === is),
  )
  return {
    candidates: (id) => rowOf(state, id).ids(),
    packageOf: (id) => ownerOf(state, id),
    dependencies: (id) => {
      const candidate = candidateOf(state, id)
      if (candidate.kind !== 'package') return []
      return requirementsOf(state, rowOf(state, candidate.family), candidate).all
    },
    roots: [...(packages ?? []), ...(ephemerals ?? [])].map((one) => dependencyOf(state, one)),
    family: (id) => rowOf(state, id),
    requirementsOf: (id, left) => requirementsOfAll(state, rowOf(state, id), left),
    variantOrder: (id, version) => variantOrder(state, id, version),
    candidateAt: (id, place) => candidateAt(state, id, place),
    candidate: (id) => candidateOf(state, id),
    packageFor: (candidate) => packageFor(state, candidate),
    requiresOf: (candidate) => requiresOf(state, candidate),
    nameOf: (id) => state.names[id] ?? '',
    demandOf: (origin) => {
      const demand = state.demands[origin]
      if (demand === undefined) throw new TypeError('origins come from this source')
      return demand
    },
    reached: () => state.seen.map((id) => state.names[id] ?? ''),
  }
}

/** Variants of a version get their order when one of them is looked at first. */
function candidateOf(state: State, id: CandidateId): RezCandidate {
  const owner = ownerOf(state, id)
  const row = rowOf(state, owner)
  const { firstId, firstOf } = row
  const version = versionAt(row, id - firstId)
  const first = firstOf[version] ?? 0
  if ((firstOf[version + 1] ?? 0) - first < 2) return candidateAt(state, owner, first)
  const variant = variantOrder(state, owner, version)[id - firstId - first] ?? 0
  return candidateAt(state, owner, first + variant)
}

function candidateAt(state: State, id: PackageId, place: number): RezCandidate {
  const row = rowOf(state, id)
  const { kind, sources, firstOf } = row
  const version = versionAt(row, place)
  const found = row.found(version)
  if (kind !== 'package') return { family: id, kind, repository: -1, place: -1, variant: -1 }
  const count = sources[found.repository]?.variantCount(found.place) ?? -1
  const variant = count < 0 ? -1 : place - (firstOf[version] ?? 0)
  return { family: id, kind, ...found, variant }
}

function ownerOf({ seen, firstIds }: State, id: CandidateId): PackageId {
  let low = 0
  let high = firstIds.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((firstIds[middle] ?? 0) <= id) low = middle + 1
    else high = middle
  }
  return seen[low - 1] ?? missing()
}

function packageId(state: State, name: string): PackageId {
  const known = state.idOf.get(name)
  if (known !== undefined) return known
  const id = state.names.push(name) - 1
  state.idOf.set(name, id)
  return id
}

function rowOf(state: State, id: PackageId): Row {
  const known = state.rows[id]
  if (known !== undefined) return known
  const last = state.rows[state.seen.at(-1) ?? -1]
  const firstId = last === undefined ? 0 : last.firstId + last.size
  const family = familyOf(state, state.names[id] ?? '')
  let ids: readonly CandidateId[] | undefined
  const row: Row = Object.assign(family, {
    firstId,
    requirements: family.sources.map(() => new Map<number, Requirements>()),
    ids: () => (ids ??= Array.from({ length: family.size }, (_, place) => firstId + place)),
  })
  state.rows[id] = row
  state.seen.push(id)
  state.firstIds.push(firstId)
  return row
}

function familyOf({ options, orderer }: State, name: string): Family {
  const { repositories, request, before, filter, phantoms } = options
  if (name.startsWith('.'))
    return ephemeralFamily(
      name,
      [
        ...request.filter((one) => one.name === name),
        ...repositories.flatMap(({ catalog }) => catalog.ephemeral(name)),
      ].map(({ versions }) => versions),
    )
  const compare = orderer(name)
  return packageFamily({
    name,
    sources: sourcesOf(options, name),
    before,
    filter,
    compare,
    phantoms,
  })
}

function sourcesOf({ repositories }: UniverseOptions, name: string) {
  return repositories.map(({ catalog }) => catalog.family(name))
}

const without: readonly number[] = [-1]
const alone: readonly number[] = [0]

/** Indices of a version's variants, those first that Rez would try first. */
function variantOrder(state: State, id: PackageId, version: number): readonly number[] {
  const { found, sources } = rowOf(state, id)
  const { repository, place } = found(version)
  const family = sources[repository] ?? missing()
  const catalog = state.options.repositories[repository]?.catalog
  const count = family.variantCount(place)
  if (count < 2) return count < 0 ? without : count === 1 ? alone : []
  const name = `${id}:${repository}:${family.variantsName(place)}`
  const known = state.orders.get(name)
  if (known !== undefined) return known
  const { requires, variants = [] } = family.package(place)
  const demandsOf = (ids: Uint32Array) =>
    Array.from(ids, (own) => catalog?.demand(own) ?? missing())
  const own = variants.map(demandsOf)
  const all = demandsOf(requires)
  // What all variants require makes a difference only where a variant says more about the same:
  // then it is compared in its place.
  const names = new Set(own.flatMap((demands) => demands.map((demand) => demand.name)))
  const common = all.some((demand) => names.has(demand.name)) ? all : []
  const order = own
    .map((demands, index) => ({ index, key: state.order([...common, ...demands]) }))
    .sort((a, b) => compareVariants(b.key, a.key) || b.index - a.index)
    .map(({ index }) => index)
  state.orders.set(name, order)
  return order
}

function packageFor(state: State, { family, repository, place }: RezCandidate) {
  const catalog = state.options.repositories[repository]?.catalog
  return catalog?.family(state.names[family] ?? '')?.package(place)
}

/** Wide enough for the place of a list in a family's record. */
const placesMax = 2 ** 26

function requirementsOf(
  state: State,
  { sources, requirements }: Row,
  { repository, place, variant }: Found & { readonly variant: number },
): Requirements {
  const family = sources[repository] ?? missing()
  const known = requirements[repository] ?? missing()
  const common = family.requiresAt(place)
  const own = variant < 0 ? 0 : family.variantAt(place, variant)
  const key = common * placesMax + own
  const before = known.get(key)
  if (before !== undefined) return before
  const catalog = state.options.repositories[repository]?.catalog ?? missing()
  const all: RezDependency[] = []
  for (const id of family.listAt(common)) all.push(dependencyOf(state, catalog.demand(id)))
  if (variant >= 0)
    for (const id of family.listAt(own)) all.push(dependencyOf(state, catalog.demand(id)))
  const made = { all, merged: mergedDemands(all) }
  known.set(key, made)
  return made
}

function requirementsOfAll(
  state: State,
  row: Row,
  left: Uint8Array,
): readonly (Merged | undefined)[] {
  const { kind, count, firstOf, sources } = row
  const all: (Merged | undefined)[] = []
  for (let version = 0; version < count; version += 1) {
    const { repository, place } = row.found(version)
    const first = firstOf[version] ?? 0
    const end = firstOf[version + 1] ?? 0
    const isWhole = (sources[repository]?.variantCount(place) ?? -1) < 0
    for (let at = first; at < end; at += 1) {
      if (left[at] === 0) all.push(undefined)
      else if (kind !== 'package') all.push(nothing)
      else {
        const variant = isWhole ? -1 : at - first
        all.push(requirementsOf(state, row, { repository, place, variant }).merged)
      }
    }
  }
  return all
}

function mergedDemands(all: readonly RezDependency[]): Merged {
  if (!all.some((one, at) => isNamedLater(all, one.package, at))) return all
  const names = new Set(all.map((one) => one.package))
  return [...names].map((name) => {
    const own = all.filter((one) => one.package === name)
    const [first] = own
    if (own.length === 1 && first !== undefined) return first
    let both: readonly Span[] | undefined
    return {
      package: name,
      needed: own.some(({ needed }) => needed),
      get spans() {
        return (both ??= own.map(({ spans }) => spans).reduce(meeting))
      },
    }
  })
}

function isNamedLater(all: readonly RezDependency[], id: PackageId, at: number): boolean {
  for (let other = at + 1; other < all.length; other += 1)
    if (all[other]?.package === id) return true
  return false
}

const nothing: Merged = []

function requiresOf(
  state: State,
  { family: id, repository, place, variant }: RezCandidate,
): readonly Demand[] {
  const family = rowOf(state, id).sources[repository]
  const catalog = state.options.repositories[repository]?.catalog
  if (family === undefined || catalog === undefined) return []
  const own = variant < 0 ? [] : family.listAt(family.variantAt(place, variant))
  return [...family.listAt(family.requiresAt(place)), ...own].map(catalog.demand)
}

function missing(): never {
  throw new TypeError('Broken invariant: packages come from the repositories')
}

function dependencyOf(state: State, demand: Demand): RezDependency {
  const known = state.dependencies.get(demand)
  if (known !== undefined) return known
  const id = packageId(state, demand.name)
  let spans: readonly Span[] | undefined
  const made: RezDependency = {
    package: id,
    needed: demand.kind === 'require',
    get spans() {
      return (spans ??= spansIn(rowOf(state, id), demand))
    },
    get allowed() {
      return allowedIn(state, rowOf(state, id), made.spans)
    },
    origin: state.demands.push(demand) - 1,
  }
  state.dependencies.set(demand, made)
  return made
}

/** A phantom satisfies whoever wants it and offends nobody. */
function spansIn(row: Row, demand: Demand): readonly Span[] {
  if (row.kind === 'phantom') return [{ start: 0, end: row.size }]
  return row.isWhole && demand.spans !== undefined ? demand.spans() : spansOf(row, demand)
}

function allowedIn(state: State, row: Row, spans: readonly Span[]): readonly CandidateId[] {
  const ids = row.ids()
  const [only] = spans
  if (spans.length === 1 && only?.start === 0 && only.end === ids.length) return ids
  const name = `${row.firstId}:${spans.map(({ start, end }) => `${start}-${end}`).join()}`
  const known = state.allowed.get(name)
  if (known !== undefined) return known
  const allowed = spans.flatMap(({ start, end }) => ids.slice(start, end))
  state.allowed.set(name, allowed)
  return allowed
}
