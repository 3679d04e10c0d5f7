/**
 * Entering an environment of Rez packages: solved, its commands replayed, and started.
 *
 * Invariant: the started program sees what `rez-env` would show it (docs/rez.md, «Running»). Where
 * no shell is needed for that, this process becomes the program; else bash, which becomes it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { shellCommand } from '#env/index.ts'
import { type RezEnvironment, rezEnvironment } from '#interop/index.ts'
import {
  AppError,
  digestOf,
  digestParts,
  launchCommand,
  which,
  writeFileAtomic,
} from '#kernel/index.ts'
import { chosenShell } from './launch.ts'
import type {
  Launch,
  RezDescription,
  RezFailed,
  RezLaunch,
  RezRunOptions,
  RezSolveOptions,
  RezSolved,
} from './results.ts'
import { rezSettings, solvedInRez, type Surroundings } from './solve-rez.ts'

/** Rez's own `implicit_packages`. */
const rezDefaults = [
  '~platform=={system.platform}',
  '~arch=={system.arch}',
  '~os=={system.os}',
] as const

type Entered =
  | { readonly kind: 'failed'; readonly result: RezFailed }
  | {
      readonly kind: 'entered'
      readonly result: RezSolved
      readonly environment: RezEnvironment
      readonly implicits: readonly string[]
    }

async function entered(
  context: Surroundings,
  options: RezSolveOptions & { readonly interactive?: boolean },
): Promise<Entered> {
  const { env, home, clock, signal } = context
  const settings = await rezSettings(context, options, rezDefaults)
  const { config, implicits, paths } = settings
  const system = await settings.system()
  const { result, definitions } = await solvedInRez(context, options, settings)
  if (result.kind === 'failed') return { kind: 'failed', result }
  const packages = result.packages.map((one) => ({
    ...one,
    variantRequires: definitions.find(({ name }) => name === one.name)?.variantRequires() ?? [],
  }))
  const { request, before, interactive = false } = options
  const environment = await rezEnvironment({
    packages,
    request,
    implicits,
    before,
    interactive,
    env,
    home,
    system,
    config,
    signal,
    ephemerals: result.ephemerals,
    repositories: paths,
    now: clock.nowMs() / 1e3,
  })
  return { kind: 'entered', result, environment, implicits }
}

/**
 * The process of a command.
 * @throws AppError `interop/no-repository`, `interop/commands-failed`, `interop/no-python`,
 * `env/command-missing`, `model/bad-requirement`
 */
export async function launchRez(context: Surroundings, options: RezRunOptions): Promise<RezLaunch> {
  const found = await entered(context, options)
  if (found.kind === 'failed') return found
  return { kind: 'launch', launch: started(context, found.environment, options.argv) }
}

/** The process of a shell to type in. @throws as `launchRez`, and AppError `cli/unknown-shell` */
export async function launchRezShell(
  context: Surroundings,
  options: RezSolveOptions & { readonly shell?: string | undefined },
): Promise<RezLaunch> {
  const { env, home } = context
  const { shell, program } = chosenShell(env, options.shell)
  if (shell === 'fish')
    throw new AppError('cli/unknown-shell', 'Rez packages speak the language of bash and zsh', {
      hints: ['Use `--shell bash` or `--shell zsh`.'],
    })
  const found = await entered(context, { ...options, interactive: true })
  if (found.kind === 'failed') return found
  const { code, outside, printed } = found.environment
  const { argv, set } = shellCommand({
    variables: { set: {}, prepend: {} },
    name: options.request.join(' ') || 'rez',
    shell,
    program,
    folder: join(home, 'shells'),
    zdotdir: env['ZDOTDIR'],
    code: code(shell),
  })
  const launch = { argv, env: { ...outside, ...set }, notices: linesOf(printed) }
  return { kind: 'launch', launch }
}

/** The environment itself, as data. @throws as `launchRez` */
export async function describeRez(
  context: Surroundings,
  options: RezSolveOptions,
): Promise<RezDescription | RezFailed> {
  const found = await entered(context, options)
  if (found.kind === 'failed') return found.result
  const { environment, implicits, result } = found
  const { actions, variables, printed } = environment
  const own = variables && Object.entries(variables)
  return {
    ...result,
    implicits,
    operations: actions.map(({ from, phase, ...action }) => ({
      package: result.packages[from ?? -1]?.name ?? null,
      phase: phase ?? null,
      operation: action.op,
      name: 'name' in action ? action.name : null,
      value: 'value' in action ? textOf(action.value) : null,
      ...('args' in action && action.args.length > 0 ? { args: action.args.map(textOf) } : {}),
    })),
    variables: own
      ? Object.fromEntries(own.filter(([name, value]) => context.env[name] !== value))
      : null,
    code: environment.code('bash'),
    printed,
  }
}

function textOf(value: string | readonly (readonly [boolean, string])[]): string {
  return typeof value === 'string' ? value : value.map(([, text]) => text).join('')
}

function linesOf(printed: string): string[] {
  return printed === '' ? [] : printed.trimEnd().split('\n')
}

function started(
  context: Surroundings,
  environment: RezEnvironment,
  argv: readonly string[],
): Pick<Launch, 'argv' | 'env' | 'notices'> {
  const { variables, outside, printed } = environment
  const notices = linesOf(printed)
  if (variables !== undefined) return { ...direct(argv, variables), notices }
  return { argv: throughShell(context, environment, argv), env: outside, notices }
}

const nothing = {
  format: 2,
  inputs: [],
  needs: [],
  argv: [],
  variables: { set: {}, prepend: {} },
} as const

function direct(argv: readonly string[], variables: Readonly<Record<string, string>>) {
  try {
    return launchCommand(nothing, argv, variables)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'env/command-missing') throw error
    throw new AppError(error.code, error.message, {
      hints: ['Packages are asked for with `-r`; `--print-env` shows what they set.'],
    })
  }
}

/** Bash that makes the environment, then calls a function of that name or becomes the program. */
function throughShell(
  { home, env }: Surroundings,
  { code }: RezEnvironment,
  argv: readonly string[],
): readonly string[] {
  const bash = which('bash', env['PATH'] ?? '')
  if (bash === undefined)
    throw new AppError('env/command-missing', 'Packages of this environment need bash', {
      hints: ['They define aliases, or run shell code; install bash.'],
    })
  const whole = `__backlot_command=("$@"); set --
${code('bash')}set -- "\${__backlot_command[@]}"; unset __backlot_command
if declare -F -- "$1" >/dev/null; then "$@"; exit; fi
exec -- "$@"
`
  const path = join(home, 'shells', `rez-${digestParts(digestOf(whole)).hex.slice(0, 16)}.sh`)
  if (!existsSync(path)) writeFileAtomic(path, whole)
  return [bash, '--noprofile', '--norc', path, ...argv]
}
