/**
 * The environment of an answer as `rez-env` makes it: what Rez sets itself, what the packages'
 * commands ask for, and the system's paths behind them.
 *
 * Not here: solving, starting a process.
 * Source: rez 3.4 `resolved_context.py` (`_execute`), `rezplugins/shell/{sh,bash}.py`.
 */
import { existsSync, realpathSync } from 'node:fs'
import { which } from '#kernel/index.ts'
import { formatRange, formatRequirement, parseRequirement } from '#model/index.ts'
import { plainText, type RexAction } from './rex-action.ts'
import {
  type PosixShell,
  type RexSettings,
  shellCode,
  stepsOf,
  variablesAfter,
} from './rex-apply.ts'
import { type PlacedAction, replay } from './rex-replay.ts'
import type { RezConfig } from './rez-config.ts'
import { answerOf, homeOf, type RezSystem, rezVersion } from './rez-system.ts'
import { type Chosen, readForRun } from './run-definition.ts'

export interface EnvironmentOptions {
  readonly packages: readonly Chosen[]
  readonly ephemerals: readonly string[]
  readonly request: readonly string[]
  readonly implicits: readonly string[]
  /** As they were given. */
  readonly repositories: readonly string[]
  /** Seconds since 1970. */
  readonly now: number
  readonly before: number | undefined
  /** Whether a person will type in it. */
  readonly interactive: boolean
  readonly env: Readonly<Record<string, string>>
  readonly system: RezSystem
  /** `BACKLOT_HOME`. */
  readonly home: string
  readonly config: RezConfig
  readonly signal?: AbortSignal | undefined
}

export interface RezEnvironment {
  readonly actions: readonly PlacedAction[]
  /** Code that makes the environment, without what changes from one start to the next. */
  readonly code: (shell: PosixShell) => string
  /** All variables of the environment; undefined where only a shell can find them out. */
  readonly variables: Readonly<Record<string, string>> | undefined
  /** Variables for the start: times, and what is to be forgotten of the outside. */
  readonly outside: Readonly<Record<string, string>>
  /** What package code printed. */
  readonly printed: string
}

/** @throws AppError `interop/commands-failed`, `interop/no-python`, `interop/bad-definition` */
export async function rezEnvironment(options: EnvironmentOptions): Promise<RezEnvironment> {
  const { env, config, system, signal, request, implicits, ephemerals } = options
  const home = homeOf(env)
  const settings: RexSettings = {
    separators: config.envVarSeparators,
    parentVariables: config.allParentVariables || config.parentVariables,
    home,
  }
  const packages: Awaited<ReturnType<typeof readForRun>>[] = []
  for (const one of options.packages) packages.push(await readForRun(one))
  const paths = await systemPaths(options)
  const outside = outsideOf(options)
  const replayed = await replay({
    packages,
    request,
    implicits,
    ephemerals,
    settings,
    system,
    signal,
    building: false,
    optionvars: config.optionvars,
    parent: outside,
    path: env['PATH'] ?? '',
    first: (roots) => [...ownActions(options), ...packageActions(options, roots)],
  })
  const actions: PlacedAction[] = [
    ...replayed.actions,
    ...ephemerals.map(ephemeralAction),
    ...paths.map((path): RexAction => {
      return { op: 'appendenv', name: 'PATH', key: 'PATH', value: plainText(path) }
    }),
  ]
  const steps = stepsOf(actions, settings)
  return {
    actions,
    code: (shell) => shellCode(steps, { home, shell }),
    variables: variablesAfter(steps, outside, home),
    outside,
    printed: replayed.printed,
  }
}

/** A start-up file of the caller's shell has nothing to do with this environment. */
function outsideOf({ env, now, interactive }: EnvironmentOptions): Record<string, string> {
  const { BASH_ENV: _ours, ...rest } = env
  const seconds = String(Math.floor(now))
  return {
    ...rest,
    REZ_USED_TIMESTAMP: seconds,
    REZ_SHELL_INIT_TIMESTAMP: seconds,
    REZ_SHELL_INTERACTIVE: interactive ? '1' : '0',
    REZ_ENV_PROMPT: `${env['REZ_ENV_PROMPT'] ?? ''}>`,
  }
}

