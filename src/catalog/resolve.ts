/**
 * Resolving: a request in names and ranges, answered with builds, recipes and system packages.
 *
 * Not here: how candidates are ordered (`candidate.ts`), what they demand (`universe.ts`), what a
 * choice is in names (`answer.ts`), how a failure is told (`explain.ts`).
 */
import { AppError } from '#kernel/index.ts'
import {
  isVirtualName,
  namesPrerelease,
  parseRequirement,
  type Platform,
  platformRequirements,
  type Requirement,
} from '#model/index.ts'
import { type Dependency, type Solution, solve, solveInSlices } from '#solver/index.ts'
import { answerOf } from './answer.ts'
import { unaskedOptions, withObjections } from './asked.ts'
import {
  type Candidate,
  type CandidateContext,
  hasTooManyChoices,
  type Provider,
  recipeOf,
} from './candidate.ts'
import { demandedOptions } from './demanded.ts'
import type { Catalog } from './entry.ts'
import { explain } from './explain.ts'
import { hintsAboutLeftOut } from './left-out.ts'
import type {
  Resolution,
  ResolveContext,
  ResolvedPackage,
  ResolvedRecipe,
  ResolveRequest,
} from './resolution.ts'
import { type Pin, type Universe, universeOf } from './universe.ts'

/** Chooses the packages of an environment, in one go. */
export function resolve(catalog: Catalog, request: ResolveRequest): Resolution {
  return resolveWith(catalog, request, questionOf(request))
}

/** Chooses the packages of an environment, in slices between which signals are heard. */
export async function resolveInSlices(
  catalog: Catalog,
  request: ResolveRequest,
): Promise<Resolution> {
  for (let posed: Posed = posedOf(catalog, request, questionOf(request)); ; ) {
    const solution = await solveInSlices(posed.universe, posed.roots, limitsOf(request))
    const again = posedAgain(posed, solution)
    if (again === undefined) return concluded(posed, solution)
    posed = again
  }
}

function questionOf({ requirements, wanted, keep, keepBuilds }: ResolveRequest): Question {
  return {
    requirements: [...requirements, ...(wanted === undefined ? [] : [wanted])],
    wanted,
    keep: keep ?? new Map(),
    keepBuilds,
    pins: new Map(),
    role: 'provide',
  }
}

/**
 * Chooses what is in the sandbox when a recipe of an answer is built: its run-time dependencies
 * as that answer has them (`within`), and its build-requires, as that answer has them if it may.
 */
export function resolveBuild(
  catalog: Catalog,
  request: ResolveContext & {
    readonly package: ResolvedRecipe
    readonly within: readonly ResolvedPackage[]
  },
): Resolution {
  const { package: subject, within } = request
  const recipe = recipeOf(candidateOf(subject), request.target)
  const all = [...recipe.requires, ...recipe.buildRequires]
  return resolveWith(withoutRecipe(catalog, subject.name), request, {
    requirements: all.map(({ requirement }) => requirement),
    keep: new Map(within.map(({ name, version }) => [name, version])),
    pins: pinsFor(subject, within),
    role: 'build',
    by: `${subject.name} ${subject.version}`,
  })
}

interface Question extends Pick<ResolveRequest, 'keepBuilds'> {
  readonly requirements: readonly Requirement[]
  readonly keep: ReadonlyMap<string, string>
  readonly pins: ReadonlyMap<string, Pin>
  readonly role: 'provide' | 'build'
  /** That one of the requirements that is not to be given up. */
  readonly wanted?: Requirement | undefined
  /** Whose requirements they are, where not the user's own. */
  readonly by?: string
}

function resolveWith(catalog: Catalog, context: ResolveContext, question: Question): Resolution {
  for (let posed: Posed = posedOf(catalog, context, question); ; ) {
    const solution = solve(posed.universe, posed.roots, limitsOf(context))
    const again = posedAgain(posed, solution)
    if (again === undefined) return concluded(posed, solution)
    posed = again
  }
}

function limitsOf({ signal, conflictBudget }: ResolveContext) {
  return { signal, conflictBudget }
}

/** A question as the solver is asked it. */
interface Posed {
  readonly catalog: Catalog
  readonly context: ResolveContext
  readonly question: Question
  readonly candidates: CandidateContext
  readonly universe: Universe
  readonly roots: readonly Dependency[]
  /** Choices of options that would do, and that nobody asks for. */
  readonly unasked: readonly (readonly string[])[]
}

function posedOf(
  catalog: Catalog,
  context: ResolveContext,
  question: Question,
  unasked: Posed['unasked'] = [],
): Posed {
  const { requirements, keep, keepBuilds, pins } = question
  const candidates: CandidateContext = {
    target: context.target,
    platform: context.platform?.year,
    demanded: demandedOptions(catalog, requirements),
    keep,
    keepBuilds,
    until: context.until,
    lowest: lowestOf(context, requirements),
    withheld: new Set(unasked.flat()),
  }
  const asked = requirements.filter((one) => namesPrerelease(one.versions))
  const plain = universeOf(catalog, {
    ...candidates,
    host: context.host,
    pins,
    buildLimits: buildLimitsOf(context.platform),
    prereleases: new Set(asked.map((one) => one.name)),
  })
  const roots = rootsOf(plain, context, question)
  const universe = withObjections(catalog, plain, context.target)
  return { catalog, context, question, candidates, universe, roots, unasked }
}

/**
 * The question without options that would do if anybody asked for them, so that its failure is one
 * of demands; undefined where it is, or where it is none.
 */
