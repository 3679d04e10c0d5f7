/**
 * Solving an environment for each of its targets.
 *
 * Invariant: what is let go by name gets its newest version first; after that every other pin is
 * kept that can be, tried one by one, so what moves has to.
 * Of another target's machine nothing is known: what it must have is written down, and its system
 * packages are taken to be there.
 */
import {
  type BuildEntry,
  type Catalog,
  type Choosing,
  type Resolution,
  type ResolvedPackage,
  resolveInSlices,
  type ResolveRequest,
} from '#catalog/index.ts'
import { cancelled } from '#kernel/index.ts'
import {
  type Environment,
  findPlatform,
  hostTarget,
  type LockedHost,
  type LockedPackage,
  type LockedTarget,
  parseRequirement,
  type Requirement,
  type Target,
} from '#model/index.ts'
import { type Named, namesOf, reachedFrom } from './names.ts'
import { targetsOf } from './project.ts'
import type { Unsolvable } from './results.ts'
import type { World } from './world.ts'

export interface TargetsRequest {
  readonly environment: Environment
  readonly catalog: Catalog
  readonly choosing: Choosing
  /** What is locked already and may be kept, by target. */
  readonly before: Readonly<Partial<Record<Target, LockedTarget>>>
  /** Packages that are let go. */
  readonly update: readonly string[]
  /** What is asked about besides; it is not to be given up. */
  readonly wanted?: Requirement | undefined
}

export type SolvedTargets =
  | { readonly kind: 'solved'; readonly targets: Partial<Record<Target, LockedTarget>> }
  | { readonly kind: 'unsolvable'; readonly why: Unsolvable }

/** @throws AppError `kernel/cancelled` */
export async function solveTargets(world: World, from: TargetsRequest): Promise<SolvedTargets> {
  const targets: Partial<Record<Target, LockedTarget>> = {}
  const facts = await world.host()
  const { platform, packages } = from.environment
  for (const target of targetsOf(from.environment)) {
    const isHere = target === hostTarget()
    const before = from.before[target]?.packages ?? []
    const answer = await solveOne(
      isHere ? from.catalog : elsewhere(from.catalog),
      {
        requirements: packages,
        ...(platform === undefined ? {} : { platform: findPlatform(platform) }),
        host: isHere ? facts : [],
        target,
        signal: world.context.signal,
        ...from.choosing,
        wanted: from.wanted,
      },
      { before, update: from.update },
    )
    const locked = lockedTarget(answer, from.wanted)
    if (locked.kind === 'unsolvable') return locked
    targets[target] = locked.at
  }
  return { kind: 'solved', targets }
}

interface Pins {
  readonly before: readonly LockedPackage[]
  readonly update: readonly string[]
}

async function solveOne(
  catalog: Catalog,
  request: ResolveRequest,
  pins: Pins,
): Promise<Resolution> {
  const loose = new Set(pins.before.filter((one) => isLetGo(one, pins.update)))
  const kept = pins.before.filter((one) => !loose.has(one))
  const keep = new Map(kept.map((one) => [one.name, one.version]))
  const builds = kept.flatMap((one) =>
    one.kind === 'build' ? [[one.name, one.build] as const] : [],
  )
  const keeping = { ...request, keep, keepBuilds: new Map(builds) }
  if (pins.update.length === 0) return await resolveInSlices(catalog, keeping)
  const newest = await withNewest(catalog, keeping, pins.update)
  if (newest.kind !== 'solved') return newest
  return await keepingMost(catalog, keeping, { newest, kept, update: pins.update })
}

function isLetGo(locked: Named, update: readonly string[]): boolean {
  return namesOf(locked).some((name) => update.includes(name))
}

/** The updated packages get their newest versions before anything else is looked at. */
async function withNewest(
  catalog: Catalog,
  request: ResolveRequest,
  update: readonly string[],
): Promise<Resolution> {
  const named = (one: Requirement) => update.includes(one.name)
  const asked = request.requirements.filter(named)
  const further = update.filter((name) => !asked.some((one) => one.name === name))
  const rest = request.requirements.filter((one) => !named(one))
  const all = [...asked, ...further.map((name) => parseRequirement(name)), ...rest]
  const isTrial = further.length > 0
  const answer = await resolveInSlices(catalog, { ...request, requirements: all, isTrial })
  const required = request.requirements.filter((one) => one.kind === 'require')
  const names = required.map(({ name }) => name)
  const reached = answer.kind === 'solved' ? reachedFrom(names, answer.packages) : []
  const reachedNames = new Set([...reached].flatMap(namesOf))
  const needed = further.filter((name) => reachedNames.has(name))
  if (needed.length === further.length) return answer
  // Nothing needs it any more, or it is what cannot be had.
  const without = [...asked, ...needed.map((name) => parseRequirement(name)), ...rest]
  return await resolveInSlices(catalog, { ...request, requirements: without })
}

