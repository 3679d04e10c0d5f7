/**
 * Entering an environment: its view, the way into it, and the record that makes the next time fast.
 *
 * Not here: becoming the process (`#kernel`, called by the CLI).
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { enterSandbox } from '#build/index.ts'
import {
  activate,
  type Activation,
  movedView,
  parseShell,
  probeNamespaces,
  type Shell,
  shellCommand,
} from '#env/index.ts'
import {
  AppError,
  launchCommand,
  launchRecordPath,
  systemCode,
  which,
  writeFileAtomic,
} from '#kernel/index.ts'
import {
  contains,
  type HostFact,
  type LockedPackage,
  type LockedTarget,
  parseRange,
} from '#model/index.ts'
import { linkView, reserveLinkedView, type View } from '#store/index.ts'
import { atWorkUntilTheEnd } from './at-work.ts'
import { bringBuild } from './builds.ts'
import { lockEnvironment, type Locked, lockOptions } from './lock.ts'
import type { OpenProject } from './project.ts'
import type { EnvironmentChoice, Launch, LaunchOptions } from './results.ts'
import { unsolvableError } from './refusals.ts'
import type { World } from './world.ts'

/** An environment whose files are linked into one tree. */
export interface Linked {
  readonly locked: Locked
  readonly view: View
  /** The folder that stands for the prefix. */
  readonly prefix: string
}

/**
 * Locks, brings missing builds here and links the view.
 * @throws AppError `cli/not-built`, `cli/not-locked`, `cli/unsolvable`, `store/view-collision`
 */
export async function linkEnvironment(
  world: World,
  at: OpenProject,
  choice: EnvironmentChoice,
): Promise<Linked> {
  atWorkUntilTheEnd(world.context.home)
  const locked = await lockEnvironment(world, at, lockOptions(choice))
  if (locked.kind === 'unsolvable') throw unsolvableError(locked.why)
  const view = await linkLocked(world, at, locked.at)
  checkHost(locked.at, await world.host())
  return { locked, view, prefix: join(view.path, 'usr/local') }
}

async function linkLocked(world: World, at: OpenProject, locked: LockedTarget): Promise<View> {
  const unbuilt = locked.packages.filter((one) => one.kind === 'recipe')
  if (unbuilt.length > 0)
    throw new AppError('cli/not-built', `Not built yet: ${unbuilt.map(label).join(', ')}`, {
      hints: ['`backlot build` builds them.'],
    })
  const labels = new Map<string, string>()
  for (const one of locked.packages) {
    if (one.kind !== 'build') continue
    const wanted = { name: one.name, version: one.version, manifest: one.build, layer: one.layer }
    await bringBuild(world, wanted, at.project.registry)
    labels.set(one.layer, label(one))
  }
  const layers = locked.packages.flatMap((one) => (one.kind === 'build' ? one.layer : []))
  return await linkView(world.store, layers, {
    label: (layer) => labels.get(layer) ?? layer,
    signal: world.context.signal,
  })
}

function label(one: LockedPackage): string {
  return `${one.name} ${one.version}`
}

/** @throws AppError `cli/host-too-old` when this machine lacks what the builds need. */
function checkHost(locked: LockedTarget, facts: readonly HostFact[]): void {
  for (const { name, range } of locked.host) {
    const fact = facts.find((known) => known.name === name)
    if (fact !== undefined && contains(parseRange(range), fact.version)) continue
    const has =
      fact === undefined ? 'this machine has none' : `this machine has ${fact.version.text}`
    throw new AppError('cli/host-too-old', `The environment needs ${name} ${range}, and ${has}`, {
      hints: [
        'Run `backlot lock --update all` here to choose builds that this machine can run.',
        'Or run it in a container or on a machine that is new enough.',
      ],
    })
  }
}

/** The process for `run`, and a record so that the next start need not think. */
export async function launchRun(
  world: World,
  at: OpenProject,
  options: LaunchOptions & { readonly argv: readonly string[] },
): Promise<Launch> {
  const entered = await enter(world, at, options)
  return launchOf(
    entered,
    launchCommand(entered.activation.record, options.argv, world.context.env),
  )
}

/**
 * The shell that was asked for, else that of the user where it is one that we know, else bash.
 * @throws AppError `cli/unknown-shell`
 */
