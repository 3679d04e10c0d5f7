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
  formatRequirement,
  intersectionOf,
  mergeRequirements,
  parseRequirement,
  parseTypedRequirement,
  type Requirement,
} from '#model/index.ts'
import { type Dependency, type Solution, solve, solveInSlices } from '#solver/index.ts'
import type { CatalogPackage } from './catalog-layout.ts'
import {
  explainConflict,
  explainCycle,
  explainMissing,
  type Remake,
  type RezFailure,
} from './rez-explain.ts'
import type { PackageFilter } from './package-filter.ts'
import type { OrdererSettings } from './package-order.ts'
import { type Chosen, chosenIn, dependencyOrder, findCycle } from './rez-order.ts'
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
  /** One more, which no explanation gives up: what «why not» is about. */
  readonly wanted?: string | undefined
  readonly repositories: readonly Repository[]
  /** Packages released after this (seconds since 1970) are not looked at. */
  readonly before?: number | undefined
  readonly variantSelectMode?: 'version_priority' | 'intersection_priority' | undefined
  readonly filter?: PackageFilter | undefined
  readonly orderers?: readonly OrdererSettings[] | undefined
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
  | RezFailure
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
  readonly variantRequires: () => readonly string[]
  readonly repository: string
  /** Relative to the repository. */
  readonly file: string
  readonly mtimeMs: number
  readonly sizeBytes: number
}

/** @throws AppError `model/bad-requirement`, `model/bad-range`, `interop/bad-catalog` */
export async function solveRez(options: RezRequest): Promise<RezOutcome> {
  const texts = [...options.request, ...(options.wanted === undefined ? [] : [options.wanted])]
  const asked = texts.map((text) => parseTypedRequirement(text, 'rez'))
  const merged = mergedRequest(asked)
  // Requirements that clash are left side by side, so that the failure is told from them.
  const request = merged ?? asked
  const phantoms = merged !== undefined && options.missingFamilies !== 'skip'
  const wanted = options.wanted === undefined ? undefined : asked.at(-1)
  const universe = universeFor(options, request, phantoms)
  const walked = merged === undefined ? undefined : walk(universe, walkFailuresMax)
  const answer = walked?.kind === 'solved' ? walked : await learntAnswer(universe, options.signal)
  const none = { reached: universe.reached(), definitions: [] }
  switch (answer.kind) {
    case 'solved': {
      const { candidates } = answer
      const packages = candidates.map(universe.packageFor)
      const chosen = chosenIn(universe, candidates)
      const answered = { options, request, wanted, universe, candidates, packages, chosen }
      const solution = failureOf(answered) ?? told(answered)
      return { ...none, solution, definitions: definitionsOf(answered) }
    }
    case 'unsolvable':
      return {
        ...none,
        solution:
          missingIn({ options, request, wanted, universe, candidates: absentRoots(universe) }) ??
          conflictOf(options, asked) ??
          explainConflict(universe, answer),
      }
    case 'cancelled':
    case 'budget':
      return { ...none, solution: { kind: 'cancelled' } }
  }
}

/** What stands in the way of the last requirement; undefined when that is not the question. */
function conflictOf(options: RezRequest, asked: readonly Requirement[]): RezFailure | undefined {
  if (options.wanted === undefined) return undefined
  const universe = universeFor(options, asked, false)
  const answer = solve(universe, universe.roots, { polishBudget: 0 })
  return answer.kind === 'unsolvable' ? explainConflict(universe, answer, asked.at(-1)) : undefined
}

type Answer =
  | { readonly kind: 'solved'; readonly candidates: readonly RezCandidate[] }
  | Exclude<Solution, { readonly kind: 'solved' }>

/** What the learning search finds where Rez's own search makes too many detours. */
async function learntAnswer(
  universe: RezUniverse,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const learnt = await bestAnswer(universe, signal)
  if (learnt.kind !== 'solved') return learnt
  return { kind: 'solved', candidates: learnt.candidates.map(universe.candidate) }
}

/** Halves that may fail before the walk gives up; Rez seldom needs ten. */
const walkFailuresMax = 200

function universeFor(
  options: RezRequest,
  request: readonly Requirement[],
  phantoms: boolean,
): RezUniverse {
  const { repositories, variantSelectMode = 'version_priority' } = options
  const { before, filter, orderers } = options
  const narrowed = { before, filter, orderers }
  return rezUniverse({ repositories, request, variantSelectMode, phantoms, ...narrowed })
}

