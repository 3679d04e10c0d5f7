/**
 * Locking: from what backlot.yaml asks for to the builds and recipes that answer it.
 *
 * Invariant: a lockfile that answers the request is left as it is, byte for byte; an unsolvable
 * request changes nothing.
 */
import type { Choosing } from '#catalog/index.ts'
import { AppError, canonicalJson } from '#kernel/index.ts'
import {
  cutOffAt,
  didYouMean,
  type Environment,
  formatRequirement,
  hostTarget,
  type LockedChoice,
  type LockedEnvironment,
  type LockedPackage,
  type LockedTarget,
  type Target,
} from '#model/index.ts'
import { gatherCatalog } from './catalogs.ts'
import { changesBetween } from './changes.ts'
import { sideOf } from './diff.ts'
import { namesOf } from './names.ts'
import { environmentOf, type OpenProject, requestDigest, saveLocked, targetsOf } from './project.ts'
import type {
  ChoiceChange,
  EnvironmentChoice,
  LockMode,
  LockResult,
  PackageRow,
  Unsolvable,
} from './results.ts'
import { solveTargets } from './solve-targets.ts'
import { rememberLockfile } from './roots.ts'
import type { World } from './world.ts'

/** An environment that is locked for the target at hand. */
export interface Locked {
  readonly kind: 'locked'
  readonly name: string
  readonly target: Target
  readonly environment: LockedEnvironment
  readonly at: LockedTarget
  readonly changed: boolean
}

export type LockOutcome = Locked | { readonly kind: 'unsolvable'; readonly why: Unsolvable }

export interface LockOptions {
  readonly environment: string
  readonly mode: LockMode
  /** Packages whose locked version is let go; the rest is kept where it fits. */
  readonly update: readonly string[] | 'all'
  /** Solve although the lockfile answers the request, since a build that it names is gone. */
  readonly again?: boolean
  /** The answer is only told or written down, so it need not be for this machine. */
  readonly elsewhere?: boolean
  /** How versions are chosen from now on; what is absent stays as it was locked. */
  readonly choose?: ChoiceChange
}

/** The choice that a command line makes, with its defaults. */
export function lockOptions(choice: EnvironmentChoice): LockOptions {
  return { environment: choice.environment ?? 'default', mode: choice.mode ?? 'update', update: [] }
}

/**
 * The locked environment, solved first where the mode allows and the request asks for it.
 * @throws AppError `cli/not-locked`, `cli/no-environment`
 */
export async function lockEnvironment(
  world: World,
  at: OpenProject,
  options: LockOptions,
): Promise<LockOutcome> {
  const environment = environmentOf(at, options.environment)
  rememberLockfile(world.context.home, at.lockPath)
  const target = chosenTarget(environment, options)
  const before = at.lock?.environments[options.environment]
  const there = before?.targets[target]
  if (options.mode === 'frozen') {
    if (before === undefined || there === undefined)
      throw notLocked(at, options, `${at.lockPath} has nothing for it`)
    return { ...named(options, target), environment: before, at: there, changed: false }
  }
  checkUpdated(at, { environment, there, update: options.update })
  const asked = requestDigest(environment)
  const choice = chosenNow(before?.choice, options.choose)
  const same = canonicalJson(choice ?? {}) === canonicalJson(before?.choice ?? {})
  const fresh = before?.request === asked && sameVariables(before, environment) && same
  const settled = options.update.length === 0 && options.again !== true
  if (before !== undefined && there !== undefined && fresh && settled)
    return { ...named(options, target), environment: before, at: there, changed: false }
  if (options.mode === 'locked')
    throw notLocked(
      at,
      options,
      before === undefined
        ? 'it was never locked'
        : same
          ? 'backlot.yaml asks for something else by now'
          : 'its versions were chosen in another way',
    )
  const names = environment.packages.map((requirement) => requirement.name)
  const { catalog } = await gatherCatalog(world, at, names)
  const choosing = choosingOf(choice, environment, world.context.clock.nowMs())
  const { until } = choosing
  const solved = await solveTargets(world, {
    environment,
    catalog,
    choosing,
    // Chosen in another way, everything is chosen anew.
    before: same && options.update !== 'all' ? (before?.targets ?? {}) : {},
    update: options.update === 'all' ? [] : options.update,
  })
  if (solved.kind === 'unsolvable') return solved
  const locked: LockedEnvironment = {
    ...(environment.platform === undefined ? {} : { platform: environment.platform }),
    ...(choice !== undefined && { choice }),
    ...(until !== undefined && {
      until: new Date(until * 1000).toISOString().replace('.000Z', 'Z'),
    }),
    asked: environment.packages.map((requirement) => formatRequirement(requirement)),
    request: asked,
    variables: environment.variables,
    targets: solved.targets,
  }
  const changed = saveLocked(at, options.environment, () => locked)
  const answer = solved.targets[target]
  if (answer === undefined) throw wrongTarget(environment)
  return { ...named(options, target), environment: locked, at: answer, changed }
}