export function chosenShell(
  env: Readonly<Record<string, string>>,
  asked: string | undefined,
): { readonly shell: Shell; readonly program: string } {
  const wished = asked ?? env['SHELL'] ?? 'bash'
  const shell = parseShell(wished) ?? (asked === undefined ? 'bash' : undefined)
  const program = which(shell === parseShell(wished) ? wished : 'bash', env['PATH'] ?? '')
  if (shell === undefined || program === undefined)
    throw new AppError('cli/unknown-shell', `'${wished}' is not a shell that can be used`, {
      hints: ['Use `--shell bash`, `zsh` or `fish`, and have it installed.'],
    })
  return { shell, program }
}

export async function launchShell(
  world: World,
  at: OpenProject,
  options: LaunchOptions & { readonly shell?: string | undefined },
): Promise<Launch> {
  const { env, home } = world.context
  const { shell, program } = chosenShell(env, options.shell)
  const entered = await enter(world, at, options)
  const name = entered.linked.locked.name
  const started = shellCommand({
    variables: entered.activation.record.variables,
    name,
    shell,
    program,
    folder: join(home, 'shells'),
    zdotdir: env['ZDOTDIR'],
  })
  const command = launchCommand(entered.activation.record, started.argv, env)
  return launchOf(entered, { argv: command.argv, env: { ...command.env, ...started.set } })
}

interface Entered {
  readonly linked: Linked
  readonly activation: Activation
}

async function enter(world: World, at: OpenProject, options: LaunchOptions): Promise<Entered> {
  const { env, home, programVersion } = world.context
  const linked = await linkEnvironment(world, at, options)
  const { locked } = linked
  const { note } = linked.view
  // We are at work until we become the command; from then on it has to be mounted in time.
  await reserveLinkedView(world.store, linked.view)
  const scratch = options.scratch ?? false
  const namespaces = probeNamespaces({ path: env['PATH'] ?? '', scratch })
  const mode = options.launch ?? (namespaces.kind === 'available' ? 'mount' : 'path')
  const activation = activate({
    name: locked.name,
    viewPrefix: mode === 'path' ? await moved(world, linked) : linked.prefix,
    note,
    namespaces,
    mode: options.launch,
    scratch,
    variables: locked.environment.variables,
  })
  const path = launchRecordPath({
    home,
    folder: at.folder,
    environment: options.environment,
    frozen: options.mode === 'frozen',
    launch: scratch ? 'scratch' : options.launch,
    env,
    programVersion,
  })
  if (path !== undefined && activation.notices.length === 0) remember(path, activation)
  return { linked, activation }
}

/** The view with its text files rewritten for where it lies, for when it cannot be mounted. */
async function moved(world: World, { view, prefix }: Linked): Promise<string> {
  const { home, signal } = world.context
  const folder = join(home, 'moved', view.key)
  return (await movedView({ viewPrefix: prefix, folder, signal })).prefix
}

/** A record that cannot be written, as on a read-only home, only costs the next start its speed. */
function remember(path: string, activation: Activation): void {
  try {
    writeFileAtomic(path, JSON.stringify(activation.record))
  } catch (error) {
    if (!(error instanceof AppError) && systemCode(error) === undefined) throw error
  }
}

function launchOf(
  entered: Entered,
  command: { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> },
): Launch {
  const { activation, linked } = entered
  return {
    ...command,
    view: linked.view.path,
    mode: activation.mode === 'mount' ? 'mount' : 'path',
    notices: activation.notices.flatMap((notice) => [notice.text, ...notice.hints]),
  }
}

/** The way into the sandbox of a build that failed. */
export function launchDebug(world: World, build: string): Launch {
  const { cwd, home } = world.context
  const folder = build.includes('/')
    ? resolve(cwd, build)
    : failedBuild(join(home, 'builds'), build)
  const command = enterSandbox(folder)
  return { ...command, view: folder, mode: 'mount', notices: [] }
}

/** The folder of that name, else the newest of the package: `NAME-VERSION-ID`. */
function failedBuild(builds: string, build: string): string {
  const found = (existsSync(builds) ? readdirSync(builds, { withFileTypes: true }) : [])
    .filter((entry) => entry.isDirectory() && isOf(entry.name, build))
    .map((entry) => join(builds, entry.name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  const exact = join(builds, build)
  return existsSync(exact) ? exact : (found[0] ?? exact)
}

/** A name that merely begins alike is another package: after the hyphen comes a version. */
function isOf(folder: string, name: string): boolean {
  return folder.startsWith(`${name}-`) && /\d/.test(folder.charAt(name.length + 1))
}