interface Answered {
  readonly options: RezRequest
  readonly request: readonly Requirement[]
  readonly wanted: Requirement | undefined
  readonly universe: RezUniverse
  readonly candidates: readonly RezCandidate[]
  /** By the place of their candidate; undefined where it is none. */
  readonly packages: readonly (CatalogPackage | undefined)[]
  readonly chosen: Chosen
}

/** Why what was chosen is no answer; undefined when it is one. */
function failureOf(from: Answered): RezFailure | undefined {
  const cycle = findCycle(from.chosen)
  const failure = missingIn(from)
  return failure ?? (cycle === undefined ? undefined : explainCycle(answerOf(from), cycle))
}

type Asked = Pick<Answered, 'options' | 'request' | 'wanted' | 'universe' | 'candidates'>

/** What is to be said when families that are nowhere are among the candidates. */
function missingIn(from: Asked): RezFailure | undefined {
  if (!from.candidates.some(({ kind }) => kind === 'phantom')) return undefined
  const known = from.options.repositories.flatMap(({ catalog }) => catalog.names())
  return explainMissing(answerOf(from), known)
}

/** Families that are asked for and that are nowhere. */
function absentRoots({ roots, family }: RezUniverse): readonly RezCandidate[] {
  return roots
    .filter((root) => root.needed && family(root.package).kind === 'phantom')
    .map(({ package: id }) => {
      return { family: id, kind: 'phantom', repository: -1, place: -1, variant: -1 }
    })
}

function answerOf({ options, universe, candidates, wanted, ...from }: Asked) {
  const request = from.request.map(({ text }) => text)
  const remake: Remake = (texts, phantoms) => {
    const own = texts.map((text) => parseRequirement(text, 'rez'))
    return universeFor(options, mergedRequest(own) ?? own, phantoms)
  }
  return { universe, candidates, request, wanted, remake }
}

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

/** Requirements of one name as one, at the place of the first; undefined when some clash. */
function mergedRequest(request: readonly Requirement[]): readonly Requirement[] | undefined {
  const merged = new Map<string, Requirement>()
  for (const own of request) {
    const before = merged.get(own.name)
    const both = before === undefined ? own : mergeRequirements(before, own, 'rez')
    if (both === undefined) return undefined
    merged.set(own.name, both)
  }
  return [...merged.values()]
}

function definitionsOf(answered: Answered): readonly Definition[] {
  const { options, universe, candidates, packages, chosen } = answered
  return candidates.flatMap((candidate, place) => {
    const one = packages[place]
    if (one === undefined) return []
    const { file, mtimeMs, sizeBytes } = one
    const name = chosen.names[place] ?? ''
    const repository = options.repositories[candidate.repository]?.path ?? ''
    const variantRequires = () => universe.textsOf(candidate).own
    return [{ name, variantRequires, repository, file, mtimeMs, sizeBytes }]
  })
}

function told(answered: Answered): RezSolution {
  const { options, request, universe, candidates, packages, chosen } = answered
  const first = request.map(({ name }) => chosen.names.indexOf(name)).filter((place) => place >= 0)
  return {
    kind: 'solved',
    packages: dependencyOrder(chosen, first).flatMap((place) => {
      const candidate = candidates[place]
      const one = packages[place]
      if (candidate === undefined || one === undefined) return []
      const { version, file } = one
      const variant = candidate.variant < 0 ? null : candidate.variant
      const repository = options.repositories[candidate.repository]?.path ?? ''
      const requires = universe.textsOf(candidate).all
      return [{ name: chosen.names[place] ?? '', version, variant, repository, file, requires }]
    }),
    ephemerals: ephemeralsOf(answered),
  }
}

/** Every range that is asked of a chosen ephemeral, as one. */
function ephemeralsOf({ request, universe, candidates, chosen }: Answered): readonly string[] {
  const names = chosen.names.filter((_, place) => candidates[place]?.kind === 'ephemeral')
  if (names.length === 0) return []
  const demands = candidates.flatMap((candidate) =>
    universe
      .textsOf(candidate)
      .all.map((text) => parseRequirement(text, 'rez'))
      .filter(({ name }) => name.startsWith('.')),
  )
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
