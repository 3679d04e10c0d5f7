/**
 * The catalog as the solver sees it: candidates and demands behind ids, made when asked for.
 *
 * Ids are given out by first use and mean nothing. Every demand remembers what it says in words,
 * because explanations are told from demands.
 * Invariant: a build accepts only builds that offer the interfaces it was built against.
 */
import { assert } from '#kernel/index.ts'
import {
  anyVersion,
  contains,
  type HostFact,
  isPrerelease,
  isVirtualName,
  namesPrerelease,
  parseRange,
  parseRequirement,
  type Requirement,
  type VersionSet,
} from '#model/index.ts'
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'
import {
  type Candidate,
  type CandidateContext,
  candidatesOf,
  compareStanding,
  needsOf,
  type Options,
  optionsOf,
  type Provider,
  provisionsOf,
  realOf,
  isSameVersion,
} from './candidate.ts'
import type { BuildFacts, Catalog } from './entry.ts'

/** What a demand says, for results and explanations. */
export interface Demand {
  readonly name: string
  /** As in backlot.yaml: `imath >=3.1`, `!openexr 2`. */
  readonly text: string
  readonly kind: Requirement['kind']
  readonly versions: VersionSet
  readonly options: Options
  /** Who asks, where it is no candidate: the platform `CY2024`, the package that is built. */
  readonly by?: string | undefined
  readonly reason?: string | undefined
  /** Of the request, and not to be given up by any fix. */
  readonly isGiven?: boolean
  /** Only builds with this interface are accepted. */
  readonly interface?: string | undefined
  /** Only what the OS provides is accepted. */
  readonly system?: boolean
  /** Whatever candidate there is: it was settled before. */
  readonly settled?: boolean
  /** A name and what answers to it come together. */
  readonly exactly?: Exactly
}

/** The one package that a name stands for, or the name that stands for one package. */
export interface Exactly {
  readonly provider: Provider
  readonly side: 'package' | 'name'
}

export interface Universe extends PackageSource {
  nameOf(id: PackageId): string
  candidate(id: CandidateId): Candidate
  candidatesNamed(name: string): readonly Candidate[]
  demand(origin: number): Demand
  /** Every demand of a candidate, those on an unknown host too. */
  demandsOf(id: CandidateId): readonly Demand[]
  /** The demands that `root` gave. */
  rootDemands(): readonly Demand[]
  /** A demand of the request, or of the platform. */
  root(requirement: Requirement, of?: Pick<Demand, 'by' | 'isGiven'>): Dependency
}

export interface UniverseOptions extends CandidateContext {
  /** Empty: unknown, and demands on it are not looked at. */
  readonly host: readonly HostFact[]
  /** Packages that are settled. */
  readonly pins: ReadonlyMap<string, Pin>
  /** What the platform lets be built against, by package: a maximum. */
  readonly buildLimits: ReadonlyMap<string, Requirement>
  /** Packages whose pre-releases the request asked for. */
  readonly prereleases: ReadonlySet<string>
}

/** The only candidate of a package, and the names that it needs. */
export interface Pin {
  readonly candidate: Provider
  readonly depends: readonly string[]
}

interface Row {
  readonly name: string
  /** A fact about the machine, or a name that several packages answer to. */
  readonly isFree: boolean
  readonly ids: readonly CandidateId[]
  /** Accepted ids by what is asked. */
  readonly accepted: Map<string, readonly CandidateId[]>
}

interface State {
  readonly catalog: Catalog
  readonly options: UniverseOptions
  readonly facts: ReadonlyMap<string, HostFact>
  readonly rows: Row[]
  readonly byName: Map<string, PackageId>
  readonly candidates: Candidate[]
  readonly owners: PackageId[]
  /** By candidate: the first of those of the same version. */
  readonly grades: CandidateId[]
  readonly demands: Demand[]
  readonly roots: Demand[]
  readonly demandsOf: (readonly Demand[] | undefined)[]
  readonly dependencies: (readonly Dependency[] | undefined)[]
  readonly ranges: Map<string, VersionSet>
}

/** The catalog behind ids, for one request. */
export function universeOf(catalog: Catalog, options: UniverseOptions): Universe {
  const state: State = {
    catalog,
    options,
    facts: new Map(options.host.map((fact) => [fact.name, fact])),
    rows: [],
    byName: new Map(),
    candidates: [],
    owners: [],
    grades: [],
    demands: [],
    roots: [],
    demandsOf: [],
    dependencies: [],
    ranges: new Map(),
  }
  const candidate = (id: CandidateId): Candidate => {
    const found = state.candidates[id]
    assert(found !== undefined, 'candidate ids come from the universe')
    return found
  }
  return {
    candidate,
    candidatesNamed: (name) => rowOf(state, name).ids.map(candidate),
    candidates: (id) => state.rows[id]?.ids ?? [],
    packageOf: (id) => state.owners[id] ?? -1,
    isFree: (id) => state.rows[id]?.isFree ?? false,
    gradeOf: (id) => state.grades[id] ?? id,
    demandsOf: (id) => demandsOf(state, id),
    dependencies: (id) =>
      (state.dependencies[id] ??= demandsOf(state, id)
        .filter((demand) => isLookedAt(state, demand))
        .map((demand) => dependencyOf(state, demand))),
    nameOf: (id) => state.rows[id]?.name ?? '',
    demand: (origin) => {
      const found = state.demands[origin]
      assert(found !== undefined, 'origins come from the universe')
      return found
    },
    rootDemands: () => state.roots,
    root: (requirement, of) => {
      const demand = { ...demandFor(requirement), ...of }
      state.roots.push(demand)
      return dependencyOf(state, demand)
    },
  }
}

