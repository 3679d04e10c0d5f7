/**
 * Resolving: a request in names and ranges, answered with builds, recipes and system packages.
 *
 * Not here: how candidates are ordered (`candidate.ts`), what they demand (`universe.ts`), how a
 * failure is told (`explain.ts`).
 */
import { AppError } from '#kernel/index.ts'
import {
  formatRange,
  intersectionOf,
  isVirtualName,
  namesPrerelease,
  parseRequirement,
  type Platform,
  platformRequirements,
  type Requirement,
  type Target,
  type VersionSet,
} from '#model/index.ts'
import {
  type CandidateId,
  type Dependency,
  type Solution,
  solve,
  solveInSlices,
} from '#solver/index.ts'
import {
  type Candidate,
  type CandidateContext,
  hasTooManyChoices,
  type Provider,
  provisionsOf,
  realOf,
  recipeOf,
} from './candidate.ts'
import { unaskedOptions, withObjections } from './asked.ts'
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
import { type Demand, type Pin, type Universe, universeOf } from './universe.ts'

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

function questionOf({ requirements, wanted, keep }: ResolveRequest): Question {
  return {
    requirements: [...requirements, ...(wanted === undefined ? [] : [wanted])],
    wanted,
    keep: keep ?? new Map(),
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

interface Question {
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
  const { requirements, keep, pins } = question
  const candidates: CandidateContext = {
    target: context.target,
    platform: context.platform?.year,
    demanded: demandedOptions(catalog, requirements),
    keep,
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

function answerOf(
  universe: Universe,
  from: { readonly roots: readonly Dependency[]; readonly target: Target },
  chosen: readonly CandidateId[],
): Pick<Resolution & { kind: 'solved' }, 'packages' | 'host'> {
  const { roots, target } = from
  const ids = new Map(chosen.map((id) => [universe.candidate(id), id]))
  const present = new Map(
    chosen.map((id) => {
      const candidate = universe.candidate(id)
      return [candidate.name, ids.get(realOf(candidate)) ?? id]
    }),
  )
  const asked = new Map<string, VersionSet>()
  const note = ({ name, kind, versions, exactly }: Demand): void => {
    if (kind !== 'require' || exactly !== undefined) return
    const before = asked.get(name)
    asked.set(name, before === undefined ? versions : intersectionOf(before, versions))
  }
  for (const { origin } of roots) note(universe.demand(origin))
  for (const id of chosen) universe.demandsOf(id).forEach(note)
  const rangeOf = (name: string): string => formatRange(asked.get(name) ?? { intervals: [{}] })
  const packages = inOrder(universe, present).flatMap((id) =>
    resolved(universe, { id, present, rangeOf, target }),
  )
  const host = [...asked.keys()]
    .filter(isVirtualName)
    .sort()
    .map((name) => ({ name, range: rangeOf(name) }))
  return { packages, host }
}

/** Names of present packages that a candidate needs, sorted. */
function dependsOf(
  universe: Universe,
  id: CandidateId,
  present: ReadonlyMap<string, CandidateId>,
): readonly string[] {
  const names = statedDemands(universe, id).flatMap(({ kind, name }) => {
    const needed = kind === 'require' ? present.get(name) : undefined
    return needed === undefined ? [] : universe.candidate(needed).name
  })
  return [...new Set(names)].sort()
}

/** What a package demands of others, as far as it says so itself. */
function statedDemands(universe: Universe, id: CandidateId): readonly Demand[] {
  return universe
    .demandsOf(id)
    .filter(({ name, by, exactly }) => !isVirtualName(name) && !by && exactly === undefined)
}

/** Demands that say more than the names in `depends` do. */
function needsOf(
  universe: Universe,
  id: CandidateId,
  present: ReadonlyMap<string, CandidateId>,
): readonly string[] {
  const telling = statedDemands(universe, id).filter(({ text, name }) => {
    const needed = present.get(name)
    const isItself = needed !== undefined && universe.candidate(needed).name === name
    return text !== name || (needed !== undefined && !isItself)
  })
  return [...new Set(telling.map(({ text }) => text))].sort()
}

function resolved(
  universe: Universe,
  from: {
    readonly id: CandidateId
    readonly present: ReadonlyMap<string, CandidateId>
    readonly rangeOf: (name: string) => string
    readonly target: Target
  },
): readonly ResolvedPackage[] {
  const candidate = universe.candidate(from.id)
  const { name } = candidate
  const depends = dependsOf(universe, from.id, from.present)
  const provided = provisionsOf(candidate, from.target).map((one) => [one.name, one.version.text])
  const common = {
    name,
    version: candidate.version.text,
    depends,
    needs: needsOf(universe, from.id, from.present),
    provides: Object.fromEntries(provided),
  }
  switch (candidate.kind) {
    case 'build':
      return [{ ...common, kind: 'build', entry: candidate.entry }]
    case 'recipe': {
      const { entry, options } = candidate
      return [{ ...common, kind: 'recipe', entry, options }]
    }
    case 'system':
      return [{ ...common, kind: 'system', entry: candidate.entry, range: from.rangeOf(name) }]
    case 'provided':
    case 'host':
      return []
  }
}

/** Dependencies before what needs them; otherwise as chosen. Cycles are cut where they close. */
function inOrder(
  universe: Universe,
  present: ReadonlyMap<string, CandidateId>,
): readonly CandidateId[] {
  const order: CandidateId[] = []
  const seen = new Set<CandidateId>()
  const visit = (id: CandidateId): void => {
    if (seen.has(id)) return
    seen.add(id)
    for (const name of dependsOf(universe, id, present)) {
      const needed = present.get(name)
      if (needed !== undefined) visit(needed)
    }
    order.push(id)
  }
  for (const id of present.values()) visit(id)
  return order
}