/** What the command line said last, each part for itself; undefined where it said nothing. */
function chosenNow(before: LockedChoice = {}, change: ChoiceChange = {}): LockedChoice | undefined {
  const { excludeNewer = before.excludeNewer, lowest = before.lowest } = change
  const next = {
    ...(excludeNewer !== undefined && excludeNewer !== 'none' && { excludeNewer }),
    ...(lowest !== undefined && lowest !== 'none' && { lowest }),
  }
  return Object.keys(next).length === 0 ? undefined : next
}

/** How versions are chosen, as the lockfile or else backlot.yaml says. */
export function choosingOf(
  choice: LockedChoice | undefined,
  environment: Environment,
  nowMs: number,
): Choosing {
  const text = choice?.excludeNewer ?? environment.excludeNewer
  const until = text === undefined ? undefined : cutOffAt(text, nowMs)
  return { until, lowest: choice?.lowest }
}

/** @throws AppError `cli/not-in-environment` when a package that is to be updated is not in it. */
function checkUpdated(
  at: OpenProject,
  from: {
    readonly environment: Environment
    readonly there: LockedTarget | undefined
    readonly update: LockOptions['update']
  },
): void {
  if (from.update === 'all') return
  const asked = from.environment.packages.map((requirement) => requirement.name)
  const locked = from.there?.packages ?? []
  const known = new Set([...asked, ...locked.flatMap(namesOf)])
  const stray = from.update.find((name) => !known.has(name))
  if (stray === undefined) return
  const guess = didYouMean(stray, known)
  throw new AppError(
    'cli/not-in-environment',
    `'${stray}' is not in the environment of ${at.path}`,
    {
      hints: [
        ...(guess === undefined ? [] : [`Did you mean '${guess}'?`]),
        '`backlot list` shows what is in it; `backlot add` adds a package or changes its range.',
      ],
    },
  )
}

function named(options: LockOptions, target: Target) {
  return { kind: 'locked', name: options.environment, target } as const
}

function sameVariables(before: LockedEnvironment, environment: Environment): boolean {
  return canonicalJson(before.variables) === canonicalJson(environment.variables)
}

/** The target of this machine. @throws AppError `cli/not-locked` when the environment has others only. */
function chosenTarget(environment: Environment, options: LockOptions): Target {
  const here = hostTarget()
  const targets = targetsOf(environment)
  const [first = here] = targets
  if (targets.includes(here)) return here
  if (options.elsewhere === true) return first
  throw wrongTarget(environment)
}

function wrongTarget(environment: Environment): AppError {
  const has = targetsOf(environment).join(', ')
  return new AppError(
    'cli/not-locked',
    `The environment is for ${has}, and this is ${hostTarget()}`,
    {
      hints: [`Add ${hostTarget()} to its \`targets:\` in backlot.yaml.`],
    },
  )
}

function notLocked(at: OpenProject, options: LockOptions, why: string): AppError {
  const { environment, mode } = options
  const message = `The environment '${environment}' of ${at.folder} is not locked: ${why}`
  return new AppError('cli/not-locked', message, {
    hints: [`\`backlot lock\` brings it up to date; --${mode} forbids doing so on the way.`],
  })
}

/** A locked package as a row for people and tools. */
export function rowOf(locked: LockedPackage): PackageRow {
  const { name, version, kind, depends } = locked
  return kind === 'build'
    ? { name, version, kind, build: locked.build, sizeBytes: locked.size, depends }
    : { name, version, kind, depends }
}

/** The answer of the command `lock`. */
export function lockResult(
  at: OpenProject,
  options: LockOptions,
  outcome: LockOutcome,
): LockResult {
  const before = at.lock?.environments[options.environment]
  const common = { path: at.lockPath, environment: options.environment }
  if (outcome.kind === 'unsolvable') {
    const none = { changed: false, packages: [], changes: [], unsolvable: outcome.why }
    return { ...common, ...none, target: hostTarget() }
  }
  const { target, at: locked } = outcome
  // In a first lock everything is new, and `why` tells who wants what.
  const changes =
    before === undefined
      ? locked.packages
          .map(({ name, version }) => ({ name, after: version, what: 'added' }) as const)
          .sort((a, b) => (a.name < b.name ? -1 : 1))
      : changesBetween({
          before: sideOf(before, target),
          after: sideOf(outcome.environment, target),
        })
  return {
    ...common,
    target,
    changed: outcome.changed,
    packages: locked.packages.map(rowOf),
    changes,
  }
}
