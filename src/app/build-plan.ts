/**
 * Which builds have to be made, in which order, and with what in their sandboxes.
 *
 * Invariant: run-time dependencies of a build are exactly those of the environment it is built for.
 */
import type { BuildRequest, BuildResult, DependencyBuild, GraphNode } from '#build/index.ts'
import {
  type CatalogEntry,
  type ConflictFact,
  type Resolution,
  resolveBuild,
  type ResolvedPackage,
  type ResolvedRecipe,
} from '#catalog/index.ts'
import { AppError, assert, canonicalJson } from '#kernel/index.ts'
import {
  findPlatform,
  formatRange,
  type HostFact,
  type LockedPackage,
  parseRequirement,
  recipeAt,
  type RecipeVersion,
} from '#model/index.ts'
import { bringBuild } from './builds.ts'
import type { Choice } from './catalogs.ts'
import type { Locked } from './lock.ts'
import { reachedFrom } from './names.ts'
import type { OpenProject } from './project.ts'
import type { World } from './world.ts'

/** A build to be made. Its `name` is unique in the graph, also among options of one package. */
export interface PlannedNode extends GraphNode {
  readonly package: { readonly name: string; readonly version: string }
  /** False for what only builds need. */
  readonly inEnvironment: boolean
}

export interface PlanInput {
  readonly at: OpenProject
  readonly locked: Locked
  readonly toBuild: ReadonlySet<string>
  readonly choice: Choice
  readonly host: readonly HostFact[]
  readonly force: boolean
}

/** The graph of builds for the packages `toBuild` and what is needed only to build them. */
export async function planBuilds(world: World, input: PlanInput): Promise<readonly PlannedNode[]> {
  const within = input.locked.at.packages.map((locked) => resolvedFrom(input, locked))
  const nodes = new Map<string, PlannedNode>()
  const queue = within.filter((one): one is ResolvedRecipe => one.kind === 'recipe')
  const inEnvironment = new Set(queue.map(keyOf))
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const key = keyOf(next)
    if (nodes.has(key)) continue
    const inside = sandboxOf(input, next, within)
    const needed = inside.filter((one): one is ResolvedRecipe => one.kind === 'recipe')
    queue.push(...needed)
    nodes.set(key, {
      name: key,
      package: { name: next.name, version: next.version },
      inEnvironment: inEnvironment.has(key),
      needs: needed.map(keyOf),
      request: await requestOf(world, input, { package: next, inside }),
    })
  }
  const circle = circleIn(nodes)
  if (circle !== undefined) {
    const chain = circle.map((name, at) => `${name} needs ${circle[at + 1] ?? circle[0]}`)
    throw inCircle('None of these can be built first', chain)
  }
  return [...nodes.values()]
}

/** Builds that wait for each other, each for the next and the last for the first. */
function circleIn(nodes: ReadonlyMap<string, GraphNode>): readonly string[] | undefined {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (name: string): readonly string[] | undefined => {
    const start = path.indexOf(name)
    if (start >= 0) return path.slice(start)
    if (done.has(name)) return undefined
    path.push(name)
    for (const needed of nodes.get(name)?.needs ?? []) {
      const circle = visit(needed)
      if (circle !== undefined) return circle
    }
    path.pop()
    done.add(name)
    return undefined
  }
  for (const name of nodes.keys()) {
    const circle = visit(name)
    if (circle !== undefined) return circle
  }
  return undefined
}

function inCircle(what: string, chain: readonly string[]): AppError {
  return new AppError('build/circle', `${what}: ${chain.join(', ')}`, {
    hints: [
      'What a package needs only when it runs belongs under `run-requires:` of its recipe.',
      'A build of one of them, from a registry or made earlier, breaks the circle.',
    ],
  })
}

function keyOf(one: ResolvedRecipe): string {
  const options = Object.keys(one.options).length === 0 ? '' : ` ${canonicalJson(one.options)}`
  return `${one.name} ${one.version}${options}`
}

/** A locked package as the solver would have answered it. */
function resolvedFrom(input: PlanInput, locked: LockedPackage): ResolvedPackage {
  const entries = input.choice.catalog.entries(locked.name)
  const { name, version, depends, needs = [], provides = {} } = locked
  const common = { name, version, depends, needs, provides }
  if (locked.kind === 'system') {
    const entry = entries.find((known) => known.kind === 'system')
    assert(entry?.kind === 'system', `${name} is a system package`)
    return { kind: 'system', ...common, entry, range: locked.range }
  }
  if (locked.kind === 'build' && !input.toBuild.has(name)) {
    const entry = entries.find((known) => known.kind === 'build' && known.manifest === locked.build)
    if (entry?.kind === 'build') return { kind: 'build', ...common, entry }
  }
  const entry = entries.find((known) => known.kind === 'recipe' && known.version.text === version)
  if (entry?.kind !== 'recipe') throw noRecipe(locked, entries)
  const options = locked.kind === 'recipe' ? locked.options : optionsOf(entries, locked)
  return { kind: 'recipe', ...common, entry, options }
}

function optionsOf(entries: readonly CatalogEntry[], locked: LockedPackage) {
  if (locked.kind !== 'build') return {}
  const build = entries.find((known) => known.kind === 'build' && known.manifest === locked.build)
  return build?.kind === 'build' ? build.config.options : {}
}

