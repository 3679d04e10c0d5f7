/**
 * Rez repositories as a `PackageSource`: families become packages, variants become candidates.
 *
 * Invariant: a family is read when it is first asked for. The first repository that has a version
 * has it alone, variants and all. Candidates are newest first; of one version the variants as Rez's
 * `version_priority` (or `intersection_priority`) puts them, which depends on the request.
 * An ephemeral is a package whose candidates are the stretches of versions between all bounds that
 * anybody puts on it, so ranges of it meet exactly when they share a stretch.
 * Source: rez 3.4 `solver.py`; docs/rez.md, «Solving».
 */
import { complementOf, type Requirement, type VersionSet } from '#model/index.ts'
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'
import type { Catalog, CatalogFamily, CatalogPackage, Demand } from './catalog-layout.ts'
import { ephemeralPoints } from './ephemeral.ts'
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

/** Places of candidates, from `start` up to and without `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A family's candidates by place: versions newest first, their variants by index. */
export interface FamilyShape {
  readonly name: string
  readonly kind: Family['kind']
  readonly size: number
  /** Of each version, the place of its first candidate. */
  readonly firstOf: readonly number[]
}

export interface RezUniverse extends PackageSource {
  /** What is asked for: packages in order, then ephemerals. */
  readonly roots: readonly RezDependency[]
  readonly shape: (id: PackageId) => FamilyShape
  /** What the candidate at a place requires: one list for all that require the same. */
  readonly requirementsAt: (id: PackageId, place: number) => readonly RezDependency[]
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

interface Family {
  readonly name: string
  /** A phantom is a family that no repository has. */
  readonly kind: 'package' | 'ephemeral' | 'phantom'
  /** Newest first; one behind the other. */
  readonly ids: readonly CandidateId[]
  /** Versions in the order of `ids`; empty for phantoms. */
  readonly versions: readonly Found[]
  readonly keyOf: (version: number) => string
  /** Of each version, the place of its first candidate in `ids`. */
  readonly firstOf: readonly number[]
  /** In the repositories, by their place among them. */
  readonly sources: readonly (CatalogFamily | undefined)[]
  /** By where the lists of requirements lie in a repository. */
  readonly requirements: Map<number, readonly RezDependency[]>[]
}

interface State {
  readonly options: UniverseOptions
  readonly order: VariantOrder
  readonly names: string[]
  readonly idOf: Map<string, PackageId>
  readonly families: (Family | undefined)[]
  /** Families of the candidates, by id. */
  readonly owners: PackageId[]
  readonly demands: Demand[]
  readonly dependencies: Map<Demand, RezDependency>
  /** Sets of candidates, so that equal demands share one. */
  readonly allowed: Map<string, readonly CandidateId[]>
  /** Orders of variants, which many versions share. */
  readonly orders: Map<string, readonly number[]>
}

/** The repositories as one request sees them. */
export function rezUniverse(options: UniverseOptions): RezUniverse {
  const state: State = {
    options,
    order: variantOrderOf(options.request, options.variantSelectMode),
    names: [],
    idOf: new Map(),
    families: [],
    owners: [],
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
    candidates: (id) => familyOf(state, id).ids,
    packageOf: (id) => ownerOf(state, id),
    dependencies: (id) => requirementsOf(state, candidateOf(state, id)),
    roots: [...(packages ?? []), ...(ephemerals ?? [])].map((one) => dependencyOf(state, one)),
    shape: (id) => shapeOf(familyOf(state, id)),
    requirementsAt: (id, place) => requirementsOf(state, candidateAt(state, id, place)),
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
    reached: () => state.families.flatMap((one) => (one ? [one.name] : [])),
  }
}

function shapeOf({ name, kind, ids, firstOf }: Family): FamilyShape {
  return { name, kind, size: ids.length, firstOf }
}

/** Variants of a version get their order when one of them is looked at first. */
function candidateOf(state: State, id: CandidateId): RezCandidate {
  const owner = ownerOf(state, id)
  const { ids, firstOf } = familyOf(state, owner)
  const offset = id - (ids[0] ?? id)
  const version = lastUpTo(firstOf, offset)
  return candidateIn(state, owner, version, (count) =>
    count < 2 ? 0 : (variantOrder(state, owner, version)[offset - (firstOf[version] ?? 0)] ?? 0),
  )
}

function candidateAt(state: State, id: PackageId, place: number): RezCandidate {
  const { firstOf } = familyOf(state, id)
  const version = lastUpTo(firstOf, place)
  return candidateIn(state, id, version, () => place - (firstOf[version] ?? 0))
}

function candidateIn(
  state: State,
  id: PackageId,
  version: number,
  variantOf: (count: number) => number,
): RezCandidate {
  const { kind, versions, sources } = familyOf(state, id)
  const found = versions[version]
  if (found === undefined || kind !== 'package')
    return { family: id, kind, repository: -1, place: -1, variant: -1 }
  const count = sources[found.repository]?.variantCount(found.place) ?? -1
  return { family: id, kind, ...found, variant: count < 0 ? -1 : variantOf(count) }
}

function ownerOf({ owners }: State, id: CandidateId): PackageId {
  const owner = owners[id]
  if (owner === undefined) throw new TypeError('candidate ids come from the source')
  return owner
}

/** The place of the last number that is not above this one. */
function lastUpTo(sorted: readonly number[], wanted: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) <= wanted) low = middle + 1
    else high = middle
  }
  return low - 1
}