function isLookedAt(state: State, demand: Demand): boolean {
  return state.options.host.length > 0 || !isVirtualName(demand.name)
}

/** What a demand on a name is about: the package, or the name where others answer to it too. */
function idOf(state: State, name: string): PackageId {
  const known = state.byName.get(name)
  if (known !== undefined) return known
  const providers = state.catalog.providers(name)
  if (providers.length === 0) return packageIdOf(state, name)
  const provided = [name, ...providers].flatMap((provider) => providedBy(state, name, provider))
  const context = { ...state.options, name }
  const sorted = provided.toSorted((a, b) => compareStanding(a, b, context))
  return addRow(state, { key: name, name, isFree: true }, sorted)
}

/** The package of that name itself. */
function packageIdOf(state: State, name: string): PackageId {
  const key = state.catalog.providers(name).length === 0 ? name : `${name} itself`
  const known = state.byName.get(key)
  if (known !== undefined) return known
  return addRow(state, { key, name, isFree: isVirtualName(name) }, choices(state, name))
}

function addRow(
  state: State,
  { key, ...row }: Pick<Row, 'name' | 'isFree'> & { readonly key: string },
  candidates: readonly Candidate[],
): PackageId {
  const id = state.rows.length
  state.byName.set(key, id)
  const ids = candidates.map((candidate, at) => {
    const own = state.candidates.push(candidate) - 1
    const before = candidates[at - 1]
    const isAlike = before !== undefined && isSameVersion(before, candidate)
    state.owners.push(id)
    state.grades.push(isAlike ? (state.grades[own - 1] ?? own) : own)
    return own
  })
  state.rows.push({ ...row, ids, accepted: new Map() })
  return id
}

/** The candidates of a name that are those of one package that answers to it, best first. */
function providedBy(state: State, name: string, provider: string): readonly Candidate[] {
  const row = state.rows[packageIdOf(state, provider)]
  return (row?.ids ?? []).flatMap((id): readonly Candidate[] => {
    const candidate = state.candidates[id]
    if (candidate === undefined || candidate.kind === 'provided' || candidate.kind === 'host')
      return []
    const answers = answersOf(state, candidate).filter((one) => one.name === name)
    return answers.map(({ version }) => ({ kind: 'provided', name, version, provider: candidate }))
  })
}

/** Every name that a candidate answers to where others might too, its own among them. */
function answersOf({ catalog, options }: State, candidate: Provider) {
  const own = catalog.providers(candidate.name).length === 0 ? [] : [candidate]
  return [...own, ...provisionsOf(candidate, options.target)]
}

function rowOf(state: State, name: string): Row {
  return rowAt(state, idOf(state, name))
}

function rowAt(state: State, id: PackageId): Row {
  const row = state.rows[id]
  assert(row !== undefined, 'every id has a row')
  return row
}

function choices({ catalog, options, facts }: State, name: string): readonly Candidate[] {
  const pin = options.pins.get(name)
  if (pin !== undefined) return [pin.candidate]
  if (!isVirtualName(name)) return candidatesOf(name, catalog.entries(name), options)
  const fact = facts.get(name)
  return fact === undefined ? [] : [{ kind: 'host', name, version: fact.version, fact }]
}

function demandsOf(state: State, id: CandidateId): readonly Demand[] {
  const known = state.demandsOf[id]
  if (known !== undefined) return known
  const candidate = state.candidates[id]
  assert(candidate !== undefined, 'candidate ids come from the universe')
  const demands = demandsOfCandidate(state, candidate)
  state.demandsOf[id] = demands
  return demands
}

function demandsOfCandidate(state: State, candidate: Candidate): readonly Demand[] {
  if (candidate.kind === 'provided') {
    const { provider } = candidate
    return [provisionDemand(provider, { provider, side: 'package' })]
  }
  if (candidate.kind === 'host') return []
  const pin = state.options.pins.get(candidate.name)
  return [
    ...(pin === undefined ? demandsOfPackage(state, candidate) : pin.depends.map(settledDemand)),
    ...answersOf(state, candidate).map((answer) =>
      provisionDemand(answer, { provider: candidate, side: 'name' }),
    ),
  ]
}

function demandsOfPackage(state: State, candidate: Provider): readonly Demand[] {
  switch (candidate.kind) {
    case 'recipe':
      return demandsOfRecipe(state, candidate)
    case 'build':
      return demandsOfBuild(state, candidate.entry.config)
    case 'system':
      return []
  }
}

