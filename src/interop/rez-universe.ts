/**
 * Rez repositories as a `PackageSource`: families become packages, variants become candidates.
 *
 * Invariant: a family is read when it is first looked at, not when somebody names it. Candidates
 * are newest first, or as an orderer has them; of one version the variants as Rez's
 * `version_priority` (or `intersection_priority`) puts them, which depends on the request.
 * Source: rez 3.4 `solver.py`; docs/rez.md, «Solving».
 */
import type { Requirement } from '#model/index.ts'
import type { CandidateId, PackageId, PackageSource } from '#solver/index.ts'
import {
  type Catalog,
  type CatalogPackage,
  type Demand,
  demandKinds,
  layout,
} from './catalog-layout.ts'
import type { PackageFilter } from './package-filter.ts'
import { type OrdererOf, ordererOf, type OrdererSettings } from './package-order.ts'
import {
  ephemeralFamily,
  type Family,
  type Found,
  packageFamily,
  releasesOf,
} from './rez-family.ts'
import { emptyTerms, lateTerms, mergedWishes, type Terms, type Wish } from './rez-terms.ts'
import {
  dependencyIn,
  idsOf,
  keptShelf,
  ownerIn,
  type RezDependency,
  type Row,
  rowIn,
  type Shelf,
  shelfOf,
} from './rez-shelf.ts'
import { versionAt } from './span.ts'
import { compareVariants, type VariantOrder, variantOrderOf } from './variant-order.ts'
import { orderByRank, type RankOptions } from './variant-rank.ts'

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

export interface RequireTexts {
  readonly all: readonly string[]
  readonly own: readonly string[]
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
  /** What is asked for: packages in order, then ephemerals. */
  readonly roots: readonly RezDependency[]
  readonly family: (id: PackageId) => Family
  /** What the candidates of a package require, demands on one package merged as Rez does. */
  readonly termsOf: (id: PackageId) => Terms
  /** Indices of a version's variants, those first that Rez would try first; [-1] without. */
  readonly variantOrder: (id: PackageId, version: number) => readonly number[]
  readonly candidateAt: (id: PackageId, place: number) => RezCandidate
  readonly candidate: (id: CandidateId) => RezCandidate
  readonly packageFor: (candidate: RezCandidate) => CatalogPackage | undefined
  readonly requiresOf: (candidate: RezCandidate) => readonly Demand[]
  /** The same as it is written, and of that what the variant adds. */
  readonly textsOf: (candidate: RezCandidate) => RequireTexts
  /** Packages that have to be there for it, in the order in which it names them. */
  readonly needsOf: (candidate: RezCandidate) => readonly PackageId[]
  readonly nameOf: (id: PackageId) => string
  /** Demands by the `origin` of a dependency. */
  readonly demandOf: (origin: number) => Demand
  /** Families that were looked at. */
  readonly reached: () => readonly string[]
}

interface State {
  readonly options: UniverseOptions
  readonly orderer: OrdererOf
  readonly order: VariantOrder
  /** By repository, what orders variants by ranks; orderers do not look at those. */
  readonly ranks: readonly RankOptions[] | undefined
  /** One repository, all of it, newest first: then its catalog knows in numbers what is required. */
  readonly isPlain: boolean
  /** Names in the first catalog have their number there as id; others follow. */
  readonly catalog: Catalog | undefined
  readonly names: string[]
  readonly idOf: Map<string, PackageId>
  /** What other requests see as well; undefined unless this one is plain. */
  readonly kept: Shelf | undefined
  readonly own: Shelf
  /** What packages of `kept` require where something of `own` is among it. */
  readonly mixed: Map<string, readonly RezDependency[]>
  /** Packages that were looked at. */
  readonly rows: (Row | undefined)[]
  readonly seen: PackageId[]
  /** Orders of variants, which many versions share. */
  readonly orders: Map<string, readonly number[]>
}

/** More than a repository has candidates and demands. */
const ownBase = 2 ** 30

