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

export interface RezUniverse extends PackageSource {
  readonly roots: readonly Dependency[]
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
  readonly dependencies: Map<Demand, Dependency>
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
    dependencies: (id) =>
      requiresOf(state, candidateOf(state, id)).map((one) => dependencyOf(state, one)),
    roots: [...(packages ?? []), ...(ephemerals ?? [])].map((one) => dependencyOf(state, one)),
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

/** Variants of a version get their order when one of them is looked at first. */
function candidateOf(state: State, id: CandidateId): RezCandidate {
  const owner = ownerOf(state, id)
  const { kind, ids, firstOf, versions } = familyOf(state, owner)
  const offset = id - (ids[0] ?? id)
  const version = lastUpTo(firstOf, offset)
  const found = versions[version]
  if (found === undefined || kind !== 'package')
    return { family: owner, kind, repository: -1, place: -1, variant: -1 }
  const order = variantsOf(state, owner, found)
  const variant = order[offset - (firstOf[version] ?? 0)] ?? -1
  return { family: owner, kind, ...found, variant }
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
  return { name, kind: exists ? 'package' : 'phantom', ids, versions, keyOf, firstOf }
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

/** Indices of a package's variants, those first that Rez would try first. */
function variantsOf(state: State, id: PackageId, { repository, place }: Found): readonly number[] {
  const catalog = state.options.repositories[repository]?.catalog
  const family = catalog?.family(state.names[id] ?? '') ?? missing()
  const count = family.variantCount(place)
  if (count < 2) return count < 0 ? without : count === 1 ? alone : []
  const name = `${id}:${repository}:${family.variantsName(place)}`
  const known = state.orders.get(name)
  if (known !== undefined) return known
  const { requires, variants = [] } = family.package(place)
  const demandsOf = (ids: Uint32Array) =>
    Array.from(ids, (own) => catalog?.demand(own) ?? missing())
  const own = variants.map(demandsOf)
  // What all variants require makes no difference, unless a variant says more about the same.
  const names = new Set(own.flatMap((demands) => demands.map((demand) => demand.name)))
  const common = demandsOf(requires).filter((demand) => names.has(demand.name))
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
  }
}

function dependencyOf(state: State, demand: Demand): Dependency {
  const known = state.dependencies.get(demand)
  if (known !== undefined) return known
  const made: Dependency = {
    package: packageId(state, demand.name),
    needed: demand.kind === 'require',
    allowed: allowedBy(state, demand),
    origin: state.demands.push(demand) - 1,
  }
  state.dependencies.set(demand, made)
  return made
}

function allowedBy(state: State, demand: Demand): readonly CandidateId[] {
  const id = packageId(state, demand.name)
  const family = familyOf(state, id)
  const { ids } = family
  // A phantom satisfies whoever wants it and offends nobody.
  if (family.kind === 'phantom') return ids
  const spans = spansOf(family, allowedSet(demand))
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

interface Span {
  readonly start: number
  readonly end: number
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
