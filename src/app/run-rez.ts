/**
 * Entering an environment of Rez packages: solved, its commands replayed, and started.
 *
 * Invariant: the started program sees what `rez-env` would show it (docs/rez.md, «Running»). Where
 * no shell is needed for that, this process becomes the program; else bash, which becomes it.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type RezEnvironment, rezEnvironment } from '#interop/index.ts'
import {
  AppError,
  digestOf,
  digestParts,
  launchCommand,
  which,
  writeFileAtomic,
} from '#kernel/index.ts'
import type { Launch, RezLaunch, RezRunOptions } from './results.ts'
import { rezSettings, solvedInRez, type Surroundings } from './solve-rez.ts'

/** Rez's own `implicit_packages`. */
const rezDefaults = [
  '~platform=={system.platform}',
  '~arch=={system.arch}',
  '~os=={system.os}',
] as const

/**
 * @throws AppError `interop/no-repository`, `interop/commands-failed`, `interop/no-python`,
 * `env/command-missing`, `model/bad-requirement`
 */
export async function launchRez(context: Surroundings, options: RezRunOptions): Promise<RezLaunch> {
  const { env, clock, signal } = context
  const settings = await rezSettings(context, options, rezDefaults)
  const { config, implicits, paths } = settings
  const system = await settings.system()
  const { result, definitions } = await solvedInRez(context, options, settings)
  if (result.kind === 'failed') return { kind: 'failed', result }
  const packages = result.packages.map((one) => ({
    ...one,
    variantRequires: definitions.find(({ name }) => name === one.name)?.variantRequires ?? [],
  }))
  const environment = await rezEnvironment({
    packages,
    ephemerals: result.ephemerals,
    request: options.request,
    implicits,
    repositories: paths,
    now: clock.nowMs() / 1000,
    before: options.before,
    env,
    home: context.home,
    system,
    config,
    signal,
  })
  return { kind: 'launch', launch: started(context, environment, options.argv) }
}

function started(
  context: Surroundings,
  environment: RezEnvironment,
  argv: readonly string[],
): Pick<Launch, 'argv' | 'env' | 'notices'> {
  const { variables, outside, printed } = environment
  const notices = printed === '' ? [] : printed.trimEnd().split('\n')
  if (variables !== undefined) return { ...direct(argv, variables), notices }
  return { argv: throughShell(context, environment, argv), env: outside, notices }
}

const nothing = {
  format: 1,
  inputs: [],
  needs: [],
  argv: [],
  variables: { set: {}, prepend: {} },
} as const

function direct(argv: readonly string[], variables: Readonly<Record<string, string>>) {
  return launchCommand(nothing, argv, variables)
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
${code}set -- "\${__backlot_command[@]}"; unset __backlot_command
if declare -F -- "$1" >/dev/null; then "$@"; exit; fi
exec -- "$@"
`
  const path = join(home, 'shells', `rez-${digestParts(digestOf(whole)).hex.slice(0, 16)}.sh`)
  if (!existsSync(path)) writeFileAtomic(path, whole)
  return [bash, '--noprofile', '--norc', path, ...argv]
}