/** The repositories as one request sees them. */
export function rezUniverse(options: UniverseOptions): RezUniverse {
  const { repositories, request, variantSelectMode, before, filter, orderers = [] } = options
  const orderer = ordererOf(orderers, (name) => releasesOf(sourcesOf(options, name)))
  const isWhole = before === undefined && filter === undefined && orderers.length === 0
  const isPlain = repositories.length === 1 && isWhole
  const first = repositories[0]?.catalog
  const state: State = {
    options,
    orderer,
    order: variantOrderOf(request, variantSelectMode, orderer),
    ranks: ranksIn(options),
    isPlain,
    catalog: first,
    kept: isPlain ? first && keptShelf(first) : undefined,
    own: shelfOf(isPlain ? ownBase : 0, (id) => familyOf(state, nameOf(state, id))),
    mixed: new Map(),
    names: [],
    idOf: new Map(),
    rows: [],
    seen: [],
    orders: new Map(),
  }
  const asked = request.map((one) => ({ ...one, text: () => one.text }))
  // An ephemeral chooses nothing, so what is asked of one must not come before packages.
  const [packages, ephemerals] = [false, true].map((is) =>
    asked.filter((one) => one.name.startsWith('.') === is),
  )
  return {
    candidates: (id) => idsOf(rowOf(state, id)),
    packageOf: (id) => ownerOf(state, id),
    dependencies: (id) => {
      const candidate = candidateOf(state, id)
      if (candidate.kind !== 'package') return []
      return dependenciesOf(state, rowOf(state, candidate.family), candidate)
    },
    roots: [...(packages ?? []), ...(ephemerals ?? [])].map((one) => dependencyOf(state, one)),
    family: (id) => rowOf(state, id),
    termsOf: (id) => termsIn(state, rowOf(state, id)),
    variantOrder: (id, version) => variantOrder(state, id, version),
    candidateAt: (id, place) => candidateAt(rowOf(state, id), place),
    candidate: (id) => candidateOf(state, id),
    packageFor: (candidate) => packageFor(state, candidate),
    requiresOf: (candidate) => requiresOf(state, candidate),
    textsOf: (candidate) => textsOf(state, candidate),
    needsOf: (candidate) => needsOf(state, candidate),
    nameOf: (id) => nameOf(state, id),
    demandOf: (origin) => {
      const shelf = shelfWith(state, origin)
      const demand = shelf.demands[origin - shelf.base]
      if (demand === undefined) throw new TypeError('origins come from this source')
      return demand
    },
    reached: () => state.seen.map((id) => nameOf(state, id)),
  }
}

/** Variants of a version get their order when one of them is looked at first. */
function candidateOf(state: State, id: CandidateId): RezCandidate {
  const owner = ownerOf(state, id)
  const row = rowOf(state, owner)
  const { firstId, firstOf } = row
  const version = versionAt(row, id - firstId)
  const first = firstOf[version] ?? 0
  if ((firstOf[version + 1] ?? 0) - first < 2) return candidateAt(row, first)
  const variant = variantOrder(state, owner, version)[id - firstId - first] ?? 0
  return candidateAt(row, first + variant)
}

function candidateAt(row: Row, place: number): RezCandidate {
  const { id, kind, sources, firstOf } = row
  const version = versionAt(row, place)
  const found = row.found(version)
  if (kind !== 'package') return { family: id, kind, repository: -1, place: -1, variant: -1 }
  const count = sources[found.repository]?.variantCount(found.place) ?? -1
  const variant = count < 0 ? -1 : place - (firstOf[version] ?? 0)
  return { family: id, kind, ...found, variant }
}

function ownerOf(state: State, id: CandidateId): PackageId {
  return ownerIn(shelfWith(state, id), id) ?? missing()
}

/** The shelf that a number of a candidate or of a demand is from. */
function shelfWith({ kept, own }: State, number: number): Shelf {
  return number >= own.base ? own : (kept ?? own)
}

/** The shelf of a package: that of all requests when its family is the catalog's. */
function shelfFor({ kept, own, catalog }: State, id: PackageId): Shelf {
  return kept !== undefined && catalog?.hasFamily(id) ? kept : own
}

function packageId(state: State, name: string): PackageId {
  const known = state.idOf.get(name)
  if (known !== undefined) return known
  const { catalog, names, idOf } = state
  const id = catalog?.subjectOf(name) ?? (catalog?.subjects ?? 0) + names.push(name) - 1
  idOf.set(name, id)
  return id
}

function nameOf({ catalog, names }: State, id: PackageId): string {
  const subjects = catalog?.subjects ?? 0
  return (id < subjects ? catalog?.subjectName(id) : names[id - subjects]) ?? ''
}

function rowOf(state: State, id: PackageId): Row {
  const known = state.rows[id]
  if (known !== undefined) return known
  const row = rowIn(shelfFor(state, id), id)
  state.rows[id] = row
  state.seen.push(id)
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
  const catalog = state.options.repositories[repository]?.catalog ?? missing()
  const count = family.variantCount(place)
  if (count < 2) return count < 0 ? without : count === 1 ? alone : []
  const comparedAt = family.comparedAt(place)
  const name = `${id}:${repository}:${comparedAt}`
  const known = state.orders.get(name)
  if (known !== undefined) return known
  const lists = family.listsAt(comparedAt)
  const ranks = state.ranks?.[repository]
  const order = ranks === undefined ? orderByKeys(state, catalog, lists) : orderByRank(lists, ranks)
  state.orders.set(name, order)
  return order
}

function orderByKeys(
  { order }: State,
  catalog: Catalog,
  variants: readonly Uint32Array[],
): readonly number[] {
  return variants
    .map((ids, index) => ({ index, key: order(Array.from(ids, catalog.demand)) }))
    .sort((a, b) => compareVariants(b.key, a.key) || b.index - a.index)
    .map(({ index }) => index)
}

function ranksIn(options: UniverseOptions): readonly RankOptions[] | undefined {
  const { repositories, request, orderers = [], variantSelectMode: mode } = options
  if (orderers.length > 0) return undefined
  return repositories.map(({ catalog }) => {
    const placeOf = new Map<number, number>()
    for (const [place, { name, kind }] of request.entries()) {
      const subject = kind === 'require' ? catalog.subjectOf(name) : undefined
      if (subject !== undefined) placeOf.set(subject, place)
    }
    return { catalog, placeOf, mode }
  })
}

