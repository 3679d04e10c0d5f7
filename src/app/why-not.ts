/**
 * What stands in the way of having a package: in a project's environment, or in Rez repositories.
 *
 * What is asked about holds come what may, so every cause is one that stands in its way, and no fix
 * gives it up.
 * Invariant: nothing is changed, not even the lockfile.
 */
import {
  compareVersions,
  hostTarget,
  type LockedTarget,
  parseRequirement,
  parseTypedRequirement,
  parseVersion,
} from '#model/index.ts'
import { gatherCatalog } from './catalogs.ts'
import { changesBetween } from './changes.ts'
import { choosingOf } from './lock.ts'
import { environmentOf, type OpenProject, targetsOf } from './project.ts'
import type {
  Change,
  EnvironmentChoice,
  RezPackageRow,
  RezSolveOptions,
  WhyNotResult,
} from './results.ts'
import { rezSettings, solvedInRez, type Surroundings } from './solve-rez.ts'
import { solveTargets } from './solve-targets.ts'
import type { World } from './world.ts'

/** @throws AppError `model/bad-requirement`, `cli/no-environment` */
export async function whyNot(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice & { readonly wanted: string },
): Promise<WhyNotResult> {
  const name = choice.environment ?? 'default'
  const wanted = parseTypedRequirement(choice.wanted)
  const environment = environmentOf(at, name)
  const locked = at.lock?.environments[name]
  const here = hostTarget()
  const targets = targetsOf(environment)
  const target = targets.includes(here) ? here : (targets[0] ?? here)
  const names = [...environment.packages.map((one) => one.name), wanted.name]
  const { catalog } = await gatherCatalog(world, at, names)
  const choosing = choosingOf(locked?.choice, environment, world.context.clock.nowMs())
  const own = { ...environment, targets: [target] }
  const request = { environment: own, catalog, choosing, before: locked?.targets ?? {}, update: [] }
  const solved = await solveTargets(world, { ...request, wanted })
  const common = { wanted: wanted.text, environment: name, target }
  if (solved.kind === 'unsolvable') return { ...common, kind: 'impossible', ...solved.why }
  const present = locked?.targets[target] ?? (await withoutWanted(world, request))[target]
  const side = (packages: LockedTarget['packages'] = []) => ({
    platform: environment.platform,
    asked: environment.packages.map(({ text }) => text),
    packages,
  })
  const now = solved.targets[target]?.packages ?? []
  const after = { ...side(now), asked: [...side().asked, wanted.text] }
  return {
    ...common,
    kind: 'possible',
    gives: now.find((one) => one.name === wanted.name)?.version,
    changes: changesBetween({ before: side(present?.packages), after }),
  }
}

async function withoutWanted(world: World, request: Parameters<typeof solveTargets>[1]) {
  const solved = await solveTargets(world, request)
  return solved.kind === 'solved' ? solved.targets : {}
}

/** @throws AppError as `solveInRez` */
export async function whyNotInRez(
  context: Surroundings,
  options: RezSolveOptions & { readonly wanted: string },
): Promise<WhyNotResult> {
  const settings = await rezSettings(context, options)
  const { result } = await solvedInRez(context, options, settings)
  const wanted = parseRequirement(options.wanted, 'rez')
  const common = { wanted: wanted.text, request: options.request }
  if (result.kind === 'failed') {
    const { sentences, causes, fixes, hints } = result
    return { ...common, kind: 'impossible', sentences, causes, fixes, hints }
  }
  const { wanted: _wanted, ...without } = options
  const before = (await solvedInRez(context, without, settings)).result
  return {
    ...common,
    kind: 'possible',
    gives: result.packages.find(({ name }) => name === wanted.name)?.version,
    changes: rezChanges(before.kind === 'solved' ? before.packages : [], result.packages),
  }
}

function rezChanges(
  before: readonly RezPackageRow[],
  after: readonly RezPackageRow[],
): readonly Change[] {
  const [old, now] = [before, after].map(
    (rows) => new Map(rows.map(({ name, version }) => [name, version])),
  )
  const names = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])].sort()
  return names.flatMap((name): readonly Change[] => {
    const [was, is] = [old?.get(name), now?.get(name)]
    if (was === is) return []
    if (was === undefined) return [{ name, after: is ?? '', what: 'added' }]
    if (is === undefined) return [{ name, before: was, what: 'removed' }]
    const order = compareVersions(parseVersion(was, 'rez'), parseVersion(is, 'rez'))
    return [{ name, before: was, after: is, what: order < 0 ? 'upgraded' : 'downgraded' }]
  })
}
