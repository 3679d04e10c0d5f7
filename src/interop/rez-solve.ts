/**
 * Solves a request in Rez repositories and tells the answer as Rez does.
 *
 * Invariant: an answer is valid under Rez's rules; `failed` is proven, and giving up is neither. A
 * cycle between the chosen packages is a failure, as in Rez. A family that is nowhere is a failure
 * of its own kind when the best answer would want it, unless `missingFamilies` is `skip`.
 * Order of packages: dependencies before dependants, else as requested, else by name.
 * Source: rez 3.4 `solver.py` (`finalise`, `_get_dependency_order`); docs/rez.md.
 */
import {
  allowedVersions,
  didYouMean,
  formatRequirement,
  intersectionOf,
  mergeRequirements,
  parseRequirement,
  type Requirement,
} from '#model/index.ts'
import { type CoreFact, type Dependency, type Solution, solveInSlices } from '#solver/index.ts'
import type { CatalogPackage, Demand } from './catalog-layout.ts'
import { dependencyOrder, findCycle } from './rez-order.ts'
import {
  type Repository,
  type RezCandidate,
  rezUniverse,
  type RezUniverse,
} from './rez-universe.ts'
import { walk } from './rez-walk.ts'

export interface RezRequest {
  /** Requirements in Rez's syntax. */
  readonly request: readonly string[]
  readonly repositories: readonly Repository[]
  /** Packages released after this (seconds since 1970) are not looked at. */
  readonly before?: number | undefined
  readonly variantSelectMode?: 'version_priority' | 'intersection_priority' | undefined
  /** What a variant means that requires a family which is nowhere. */
  readonly missingFamilies?: 'fail' | 'skip' | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RezResolved {
  readonly name: string
  /** Empty when the package has no versions. */
  readonly version: string
  /** Null when the package has no variants. */
  readonly variant: number | null
  readonly repository: string
  /** The definition file, relative to the repository. */
  readonly file: string
  readonly requires: readonly string[]
}

export type RezSolution =
  | {
      readonly kind: 'solved'
      readonly packages: readonly RezResolved[]
      /** Ranges in force, sorted. */
      readonly ephemerals: readonly string[]
    }
  | {
      readonly kind: 'failed'
      readonly reason: 'conflict' | 'cycle' | 'missing-family'
      readonly sentences: readonly string[]
      readonly hints: readonly string[]
    }
  | { readonly kind: 'cancelled' }

export interface RezOutcome {
  readonly solution: RezSolution
  /** Families that were looked at. */
  readonly reached: readonly string[]
  /** Definitions of the packages of the answer, as the catalogs have them. */
  readonly definitions: readonly Definition[]
}

/** A definition file as it was when it was read, and what of it is in the answer. */
export interface Definition {
  readonly name: string
  /** What the chosen variant requires of its own. */
  readonly variantRequires: readonly string[]
  readonly repository: string
  /** Relative to the repository. */
  readonly file: string
  readonly mtimeMs: number
  readonly sizeBytes: number
}

/** @throws AppError `model/bad-requirement`, `model/bad-range`, `interop/bad-catalog` */
export async function solveRez(options: RezRequest): Promise<RezOutcome> {
  const request = mergedRequest(options.request.map((text) => parseRequirement(text, 'rez')))
  if ('clash' in request)
    return { solution: failed('conflict', [request.clash]), reached: [], definitions: [] }
  const universe = rezUniverse({
    repositories: options.repositories,
    request: request.merged,
    variantSelectMode: options.variantSelectMode ?? 'version_priority',
    before: options.before,
    phantoms: options.missingFamilies !== 'skip',
  })
  const answer = await answerOf(universe, options.signal)
  const reached = universe.reached()
  switch (answer.kind) {
    case 'solved': {
      const chosen = chosenIn(universe, answer.candidates)
      const solution = told(chosen, request.merged, options)
      return { solution, reached, definitions: definitionsOf(chosen, options) }
    }
    case 'unsolvable':
      return { solution: explained(universe, answer.core), reached, definitions: [] }
    case 'cancelled':
    case 'budget':
      return { solution: { kind: 'cancelled' }, reached, definitions: [] }
  }
}

type Answer =
  | { readonly kind: 'solved'; readonly candidates: readonly RezCandidate[] }
  | Exclude<Solution, { readonly kind: 'solved' }>

/** Rez's own answer where its search finds one with few detours, else the learning search's. */
async function answerOf(universe: RezUniverse, signal: AbortSignal | undefined): Promise<Answer> {
  const walked = walk(universe, walkFailuresMax)
  if (walked.kind === 'solved') return walked
  const learnt = await bestAnswer(universe, signal)
  if (learnt.kind !== 'solved') return learnt
  return { kind: 'solved', candidates: learnt.candidates.map(universe.candidate) }
}

/** Halves that may fail before the walk gives up; Rez seldom needs ten. */
const walkFailuresMax = 200

/**
 * What is named in the request weakly is requested too where it is present: it is to be as new as
 * what is required allows, so it is required in a second search.
 */
async function bestAnswer(
  universe: RezUniverse,
  signal: AbortSignal | undefined,
): Promise<Solution> {
  const { roots } = universe
  const first = await solveInSlices(universe, roots, { signal, polishBudget: 0 })
  if (first.kind !== 'solved') return first
  const present = new Map(first.candidates.map((id) => [universe.packageOf(id), id]))
  const needed = new Set(roots.filter((root) => root.needed).map((root) => root.package))
  const weak = roots.filter((root) => !needed.has(root.package) && present.has(root.package))
  const isBest = (root: Dependency): boolean => {
    const allowed = new Set(root.allowed)
    const best = universe.candidates(root.package).find((id) => allowed.has(id))
    return best === present.get(root.package)
  }
  if (weak.every(isBest)) return first
  const more = weak.map((root) => ({ ...root, needed: true }))
  return await solveInSlices(universe, [...roots, ...more], { signal, polishBudget: 0 })
}

/** Requirements of one name as one, at the place of the first. */
function mergedRequest(
  request: readonly Requirement[],
): { merged: readonly Requirement[] } | { clash: string } {
  const merged = new Map<string, Requirement>()
  for (const own of request) {
    const before = merged.get(own.name)
    const both = before === undefined ? own : mergeRequirements(before, own, 'rez')
    if (both === undefined)
      return { clash: `The request asks for ${before?.text} and for ${own.text}.` }
    merged.set(own.name, both)
  }
  return { merged: [...merged.values()] }
}

interface Chosen extends RezCandidate {
  readonly package: CatalogPackage | undefined
  readonly requires: readonly Demand[]
}

function chosenOf(universe: RezUniverse, candidate: RezCandidate): Chosen {
  const requires = universe.requiresOf(candidate)
  return { ...candidate, package: universe.packageFor(candidate), requires }
}

function chosenIn(
  universe: RezUniverse,
  candidates: readonly RezCandidate[],
): ReadonlyMap<string, Chosen> {
  return new Map(
    candidates.map((one) => [universe.nameOf(one.family), chosenOf(universe, one)] as const),
  )
}

function definitionsOf(
  chosen: ReadonlyMap<string, Chosen>,
  { repositories }: RezRequest,
): readonly Definition[] {
  return [...chosen].flatMap(([name, { package: one, repository, variant, requires }]) => {
    if (one === undefined) return []
    const { file, mtimeMs, sizeBytes, variants } = one
    const path = repositories[repository]?.path ?? ''
    const own = variants?.[variant]?.length ?? 0
    const variantRequires = requires.slice(requires.length - own).map(({ text }) => text())
    return [{ name, variantRequires, repository: path, file, mtimeMs, sizeBytes }]
  })
}

function told(
  chosen: ReadonlyMap<string, Chosen>,
  request: readonly Requirement[],
  { repositories }: RezRequest,
): RezSolution {
  const missing = [...chosen].filter(([, { kind }]) => kind === 'phantom').map(([name]) => name)
  if (missing.length > 0) return missingFamilies(missing, chosen, repositories)
  const packages = new Map([...chosen].filter(([, { kind }]) => kind === 'package'))
  const edges = new Map(
    [...packages].map(([name, { requires }]) => [
      name,
      requires

        .filter((one) => one.kind === 'require' && packages.has(one.name))
        .map((one) => one.name),
    ]),
  )
  const cycle = findCycle(edges)
  if (cycle !== undefined) {
    const shown = cycle.map((name) => labelOf(name, packages.get(name)))
    return failed('cycle', [`Packages need each other in a circle: ${shown.join(' --> ')}.`])
  }
  const order = dependencyOrder(
    edges,
    request.map(({ name }) => name),
  )
  return {
    kind: 'solved',
    packages: order.flatMap((name) => {
      const candidate = packages.get(name)
      return candidate === undefined ? [] : [resolvedOf(name, candidate, repositories)]
    }),
    ephemerals: ephemeralsOf(chosen, request),
  }
}

function resolvedOf(
  name: string,
  { package: one, repository, variant, requires }: Chosen,
  repositories: readonly Repository[],
): RezResolved {
  return {
    name,
    version: one?.version ?? '',
    variant: variant < 0 ? null : variant,
    repository: repositories[repository]?.path ?? '',
    file: one?.file ?? '',
    requires: requires.map(({ text }) => text()),
  }
}

/** Every range that is asked of a chosen ephemeral, as one. */
function ephemeralsOf(
  chosen: ReadonlyMap<string, Chosen>,
  request: readonly Requirement[],
): readonly string[] {
  const demands = [...chosen.values()].flatMap(({ requires }) =>
    requires
      .filter(({ name }) => name.startsWith('.'))
      .map(({ text }) => parseRequirement(text(), 'rez')),
  )
  const names = [...chosen].filter(([, { kind }]) => kind === 'ephemeral').map(([name]) => name)
  return names
    .map((name) => {
      const own = [...request, ...demands].filter((one) => one.name === name)
      const first = own.find(({ kind }) => kind === 'require')
      if (first === undefined) return name
      const versions = own.map(allowedVersions).reduce(intersectionOf)
      return formatRequirement({ ...first, versions }, 'rez')
    })
    .sort()
}

function missingFamilies(
  missing: readonly string[],
  chosen: ReadonlyMap<string, Chosen>,
  repositories: readonly Repository[],
): RezSolution {
  const sentences: string[] = []
  const hints: string[] = []
  for (const name of missing) {
    const wanting = [...chosen].filter(([, { requires }]) =>
      requires.some((one) => one.name === name && one.kind === 'require'),
    )
    const by = wanting.map(([own, candidate]) => labelOf(own, candidate)).join(', ')
    sentences.push(`No repository has a package ${name}, which ${by || 'the request'} requires.`)
    const near = didYouMean(
      name,
      repositories.flatMap(({ catalog }) => catalog.names()),
    )
    if (near !== undefined) hints.push(`Did you mean '${near}'?`)
  }
  return { ...failed('missing-family', sentences), hints }
}

function explained(universe: RezUniverse, core: readonly CoreFact[]): RezSolution {
  const facts = new Map<string, { readonly from: string[]; readonly text: string }>()
  for (const { from, dependency } of core) {
    const text = universe.demandOf(dependency.origin).text()
    const asker = from === 'request' ? undefined : chosenOf(universe, universe.candidate(from))
    const name = asker === undefined ? '' : universe.nameOf(asker.family)
    const fact = facts.get(`${name} ${text}`) ?? { from: [], text }
    facts.set(`${name} ${text}`, fact)
    if (asker !== undefined) fact.from.push(labelOf(name, asker))
  }
  const sentences = [...facts.values()].map(({ from, text }) =>
    from.length === 0
      ? `The request asks for ${text}.`
      : `${shortened(from)} ${from.length === 1 ? 'asks' : 'ask'} for ${text}.`,
  )
  const empty = [...new Set(core.map(({ dependency }) => dependency))]
    .filter(({ needed, allowed }) => needed && [...allowed].length === 0)
    .map(({ origin }) => `No version of ${universe.demandOf(origin).name} fits that.`)
  return failed('conflict', [...sentences, ...empty])
}

const askersShown = 3

function shortened(all: readonly string[]): string {
  const unique = [...new Set(all)]
  const more = unique.length - askersShown
  const shown = unique.slice(0, askersShown).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}

function labelOf(name: string, candidate: Chosen | undefined): string {
  const version = candidate?.package?.version ?? ''
  return version === '' ? name : `${name}-${version}`
}

function failed(
  reason: 'conflict' | 'cycle' | 'missing-family',
  sentences: readonly string[],
): RezSolution & { readonly kind: 'failed' } {
  return { kind: 'failed', reason, sentences, hints: [] }
}
