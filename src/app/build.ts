/**
 * Building an environment: what is locked as a recipe becomes a build, and the lockfile says so.
 *
 * Invariant: a package that was built is written to the lockfile even when another one failed.
 */
import { resolve } from 'node:path'
import { AppError, canonicalJson } from '#kernel/index.ts'
import {
  type BuildContext,
  buildGraph,
  type BuildResult as Built,
  detectToolchain,
  type GraphOutcome,
} from '#build/index.ts'
import {
  findPlatform,
  type LockedPackage,
  type LockedTarget,
  recipeAt,
  parseVersion,
} from '#model/index.ts'
import { atWork } from './at-work.ts'
import { failureOf } from './build-failures.ts'
import { bringBuild, forgetLocalBuilds, readBuild } from './builds.ts'
import { planBuilds, type PlannedNode } from './build-plan.ts'
import { type Choice, gatherCatalog } from './catalogs.ts'
import { lockEnvironment, lockOptions, type Locked } from './lock.ts'
import { type OpenProject, saveLocked } from './project.ts'
import { openRecipes } from './recipes.ts'
import { lockedBuild } from './solve-targets.ts'
import { notInEnvironment } from './refusals.ts'
import type { BuildRequestOptions, BuildResult, BuiltRow, Unsolvable } from './results.ts'
import type { World } from './world.ts'

/** Builds what is missing, fetches what a registry has. @throws AppError `build/failed` */
export async function buildEnvironment(
  world: World,
  at: OpenProject,
  options: BuildRequestOptions,
): Promise<BuildResult> {
  using _present = atWork(world.context.home)
  const startMs = world.context.clock.nowMs()
  const took = () => world.context.clock.nowMs() - startMs
  const found = await lockAndSettle(world, at, options)
  if (found.kind === 'unsolvable')
    return { packages: [], built: 0, durationMs: took(), unsolvable: found.why }
  const { locked, wanted, toBuild, rows } = found
  if (toBuild.size > 0) {
    const nodes = await plan(world, at, { locked, toBuild, force: options.force ?? false })
    const context = await buildContext(world, at, options, locked)
    const parallel = Math.min(4, options.jobs ?? world.processors)
    const outcomes = await buildGraph(context, nodes, { parallel })
    for (const row of builtRows(nodes, outcomes)) rows.set(row.name, row)
    recordBuilds(at, locked, nodes, outcomes)
    const failure = failureOf(outcomes)
    if (failure !== undefined) throw failure
  }
  const packages = wanted.flatMap((one) => rows.get(one.name) ?? [])
  const built = packages.filter((row) => row.outcome === 'built').length
  return { packages, built, durationMs: took() }
}

interface Settled {
  readonly kind: 'settled'
  readonly locked: Locked
  readonly wanted: readonly LockedPackage[]
  readonly toBuild: ReadonlySet<string>
  /** What is there by now, by name. */
  readonly rows: Map<string, BuiltRow>
}

/** Locks and brings builds here. What nobody has any more is locked again, as a recipe. */
async function lockAndSettle(
  world: World,
  at: OpenProject,
  options: BuildRequestOptions,
): Promise<Settled | { readonly kind: 'unsolvable'; readonly why: Unsolvable }> {
  const first = lockOptions(options)
  for (const asked of [first, { ...first, again: true }]) {
    const locked = await lockEnvironment(world, at, asked)
    if (locked.kind === 'unsolvable') return locked
    const wanted = selected(locked.at, options.packages ?? [])
    const toBuild = await outdated(world, at, wanted, options.force ?? false)
    const rows = new Map<string, BuiltRow>()
    const settled = { kind: 'settled', locked, wanted, toBuild, rows } as const
    try {
      for (const one of wanted)
        if (!toBuild.has(one.name)) rows.set(one.name, await settledRow(world, at, one))
      return settled
    } catch (error) {
      const gone = error instanceof AppError && error.code === 'cli/not-built'
      if (!gone || asked.mode !== 'update' || 'again' in asked) throw error
      forgetLocalBuilds(world)
    }
  }
  throw new TypeError('Broken invariant: the second round returns or throws')
}

/** The named packages and all that they need; everything when none is named. */
function selected(at: LockedTarget, names: readonly string[]): readonly LockedPackage[] {
  if (names.length === 0) return at.packages
  const known = new Map(at.packages.map((locked) => [locked.name, locked]))
  const absent = names.find((name) => !known.has(name))
  if (absent !== undefined) throw notInEnvironment(absent, [...known.keys()])
  const wanted = new Set<string>()
  const visit = (name: string): void => {
    if (wanted.has(name)) return
    wanted.add(name)
    known.get(name)?.depends.forEach(visit)
  }
  names.forEach(visit)
  return at.packages.filter((locked) => wanted.has(locked.name))
}

/** Names of packages to be built: locked as recipes, or with a recipe of ours that was changed. */
async function outdated(
  world: World,
  at: OpenProject,
  wanted: readonly LockedPackage[],
  force: boolean,
): Promise<ReadonlySet<string>> {
  const recipes = openRecipes(at, world.context)
  const names = new Set<string>()
  for (const locked of wanted) {
    if (locked.kind === 'system') continue
    if (locked.kind === 'recipe' || force) {
      names.add(locked.name)
      continue
    }
    const known = recipes.get(locked.name)
    const recipe = known?.shipped === false ? known.recipe : undefined
    const build = recipe === undefined ? undefined : await readBuild(world, locked.build)
    if (recipe === undefined || build === undefined) continue
    const { options, target } = build.config
    const now = recipeAt(recipe, parseVersion(locked.version), options, target)
    // The files behind patches and paths are part of the build id, which only the build room reads.
    const files = now.patches.length > 0 || now.sources.some((source) => source.kind === 'path')
    if (files || now.digest !== build.config.recipe) names.add(locked.name)
  }
  return names
}