function packageId(state: State, name: string): PackageId {
  const known = state.idOf.get(name)
  if (known !== undefined) return known
  const id = state.names.push(name) - 1
  state.idOf.set(name, id)
  return id
}

function familyOf(state: State, id: PackageId): Family {
  const known = state.families[id]
  if (known !== undefined) return known
  const name = state.names[id] ?? ''
  const made = name.startsWith('.')
    ? ephemeralFamily(state, id, name)
    : packageFamily(state, id, name)
  state.families[id] = made
  return made
}

function packageFamily(state: State, id: PackageId, name: string): Family {
  const { repositories, phantoms } = state.options
  const families = repositories.map(({ catalog }) => catalog.family(name))
  const versions = versionsOf(families, state.options.before)
  const ids: CandidateId[] = []
  const firstOf: number[] = []
  const add = (count: number): void => {
    for (let left = count; left > 0; left -= 1) ids.push(state.owners.push(id) - 1)
  }
  for (const { repository, place } of versions) {
    firstOf.push(ids.length)
    add(Math.abs(families[repository]?.variantCount(place) ?? 0))
  }
  const exists = families.some((family) => family !== undefined)
  if (!exists && phantoms) add(1)
  const keyOf = (version: number): string => {
    const found = versions[version]
    return found === undefined ? '' : (families[found.repository]?.versionKey(found.place) ?? '')
  }
  const requirements = families.map(() => new Map<number, readonly RezDependency[]>())
  const kind = exists ? 'package' : 'phantom'
  return { name, kind, ids, versions, keyOf, firstOf, sources: families, requirements }
}

interface Found {
  readonly repository: number
  readonly place: number
}

/** Versions of all repositories, newest first; the first repository that has one has it alone. */
function versionsOf(
  families: readonly (CatalogFamily | undefined)[],
  before: number | undefined,
): readonly Found[] {
  const found: (Found & { readonly key: string })[] = []
  const having = families.filter((family) => family !== undefined)
  if (having.length === 1 && before === undefined) {
    const repository = families.findIndex((family) => family !== undefined)
    return Array.from({ length: having[0]?.size ?? 0 }, (_, place) => ({ repository, place }))
  }
  const seen = new Set<string>()
  for (const [repository, family] of families.entries()) {
    const own: string[] = []
    for (let place = 0; place < (family?.size ?? 0); place += 1) {
      const key = family?.versionKey(place) ?? ''
      own.push(key)
      const late = before !== undefined && (family?.package(place).timestamp ?? 0) > before
      if (!seen.has(key) && !late) found.push({ repository, place, key })
    }
    for (const key of own) seen.add(key)
  }
  return found.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1))
}

const without: readonly number[] = [-1]
const alone: readonly number[] = [0]