/** What it requires, and not newer than the platform lets it be built against. */
function demandsOfRecipe(
  { options: { target, platform, buildLimits } }: State,
  candidate: Candidate & { readonly kind: 'recipe' },
): readonly Demand[] {
  const { requires, runRequires } = needsOf(candidate, target)
  const needed = requires.flatMap(({ requirement, reason }) => {
    const limit = requirement.kind === 'require' ? buildLimits.get(requirement.name) : undefined
    const why = `${platform} builds against no newer one`
    return [
      { ...demandFor(requirement), reason },
      ...(limit === undefined ? [] : [{ ...demandFor(limit), by: platform, reason: why }]),
    ]
  })
  const later = runRequires.map(({ requirement, reason }) => ({
    ...demandFor(requirement),
    reason,
  }))
  return [...needed, ...later]
}

/** A name is there with what answers to it, and what answers to it with the name. */
function provisionDemand(
  { name, version }: Pick<Candidate, 'name' | 'version'>,
  exactly: Exactly,
): Demand {
  const text = `${name} ${version.text}`
  return { name, text, kind: 'require', versions: anyVersion, options: {}, exactly }
}

function demandsOfBuild(state: State, config: BuildFacts): readonly Demand[] {
  return [
    ...config.requires.map((need) => ({
      ...rangeDemand(state, need.name, need.range),
      interface: need.interface,
    })),
    ...config.system.map((need) => ({
      ...rangeDemand(state, need.name, need.range),
      system: true,
    })),
    ...config.host.map((need) => rangeDemand(state, need.name, need.range)),
    ...config.constraints.map((text) => demandFor(parseRequirement(text))),
  ]
}

function settledDemand(name: string): Demand {
  return { name, text: name, kind: 'require', versions: anyVersion, options: {}, settled: true }
}

function rangeDemand(state: State, name: string, range: string): Demand {
  let versions = state.ranges.get(range)
  if (versions === undefined) {
    versions = parseRange(range)
    state.ranges.set(range, versions)
  }
  const text = range === '*' ? name : `${name} ${range}`
  return { name, text, kind: 'require', versions, options: {} }
}

function demandFor({ name, text, kind, versions, options }: Requirement): Demand {
  return { name, text, kind, versions, options }
}

function dependencyOf(state: State, demand: Demand): Dependency {
  if (demand.exactly !== undefined) return exactDependency(state, demand, demand.exactly)
  const row = rowOf(state, demand.name)
  const { settled = false, system = false } = demand
  const key = `${demand.text}|${demand.interface ?? ''}|${settled}|${system}`
  let allowed = row.accepted.get(key)
  if (allowed === undefined) {
    const asked = state.options.prereleases.has(demand.name)
    const early = settled || asked || namesPrerelease(demand.versions)
    allowed = row.ids.filter((id) => {
      const candidate = state.candidates[id]
      return candidate !== undefined && accepts(demand, candidate, early)
    })
    row.accepted.set(key, allowed)
  }
  const origin = state.demands.push(demand) - 1
  // What the machine has is there, whether or not somebody asks for it.
  const needed = demand.kind === 'require' || state.facts.has(demand.name)
  return { package: idOf(state, demand.name), needed, allowed, origin }
}

function exactDependency(state: State, demand: Demand, { provider, side }: Exactly): Dependency {
  const id = side === 'package' ? packageIdOf(state, demand.name) : idOf(state, demand.name)
  const allowed = rowAt(state, id).ids.filter((one) => {
    const candidate = state.candidates[one]
    return candidate !== undefined && realOf(candidate) === provider
  })
  return { package: id, needed: true, allowed, origin: state.demands.push(demand) - 1 }
}

/** Whether a candidate of its package meets a demand; `early`: also when it is a pre-release. */
export function accepts(demand: Demand, candidate: Candidate, early: boolean): boolean {
  const real = realOf(candidate)
  if (demand.exactly !== undefined) return real === demand.exactly.provider
  const isAssumed = real.kind === 'system' && real.entry.isAssumed === true
  const inside = isAssumed || contains(demand.versions, candidate.version)
  if (demand.kind === 'conflict') return isAssumed || !inside
  if (!inside || demand.kind === 'weak') return inside
  if (!early && (isPrerelease(candidate.version) || isPrerelease(real.version))) return false
  const isNamed = real.name === demand.name
  if (demand.settled === true && !isNamed) return false
  if (demand.system === true && !(isNamed && real.kind === 'system')) return false
  if (demand.interface !== undefined && !(isNamed && hasInterface(real, demand.interface)))
    return false
  const has = optionsOf(candidate)
  return Object.entries(demand.options).every(
    ([option, value]) => String(has[option]) === String(value),
  )
}

function hasInterface(candidate: Candidate, wanted: string): boolean {
  return candidate.kind === 'build' && candidate.entry.config.interface === wanted
}