function posedAgain(posed: Posed, solution: Solution): Posed | undefined {
  const { catalog, context, question, universe, unasked } = posed
  if (solution.kind !== 'unsolvable' || context.isTrial === true) return undefined
  if (solution.objectedTo === undefined) return undefined
  const options = unaskedOptions(universe, context.target, solution.objectedTo)
  return posedOf(catalog, context, question, [...unasked, options])
}

function concluded(posed: Posed, solution: Solution): Resolution {
  const { catalog, context, question, candidates, universe, roots, unasked } = posed
  switch (solution.kind) {
    case 'cancelled':
    case 'budget':
      return solution
    case 'solved': {
      const { optimal, work } = solution
      const answer = answerOf(universe, { roots, target: context.target }, solution.candidates)
      return { kind: 'solved', ...answer, optimal, work }
    }
    case 'unsolvable':
      assertAllTried(catalog, candidates)
      if (context.isTrial === true) return unexplained
      return withLeftOut(
        explain({
          catalog,
          universe,
          roots,
          failed: solution,
          unasked,
          whole: unasked.length === 0 ? posed : posedOf(catalog, context, question),
          host: context.host,
          until: context.until,
        }),
        catalog,
        context.until,
      )
  }
}

const unexplained = { kind: 'unsolvable', sentences: [], causes: [], fixes: [], hints: [] } as const

type Unsolvable = Resolution & { readonly kind: 'unsolvable' }

function withLeftOut(told: Unsolvable, catalog: Catalog, until: number | undefined): Unsolvable {
  if (until === undefined) return told
  const facts = told.causes.flatMap((cause) => cause.facts)
  const names = new Set(facts.map((fact) => parseRequirement(fact.requirement).name))
  return {
    ...told,
    hints: [...hintsAboutLeftOut(catalog, names, until), ...told.hints].slice(0, 8),
  }
}

function lowestOf(
  { lowest }: ResolveContext,
  requirements: readonly Requirement[],
): CandidateContext['lowest'] {
  return lowest === 'direct' ? new Set(requirements.map(({ name }) => name)) : lowest
}

/** @throws AppError `solver/too-many-options` when «there is no answer» was not proven. */
function assertAllTried(catalog: Catalog, { demanded }: CandidateContext): void {
  for (const [name, options] of demanded) {
    const recipes = catalog.entries(name).filter((entry) => entry.kind === 'recipe')
    if (!recipes.some(({ recipe }) => hasTooManyChoices(recipe, options))) continue
    throw new AppError(
      'solver/too-many-options',
      `No answer was found, and ${name} is asked for with more combinations of options than are tried`,
      { hints: [`Ask for the options of ${name} that you want, in one requirement.`] },
    )
  }
}

/** The newest versions that a platform's recipes are built against, where it says one. */
function buildLimitsOf(platform: Platform | undefined): ReadonlyMap<string, Requirement> {
  if (platform === undefined) return new Map()
  const limits = platformRequirements(platform, 'build')
  return new Map(
    limits
      .filter(({ name }) => platform.minMax.has(name) && !isVirtualName(name))
      .map((one) => [one.name, one]),
  )
}

/** The request's demands, then the platform's on everything that is not settled. */
function rootsOf(universe: Universe, context: ResolveContext, question: Question): Dependency[] {
  const { platform, host } = context
  const asked = question.requirements
    .filter((one) => host.length > 0 || !isVirtualName(one.name))
    .map((one) => universe.root(one, { by: question.by, isGiven: one === question.wanted }))
  if (platform === undefined) return asked
  const limits = platformRequirements(platform, question.role)
    .filter((one) => !isVirtualName(one.name) && !question.pins.has(one.name))
    .map((one) => universe.root(one, { by: platform.year }))
  return [...asked, ...limits]
}

/** What a package of `within` needs when it runs, closed: these are settled. */
function pinsFor(
  subject: ResolvedRecipe,
  within: readonly ResolvedPackage[],
): ReadonlyMap<string, Pin> {
  const known = new Map(within.map((one) => [one.name, one]))
  const pins = new Map<string, Pin>()
  const queue = [...subject.depends]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const one = known.get(name)
    if (one === undefined || pins.has(name) || name === subject.name) continue
    // Locked elsewhere and not installed here: the failure then says how to install it.
    if (one.kind === 'system' && one.entry.version === undefined) continue
    // It cannot be in the sandbox in which it is made.
    const depends = one.depends.filter((other) => other !== subject.name)
    pins.set(name, { candidate: candidateOf(one), depends })
    queue.push(...one.depends)
  }
  return pins
}

function candidateOf(one: ResolvedRecipe): Candidate & { readonly kind: 'recipe' }
function candidateOf(one: ResolvedPackage): Provider
function candidateOf(one: ResolvedPackage): Provider {
  const { name } = one
  switch (one.kind) {
    case 'build':
      return { kind: 'build', name, version: one.entry.version, entry: one.entry }
    case 'recipe': {
      const { entry, options } = one
      return { kind: 'recipe', name, version: entry.version, entry, options }
    }
    case 'system': {
      const { version } = one.entry
      if (version === undefined) throw new TypeError(`Broken invariant: ${name} is installed`)
      return { kind: 'system', name, version, entry: one.entry }
    }
  }
}

/** Nothing is in the sandbox of its own build, unless it was built before. */
function withoutRecipe(catalog: Catalog, name: string): Catalog {
  return {
    names: () => catalog.names(),
    providers: (other) => catalog.providers(other),
    entries: (other) =>
      other === name
        ? catalog.entries(other).filter((entry) => entry.kind !== 'recipe')
        : catalog.entries(other),
  }
}