function variantOrder(state: State, id: PackageId, version: number): readonly number[] {
  const { versions, sources } = familyOf(state, id)
  const { repository, place } = versions[version] ?? missing()
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

function requirementsOf(state: State, candidate: RezCandidate): readonly RezDependency[] {
  if (candidate.kind !== 'package') return []
  const { repository, place, variant } = candidate
  const { sources, requirements } = familyOf(state, candidate.family)
  const family = sources[repository] ?? missing()
  const known = requirements[repository] ?? missing()
  const common = family.requiresAt(place)
  const own = variant < 0 ? 0 : family.variantAt(place, variant)
  const key = common * placesMax + own
  const before = known.get(key)
  if (before !== undefined) return before
  const catalog = state.options.repositories[repository]?.catalog ?? missing()
  const made: RezDependency[] = []
  for (const id of family.listAt(common)) made.push(dependencyOf(state, catalog.demand(id)))
  if (variant >= 0)
    for (const id of family.listAt(own)) made.push(dependencyOf(state, catalog.demand(id)))
  known.set(key, made)
  return made
}

function requiresOf(state: State, candidate: RezCandidate): readonly Demand[] {
  const catalog = state.options.repositories[candidate.repository]?.catalog
  const { requires = [], variants } = packageFor(state, candidate) ?? {}
  const ids = [...requires, ...(variants?.[candidate.variant] ?? [])]
  return ids.map((id) => catalog?.demand(id) ?? missing())
}

function missing(): never {
  throw new TypeError('Broken invariant: packages come from the repositories')
}

function ephemeralFamily(state: State, id: PackageId, name: string): Family {
  const { repositories, request } = state.options
  const sets = [
    ...request.filter((one) => one.name === name),
    ...repositories.flatMap(({ catalog }) => catalog.ephemeral(name)),
  ].map(({ versions }) => versions)
  const keys = ephemeralPoints(sets)
  return {
    name,
    kind: 'ephemeral',
    ids: keys.map(() => state.owners.push(id) - 1),
    versions: keys.map((_key, place) => ({ repository: -1, place })),
    keyOf: (version) => keys[version] ?? '',
    firstOf: [...keys.keys()],
    sources: [],
    requirements: [],
  }
}

function dependencyOf(state: State, demand: Demand): RezDependency {
  const known = state.dependencies.get(demand)
  if (known !== undefined) return known
  const id = packageId(state, demand.name)
  const family = familyOf(state, id)
  const spans = spansFor(family, demand)
  const made: RezDependency = {
    package: id,
    needed: demand.kind === 'require',
    spans,
    get allowed() {
      return allowedIn(state, { id, family, spans })
    },
    origin: state.demands.push(demand) - 1,
  }
  state.dependencies.set(demand, made)
  return made
}

/** A phantom satisfies whoever wants it and offends nobody. */
function spansFor(family: Family, demand: Demand): readonly Span[] {
  if (family.kind === 'phantom') return [{ start: 0, end: family.ids.length }]
  return spansOf(family, allowedSet(demand))
}

interface Allowed {
  readonly id: PackageId
  readonly family: Family
  readonly spans: readonly Span[]
}

function allowedIn(state: State, { id, family, spans }: Allowed): readonly CandidateId[] {
  const { ids } = family
  const [only] = spans
  if (spans.length === 1 && only?.start === 0 && only.end === ids.length) return ids
  const name = `${id}:${spans.map(({ start, end }) => `${start}-${end}`).join()}`
  const known = state.allowed.get(name)
  if (known !== undefined) return known
  const allowed = spans.flatMap(({ start, end }) => ids.slice(start, end))
  state.allowed.set(name, allowed)
  return allowed
}

function allowedSet({ kind, versions }: Demand): VersionSet {
  return kind === 'conflict' ? complementOf(versions) : versions
}

/** Where the candidates of a family lie whose versions are in a set. */
function spansOf(family: Family, { intervals }: VersionSet): readonly Span[] {
  const { ids, firstOf, versions } = family
  const spans: Span[] = []
  for (const { lower, upper } of intervals) {
    const first = upper === undefined ? 0 : firstBelow(family, upper.version.key, !upper.inclusive)
    const behind =
      lower === undefined ? versions.length : firstBelow(family, lower.version.key, lower.inclusive)
    const start = firstOf[first] ?? ids.length
    const end = firstOf[behind] ?? ids.length
    if (start < end) spans.push({ start, end })
  }
  return spans.toReversed()
}

/** The place of the first version that is below this key, or equal to it unless `past`. */
function firstBelow({ versions, keyOf }: Family, key: string, past: boolean): number {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >> 1
    const own = keyOf(middle)
    if (own > key || (past && own === key)) low = middle + 1
    else high = middle
  }
  return low
}
