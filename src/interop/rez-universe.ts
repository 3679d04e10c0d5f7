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
import { contains, type Requirement, type VersionSet } from '#model/index.ts'
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'
import type { Catalog, CatalogPackage, Demand } from './catalog-layout.ts'
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
  readonly family: number
  readonly kind: 'package' | 'ephemeral' | 'phantom'
  readonly repository: number
  readonly package: CatalogPackage | undefined
  /** -1 when the package has no variants. */
  readonly variant: number
  readonly requires: readonly Demand[]
}

export interface RezUniverse extends PackageSource {
  readonly roots: readonly Dependency[]
  readonly candidate: (id: CandidateId) => RezCandidate
  readonly nameOf: (id: PackageId) => string
  /** Whether some repository has the family. */
  readonly exists: (name: string) => boolean
  /** Demands by the `origin` of a dependency. */
  readonly demandOf: (origin: number) => Demand
  /** Families that were looked at. */
  readonly reached: () => readonly string[]
}

interface Family {
  readonly name: string
  readonly exists: boolean
  readonly ids: readonly CandidateId[]
  readonly keys: readonly string[]
}

interface State {
  readonly options: UniverseOptions
  readonly order: VariantOrder
  readonly names: string[]
  readonly idOf: Map<string, PackageId>
  readonly families: (Family | undefined)[]
  readonly candidates: RezCandidate[]
  readonly demands: Demand[]
  readonly dependencies: Map<Demand, Dependency>
  /** Sets of candidates, so that equal demands share one. */
  readonly allowed: Map<string, readonly CandidateId[]>
}

/** The repositories as one request sees them. */
export function rezUniverse(options: UniverseOptions): RezUniverse {
  const state: State = {
    options,
    order: variantOrderOf(options.request, options.variantSelectMode),
    names: [],
    idOf: new Map(),
    families: [],
    candidates: [],
    demands: [],
    dependencies: new Map(),
    allowed: new Map(),
  }
  const asked = options.request.map((one) => ({ ...one, text: () => one.text }))
  // An ephemeral chooses nothing, so what is asked of one must not come before packages.
  const [packages, ephemerals] = [false, true].map((is) =>
    asked.filter((one) => one.name.startsWith('.') === is),
  )
  return {
    candidates: (id) => familyOf(state, id).ids,
    packageOf: (id) => candidateOf(state, id).family,
    dependencies: (id) => candidateOf(state, id).requires.map((one) => dependencyOf(state, one)),
    roots: [...(packages ?? []), ...(ephemerals ?? [])].map((one) => dependencyOf(state, one)),
    candidate: (id) => candidateOf(state, id),
    nameOf: (id) => state.names[id] ?? '',
    exists: (name) => familyOf(state, packageId(state, name)).exists,
    demandOf: (origin) => {
      const demand = state.demands[origin]
      if (demand === undefined) throw new TypeError('origins come from this source')
      return demand
    },
    reached: () => state.families.flatMap((one) => (one ? [one.name] : [])),
  }
}

function candidateOf(state: State, id: CandidateId): RezCandidate {
  const found = state.candidates[id]
  if (found === undefined) throw new TypeError('candidate ids come from the source')
  return found
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
  const { packages, exists } = versionsOf(state.options, name)
  const ids: CandidateId[] = []
  const keys: string[] = []
  const add = (candidate: RezCandidate, key: string): void => {
    ids.push(state.candidates.push(candidate) - 1)
    keys.push(key)
  }
  for (const { one, repository } of packages)
    for (const { variant, requires } of variantsOf(state, one, repository))
      add(
        { family: id, kind: 'package', repository, package: one, variant, requires },
        one.versionKey,
      )
  if (!exists && state.options.phantoms)
    add(
      {
        family: id,
        kind: 'phantom',
        repository: -1,
        package: undefined,
        variant: -1,
        requires: [],
      },
      '',
    )
  return { name, exists, ids, keys }
}

interface Found {
  readonly one: CatalogPackage
  readonly repository: number
}

/** Versions of all repositories, newest first; the first repository that has one has it alone. */
function versionsOf({ repositories, before }: UniverseOptions, name: string) {
  const found: Found[] = []
  const seen = new Set<string>()
  let exists = false
  let sorted = true
  for (const [repository, { catalog }] of repositories.entries()) {
    const family = catalog.family(name)
    if (family === undefined) continue
    exists = true
    sorted &&= found.length === 0
    const own = family.packages.filter((one) => !seen.has(one.versionKey))
    for (const one of own) {
      seen.add(one.versionKey)
      if (before === undefined || one.timestamp <= before) found.push({ one, repository })
    }
  }
  if (!sorted) found.sort((a, b) => (a.one.versionKey < b.one.versionKey ? 1 : -1))
  return { packages: found, exists }
}

interface Variant {
  readonly variant: number
  readonly requires: readonly Demand[]
}

function variantsOf(state: State, one: CatalogPackage, repository: number): readonly Variant[] {
  const catalog = state.options.repositories[repository]?.catalog
  const demands = (ids: Uint32Array): Demand[] =>
    catalog === undefined ? [] : Array.from(ids, (id) => catalog.demand(id))
  const common = demands(one.requires)
  const { variants } = one
  if (variants === undefined) return [{ variant: -1, requires: common }]
  const all = variants.map((ids, variant) => ({ variant, requires: [...common, ...demands(ids)] }))
  if (all.length === 1) return all
  return all
    .map((variant) => ({ variant, key: state.order(variant.requires) }))
    .sort((a, b) => compareVariants(b.key, a.key) || b.variant.variant - a.variant.variant)
    .map(({ variant }) => variant)
}

function ephemeralFamily(state: State, id: PackageId, name: string): Family {
  const { repositories, request } = state.options
  const sets = [
    ...request.filter((one) => one.name === name),
    ...repositories.flatMap(({ catalog }) => catalog.ephemeral(name)),
  ].map(({ versions }) => versions)
  const keys = ephemeralPoints(sets)
  const ids = keys.map(
    () =>
      state.candidates.push({
        family: id,
        kind: 'ephemeral',
        repository: -1,
        package: undefined,
        variant: -1,
        requires: [],
      }) - 1,
  )
  return { name, exists: true, ids, keys }
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
  const { ids, keys, exists } = familyOf(state, id)
  const wanted = demand.kind !== 'conflict'
  // A phantom satisfies whoever wants it and offends nobody.
  if (!exists) return ids
  let first = ''
  const allowed: CandidateId[] = []
  let key: string | undefined
  let fits = false
  for (const [at, own] of keys.entries()) {
    if (own !== key) {
      key = own
      fits = inSet(demand.versions, own) === wanted
    }
    const candidate = ids[at]
    if (fits && candidate !== undefined) allowed.push(candidate)
  }
  first = `${id}:${allowed[0] ?? ''}:${allowed.at(-1) ?? ''}:${allowed.length}`
  const same = state.allowed.get(first)
  if (same !== undefined && same.every((one, at) => one === allowed[at])) return same
  state.allowed.set(first, allowed)
  return allowed
}

function inSet(set: VersionSet, key: string): boolean {
  return contains(set, { text: '', key })
}