function packageFor(state: State, { family, repository, place }: RezCandidate) {
  return rowOf(state, family).sources[repository]?.package(place)
}

/** Wide enough for the place of a list in a family's record. */
const placesMax = 2 ** 26

function dependenciesOf(
  state: State,
  { id: from, sources, dependencies }: Row,
  { repository, place, variant }: Found & { readonly variant: number },
): readonly RezDependency[] {
  const family = sources[repository] ?? missing()
  const known = dependencies[repository] ?? missing()
  const common = family.requiresAt(place)
  const own = variant < 0 ? 0 : family.variantAt(place, variant)
  const key = common * placesMax + own
  const before = known.get(key) ?? state.mixed.get(`${from}:${key}`)
  if (before !== undefined) return before
  const catalog = state.options.repositories[repository]?.catalog ?? missing()
  const all: RezDependency[] = []
  for (const id of family.listAt(common)) all.push(dependencyOf(state, catalog.demand(id)))
  if (variant >= 0)
    for (const id of family.listAt(own)) all.push(dependencyOf(state, catalog.demand(id)))
  const isMixed = state.isPlain && all.some(({ origin }) => origin >= state.own.base)
  if (isMixed) state.mixed.set(`${from}:${key}`, all)
  else known.set(key, all)
  return all
}

function termsIn(state: State, row: Row): Terms {
  if (row.kind !== 'package') return emptyTerms(row.size)
  const known = state.isPlain ? row.sources[0]?.terms() : undefined
  return known ?? termsOfCandidates(state, row)
}

/** What candidates of several repositories require, or such as some of theirs are left out of. */
function termsOfCandidates(state: State, row: Row): Terms {
  const groupOf: number[] = []
  const groups: (readonly Wish[])[] = []
  const known = new Map<readonly RezDependency[], number>()
  for (let place = 0; place < row.size; place += 1) {
    const all = dependenciesOf(state, row, candidateAt(row, place))
    const group = known.get(all) ?? groups.length
    if (group === groups.length) {
      known.set(all, group)
      groups.push(mergedWishes(all))
    }
    groupOf.push(group)
  }
  const compare = (a: PackageId, b: PackageId): number =>
    nameOf(state, a) < nameOf(state, b) ? -1 : a === b ? 0 : 1
  return lateTerms({ groupOf, groups, compare })
}

/** Numbers of what a candidate requires, in its catalog: of its package, and of its variant. */
function demandsIn(
  state: State,
  { family: id, repository, place, variant }: RezCandidate,
): { readonly catalog: Catalog; readonly common: Uint32Array; readonly own: Uint32Array } {
  const family = rowOf(state, id).sources[repository]
  const catalog = state.options.repositories[repository]?.catalog ?? missing()
  if (family === undefined) return { catalog, common: noDemands, own: noDemands }
  const own = variant < 0 ? noDemands : family.listAt(family.variantAt(place, variant))
  return { catalog, common: family.listAt(family.requiresAt(place)), own }
}

const noDemands = new Uint32Array()

function requiresOf(state: State, candidate: RezCandidate): readonly Demand[] {
  if (candidate.kind !== 'package') return []
  const { catalog, common, own } = demandsIn(state, candidate)
  return [...common, ...own].map(catalog.demand)
}

function textsOf(state: State, candidate: RezCandidate): RequireTexts {
  if (candidate.kind !== 'package') return { all: [], own: [] }
  const { catalog, common, own } = demandsIn(state, candidate)
  const all: string[] = []
  for (const id of common) all.push(catalog.demandText(id))
  for (const id of own) all.push(catalog.demandText(id))
  return { all, own: all.slice(common.length) }
}

function needsOf(state: State, candidate: RezCandidate): readonly PackageId[] {
  if (candidate.kind !== 'package') return []
  const { catalog, common, own } = demandsIn(state, candidate)
  const needs: PackageId[] = []
  const { words } = catalog
  for (const ids of [common, own])
    for (const id of ids) {
      const at = catalog.demandAt(id)
      if (words[at + layout.demand.kind] === required)
        needs.push(idOfSubject(state, catalog, words[at + layout.demand.subject] ?? 0))
    }
  return needs
}

const required = demandKinds.indexOf('require')

/** Names in the first catalog have their number there as id. */
function idOfSubject(state: State, catalog: Catalog, subject: number): PackageId {
  return catalog === state.catalog ? subject : packageId(state, catalog.subjectName(subject))
}

function missing(): never {
  throw new TypeError('Broken invariant: packages come from the repositories')
}

function dependencyOf(state: State, demand: Demand): RezDependency {
  const subject = state.isPlain ? demand.inCatalog?.subject : undefined
  const id = subject ?? packageId(state, demand.name)
  const on = shelfFor(state, id)
  return dependencyIn(subject === undefined ? state.own : on, demand, { id, on })
}