function noRecipe(locked: LockedPackage, entries: readonly CatalogEntry[]): AppError {
  const versions = entries.flatMap((known) => (known.kind === 'recipe' ? known.version.text : []))
  const has =
    versions.length === 0 ? 'there is no recipe for it' : `recipes have ${versions.join(', ')}`
  return new AppError('cli/not-built', `${locked.name} ${locked.version} cannot be built: ${has}`, {
    hints: [`\`backlot lock --update ${locked.name}\` chooses what can be had.`],
  })
}

/** Everything that is in the sandbox while a package is built. */
function sandboxOf(
  input: PlanInput,
  one: ResolvedRecipe,
  within: readonly ResolvedPackage[],
): readonly ResolvedPackage[] {
  const { platform } = input.locked.environment
  const answer: Resolution = resolveBuild(input.choice.catalog, {
    package: one,
    within,
    ...(platform === undefined ? {} : { platform: findPlatform(platform) }),
    host: input.host,
    target: input.locked.target,
  })
  if (answer.kind === 'solved') return answer.packages
  if (answer.kind === 'unsolvable' && factsOf(answer).some((fact) => isOn(one.name, fact)))
    throw needsItself(one, factsOf(answer))
  const why = answer.kind === 'unsolvable' ? answer.sentences.join(' ') : answer.kind
  throw new AppError(
    'build/bad-request',
    `What ${one.name} ${one.version} needs to be built does not go together: ${why}`,
    {
      hints:
        answer.kind === 'unsolvable'
          ? [...answer.fixes.map(({ text }) => text), ...answer.hints]
          : [],
    },
  )
}

/** The demands behind a failure, those of all its causes. */
function factsOf(answer: Resolution & { readonly kind: 'unsolvable' }): readonly ConflictFact[] {
  return answer.causes.flatMap(({ facts }) => facts)
}

function isOn(name: string, { requirement }: ConflictFact): boolean {
  return parseRequirement(requirement).name === name
}

/** What builds it needs it again, and there is no build of it to begin with. */
function needsItself({ name, version }: ResolvedRecipe, facts: readonly ConflictFact[]): AppError {
  const chain = facts.map(({ from, requirement }) => `${from?.name ?? name} needs ${requirement}`)
  return inCircle(`${name} ${version} cannot be built before itself`, [...new Set(chain)])
}

/** The request for one build, complete once what it needs is built. */
async function requestOf(
  world: World,
  input: PlanInput,
  made: { readonly package: ResolvedRecipe; readonly inside: readonly ResolvedPackage[] },
): Promise<GraphNode['request']> {
  const { entry, options } = made.package
  const { target, environment } = input.locked
  const recipe = recipeAt(entry.recipe, entry.version, options, target)
  const runtime = runtimeNames(recipe, made.inside)
  const year = environment.platform
  const existing = new Map<string, Pick<BuildResult, 'config' | 'manifest' | 'layer'>>()
  for (const one of made.inside) {
    if (one.kind !== 'build') continue
    const { manifest, version } = one.entry
    const wanted = { name: one.name, version: version.text, manifest }
    existing.set(one.name, await bringBuild(world, wanted, input.at.project.registry))
  }
  return (built): BuildRequest => ({
    recipe,
    folder: entry.folder,
    ...(year === undefined ? {} : platformLimits(year)),
    dependencies: made.inside.flatMap((one): readonly DependencyBuild[] => {
      if (one.kind === 'system') return []
      const build = one.kind === 'build' ? existing.get(one.name) : built.get(keyOf(one))
      assert(build !== undefined, `${one.name} is built before what needs it`)
      const { config, manifest, layer } = build
      const range = rangeFor(recipe, one)
      const direct = range !== undefined
      const needed = { direct, runtime: runtime.has(one.name), range: range ?? '*' }
      return [{ config, manifest, layer, ...needed }]
    }),
    system: made.inside.flatMap((one) =>
      one.kind === 'system' ? [{ name: one.name, range: one.range, version: one.version }] : [],
    ),
    force: input.force,
  })
}

function platformLimits(year: string) {
  const { gcc, glibc } = findPlatform(year)
  return { platform: year, gccMax: gcc?.text, glibcMax: glibc?.text }
}

/** The range that a recipe asks for of a package; `*` where it asks for what that provides. */
function rangeFor(
  recipe: RecipeVersion,
  { name, provides }: Pick<ResolvedPackage, 'name' | 'provides'>,
): string | undefined {
  const all = [...recipe.requires, ...recipe.buildRequires].map((one) => one.requirement)
  const found = all.find((requirement) => requirement.name === name)
  if (found !== undefined) return formatRange(found.versions)
  const asked = all.some((one) => one.kind === 'require' && Object.hasOwn(provides, one.name))
  return asked ? '*' : undefined
}

/** What a build needs when it runs: its requires, and what those need. */
function runtimeNames(
  recipe: RecipeVersion,
  inside: readonly ResolvedPackage[],
): ReadonlySet<string> {
  const required = recipe.requires.flatMap(({ requirement }) =>
    requirement.kind === 'require' ? [requirement.name] : [],
  )
  return new Set([...reachedFrom(required, inside)].map(({ name }) => name))
}