interface Moving {
  readonly newest: Resolution & { readonly kind: 'solved' }
  readonly kept: readonly LockedPackage[]
  readonly update: readonly string[]
}

/** The same versions of what was let go, and of the other pins as many as go with them. */
async function keepingMost(
  catalog: Catalog,
  request: ResolveRequest,
  moving: Moving,
): Promise<Resolution> {
  const { newest, kept, update } = moving
  const found = new Map(newest.packages.map((one) => [one.name, one]))
  const settled = newest.packages
    .filter((one) => isLetGo(one, update))
    .map((one) => parseRequirement(`~${one.name} ==${one.version}`))
  const pins = kept.map((one) => ({ one, pin: parseRequirement(`~${one.name} ==${one.version}`) }))
  const solve = (held: readonly Requirement[]) => {
    const requirements = [...request.requirements, ...settled, ...held]
    return resolveInSlices(catalog, { ...request, requirements, isTrial: true })
  }
  const all = await solve(pins.map(({ pin }) => pin))
  if (all.kind !== 'unsolvable') return all
  // What the newest answer keeps anyway goes together; the others are tried one by one.
  const agreed = pins.filter(({ one }) => found.get(one.name)?.version === one.version)
  const held = agreed.map(({ pin }) => pin)
  let answer = await solve(held)
  for (const { one, pin } of pins) {
    if (agreed.some((other) => other.one === one)) continue
    const next = await solve([...held, pin])
    if (next.kind === 'cancelled') return next
    if (next.kind !== 'solved') continue
    held.push(pin)
    answer = next
  }
  return answer
}

/** System packages of a machine that is not this one: each in whatever version is asked for. */
function elsewhere(catalog: Catalog): Catalog {
  return {
    ...catalog,
    entries: (name) =>
      catalog.entries(name).map((entry) => {
        if (entry.kind !== 'system') return entry
        return { kind: 'system', name, isAssumed: true, provides: entry.provides }
      }),
  }
}

function lockedTarget(
  answer: Resolution,
  wanted: Requirement | undefined,
):
  | { readonly kind: 'locked'; readonly at: LockedTarget }
  | { readonly kind: 'unsolvable'; readonly why: Unsolvable } {
  switch (answer.kind) {
    case 'solved':
      return {
        kind: 'locked',
        at: { packages: answer.packages.map(lockedPackage), host: answer.host.map(lockedHost) },
      }
    case 'unsolvable':
      return {
        kind: 'unsolvable',
        why: wanted === undefined ? withAdvice(answer) : plainly(answer),
      }
    case 'cancelled':
      throw cancelled('Solving')
    case 'budget':
      throw new TypeError('Broken invariant: no budget was given, yet it was used up')
  }
}

function plainly({ sentences, causes, fixes, hints }: Unsolvable): Unsolvable {
  return { sentences, causes, fixes, hints }
}

function withAdvice(answer: Unsolvable): Unsolvable {
  const plain = 'Loosen or drop one of these demands; `backlot info PACKAGE` shows what there is.'
  const isHelpless = answer.fixes.length === 0 && answer.hints.length === 0
  return { ...plainly(answer), ...(isHelpless && { hints: [plain] }) }
}

function lockedHost(host: { readonly name: string; readonly range: string }): LockedHost {
  return { name: `__${host.name.replace(/^__/, '')}`, range: host.range }
}

function lockedPackage(resolved: ResolvedPackage): LockedPackage {
  const { name, version, depends, needs, provides } = resolved
  const common = {
    name,
    version,
    depends,
    ...(needs.length > 0 && { needs }),
    ...(Object.keys(provides).length > 0 && { provides }),
  }
  switch (resolved.kind) {
    case 'build':
      return lockedBuild(common, resolved.entry)
    case 'recipe': {
      const { entry, options } = resolved
      return { ...common, kind: 'recipe', recipe: entry.digest, options }
    }
    case 'system':
      return { ...common, kind: 'system', range: resolved.range }
  }
}

/** A package as a build of it. */
export function lockedBuild(
  { name, version, depends, needs, provides }: Omit<LockedPackage, 'kind'>,
  { manifest, layer, config }: Pick<BuildEntry, 'manifest' | 'layer' | 'config'>,
): LockedPackage {
  return {
    name,
    version,
    depends,
    ...(needs && { needs }),
    ...(provides && { provides }),
    kind: 'build',
    build: manifest,
    layer: layer.digest,
    size: layer.size,
    ...(Object.keys(config.options).length > 0 && { options: config.options }),
  }
}