/** What is there or can be fetched. @throws AppError `cli/not-built` when nobody has it */
async function settledRow(world: World, at: OpenProject, locked: LockedPackage): Promise<BuiltRow> {
  const { name, version } = locked
  if (locked.kind !== 'build')
    return { name, version, outcome: 'system', durationMs: 0, warnings: [] }
  const startMs = world.context.clock.nowMs()
  const wanted = { name, version, manifest: locked.build, layer: locked.layer }
  const build = await bringBuild(world, wanted, at.project.registry)
  return {
    name,
    version,
    outcome: build.fetched ? 'fetched' : 'reused',
    build: locked.build,
    buildId: build.config.buildId,
    layer: locked.layer,
    sizeBytes: build.config.sizeBytes,
    durationMs: world.context.clock.nowMs() - startMs,
    warnings: [],
  }
}

async function plan(
  world: World,
  at: OpenProject,
  from: {
    readonly locked: Locked
    readonly toBuild: ReadonlySet<string>
    readonly force: boolean
  },
): Promise<readonly PlannedNode[]> {
  const { locked, toBuild, force } = from
  const names = locked.at.packages.map((one) => one.name)
  const choice: Choice = await gatherCatalog(world, at, names)
  const host = await world.host()
  return await planBuilds(world, { at, locked, toBuild, choice, host, force })
}

async function buildContext(
  world: World,
  at: OpenProject,
  options: BuildRequestOptions,
  locked: Locked,
): Promise<BuildContext> {
  const { context, store } = world
  const year = locked.environment.platform
  const platform = year === undefined ? undefined : findPlatform(year)
  const toolchain = await detectToolchain({
    path: context.env['PATH'] ?? '',
    prefer: toolchainPreference(context.env['BACKLOT_COMPILER']),
    cxxStandard: platform?.cxxStandard,
    cxx11Abi: platform?.cxx11Abi,
    signal: context.signal,
    memory: `${context.home}/cache/toolchain.json`,
  })
  return {
    home: context.home,
    store,
    toolchain,
    sandbox: options.sandbox === false ? 'none' : 'bubblewrap',
    jobs: options.jobs ?? world.processors,
    mirrors: at.project.mirrors.map((mirror) =>
      mirror.kind === 'folder' ? { ...mirror, path: resolve(at.folder, mirror.path) } : mirror,
    ),
    env: context.env,
    ccacheFolder: `${context.home}/ccache`,
    createdBy: `backlot ${context.programVersion}`,
    emit: context.emit,
    signal: context.signal,
    clock: context.clock,
  }
}

function toolchainPreference(text: string | undefined): 'gcc' | 'clang' | undefined {
  return text === 'gcc' || text === 'clang' ? text : undefined
}

function builtRows(
  nodes: readonly PlannedNode[],
  outcomes: ReadonlyMap<string, GraphOutcome>,
): readonly BuiltRow[] {
  return nodes.flatMap((node) => {
    const outcome = outcomes.get(node.name)
    if (outcome?.kind !== 'done') return []
    const { result } = outcome
    return [
      {
        name: node.package.name,
        version: node.package.version,
        outcome: result.outcome,
        build: result.manifest,
        buildId: result.config.buildId,
        layer: result.layer.digest,
        sizeBytes: result.config.sizeBytes,
        durationMs: result.durationMs,
        warnings: result.warnings,
      },
    ]
  })
}

/**
 * Writes what was built into the lockfile. Builds take long, so it may have been written by another
 * command meanwhile: only what is in it still as it was planned is replaced.
 */
function recordBuilds(
  at: OpenProject,
  locked: Locked,
  nodes: readonly PlannedNode[],
  outcomes: ReadonlyMap<string, GraphOutcome>,
): void {
  const built = new Map<string, Built>()
  for (const node of nodes) {
    const outcome = outcomes.get(node.name)
    if (node.inEnvironment && outcome?.kind === 'done') built.set(node.package.name, outcome.result)
  }
  const planned = new Map(locked.at.packages.map((one) => [one.name, canonicalJson(one)]))
  saveLocked(at, locked.name, (environment) => {
    const now = environment?.targets[locked.target]
    if (environment === undefined || now === undefined) return undefined
    const packages = now.packages.map((one): LockedPackage => {
      const result = built.get(one.name)
      const isPlanned = planned.get(one.name) === canonicalJson(one)
      return result === undefined || !isPlanned ? one : lockedBuild(one, result)
    })
    const host = hostNeeds(now.host, [...built.values()])
    return {
      ...environment,
      targets: { ...environment.targets, [locked.target]: { packages, host } },
    }
  })
}

/** What the environment needs of a host, with what the new builds were found to need. */
function hostNeeds(before: LockedTarget['host'], built: readonly Built[]): LockedTarget['host'] {
  const all = [...before, ...built.flatMap((result) => result.config.host)]
  const distinct = new Map(all.map((need) => [canonicalJson(need), need]))
  return [...distinct.keys()].sort().flatMap((key) => distinct.get(key) ?? [])
}