/** A value that no shell looks into. */
function set(name: string, value: string): RexAction {
  return { op: 'setenv', name, key: name, value: [[true, value]] }
}

function unset(name: string): RexAction {
  return { op: 'unsetenv', name, key: name }
}

/** What names files about an environment around this one. None are written about this one. */
const outerFiles = ['REZ_RXT_FILE', 'REZ_CONTEXT_FILE']

function ownActions(options: EnvironmentOptions): RexAction[] {
  const { packages, ephemerals, request, implicits, repositories, before, config, env } = options
  const resolved = packages.map(label)
  const local = localRepository(options, config)
  const localOnes = packages.filter(({ repository }) => repository === local).map(label)
  return [
    ...outerFiles.filter((name) => name in env).map(unset),
    set('REZ_USED', process.execPath),
    set('REZ_USED_VERSION', rezVersion),
    set('REZ_USED_REQUESTED_TIMESTAMP', String(Math.floor(before ?? 0))),
    set('REZ_USED_REQUEST', request.map(canonical).join(' ')),
    set('REZ_USED_IMPLICIT_PACKAGES', implicits.map(canonical).join(' ')),
    set('REZ_USED_RESOLVE', resolved.join(' ')),
    set('REZ_USED_PACKAGES_PATH', repositories.join(':')),
    ...(ephemerals.length > 0 ? [set('REZ_USED_EPH_RESOLVE', ephemerals.join(' '))] : []),
    ...(localOnes.length > 0 ? [set('REZ_USED_LOCAL_RESOLVE', localOnes.join(' '))] : []),
  ]
}

function canonical(text: string): string {
  return formatRequirement(parseRequirement(text, 'rez'), 'rez')
}

function label({ name, version }: Chosen): string {
  return version === '' ? name : `${name}-${version}`
}

function localRepository({ env }: EnvironmentOptions, config: RezConfig): string | undefined {
  const path = config.localPackagesPath.replace(/^~(?=\/|$)/, () => homeOf(env))
  return existsSync(path) ? realpathSync(path) : undefined
}

function packageActions(
  { packages }: EnvironmentOptions,
  roots: readonly (string | undefined)[],
): RexAction[] {
  return packages.flatMap((one, at) => {
    const prefix = variablePrefix(one.name)
    const [major = '', minor = '', patch = ''] = one.version.split(/[.-]/)
    // Rez writes Python's None where a package has no folder of its own.
    const base = one.file.includes('/') ? undefined : 'None'
    const folder = `${one.repository}/${one.file.slice(0, one.file.lastIndexOf('/'))}`
    return [
      set(`${prefix}_VERSION`, one.version),
      set(`${prefix}_MAJOR_VERSION`, major),
      set(`${prefix}_MINOR_VERSION`, minor),
      set(`${prefix}_PATCH_VERSION`, patch),
      set(`${prefix}_BASE`, base ?? folder),
      set(`${prefix}_ROOT`, base ?? roots[at] ?? folder),
    ]
  })
}

function variablePrefix(name: string): string {
  return `REZ_${name.toUpperCase().replaceAll('.', '_')}`
}

function ephemeralAction(text: string): RexAction {
  const { name, versions } = parseRequirement(text, 'rez')
  const own = name.slice(1).toUpperCase().replaceAll('.', '_')
  return set(`REZ_EPH_${own}_REQUEST`, formatRange(versions, 'rez'))
}

/** Where a shell without a PATH looks for programs, then Python's default. */
async function systemPaths(options: EnvironmentOptions): Promise<string[]> {
  const { env, config } = options
  if (config.standardSystemPaths.length > 0) return [...config.standardSystemPaths]
  const bash = which('bash', env['PATH'] ?? '') ?? '/bin/sh'
  const told = await answerOf([bash, '-c', 'printf %s "$PATH"'], { env: {}, home: options.home })
  const paths = told.trim().split(':')
  return [...new Set([...paths, '/bin', '/usr/bin'])].filter((path) => path !== '')
}
