/**
 * Installs missing programs through apt and pip where it may: as root on Debian and Ubuntu.
 *
 * Elsewhere nothing is changed, and the line to type is given back.
 */
import { readDistribution } from '#env/index.ts'
import { run } from '#kernel/index.ts'
import { environmentWith } from '../environment.ts'
import { missingPrograms, type Purpose } from './programs.ts'

export type Setup =
  | { readonly kind: 'complete' }
  | { readonly kind: 'installed'; readonly names: readonly string[] }
  /** Somebody else has to install them: `lines` are what to type. */
  | {
      readonly kind: 'missing'
      readonly names: readonly string[]
      readonly lines: readonly string[]
    }
  | { readonly kind: 'failed'; readonly names: readonly string[]; readonly log: string }

/** Makes sure that the programs for a purpose (all when undefined) are there. */
export async function setUp(purpose?: Purpose, signal?: AbortSignal): Promise<Setup> {
  const { names, packages, pips, modules, lines } = missingPrograms(purpose)
  if (names.length === 0) return { kind: 'complete' }
  const mayInstall =
    process.getuid?.() === 0 &&
    readDistribution().family === 'debian' &&
    Bun.which('apt-get') !== null
  if (!mayInstall) return { kind: 'missing', names, lines }
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  let log = ''
  if (packages.length > 0) log = (await apt(['update'], signal)) + (await apt(install, signal))
  if (Bun.which('go') !== null) for (const module of modules) log += await built(module, signal)
  for (const one of pips) log += await pip(one, signal)
  const left = missingPrograms(purpose).names
  if (left.length > 0) return { kind: 'failed', names: left, log }
  return { kind: 'installed', names }
}

/** Installs a Python program apart from the system's Python, and links it where programs are. */
async function pip(
  { name, requirement }: { readonly name: string; readonly requirement: string },
  signal: AbortSignal | undefined,
): Promise<string> {
  const folder = `/usr/local/lib/${requirement.replace('==', '-')}`
  const options = { env: environmentWith({}), signal, timeoutMs: 10 * 60_000 }
  let output = ''
  for (const argv of [
    ['python3', '-m', 'venv', folder],
    [`${folder}/bin/pip`, '-q', 'install', requirement],
    ['ln', '-sf', `${folder}/bin/${name}`, `/usr/local/bin/${name}`],
  ]) {
    const result = await run(argv, options)
    output += `${result.stdout}${result.stderr}`
    if (result.exitCode !== 0) break
  }
  return output
}

/** Has Go build a program into its usual folder; gives its output. */
async function built(module: string, signal: AbortSignal | undefined): Promise<string> {
  const options = { env: environmentWith({}), signal, timeoutMs: 20 * 60_000 }
  const result = await run(['go', 'install', module], options)
  return `${result.stdout}${result.stderr}`
}

/** Runs apt-get without questions, three times if need be, and gives its output. */
async function apt(args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const env = environmentWith({ DEBIAN_FRONTEND: 'noninteractive' })
  let output = ''
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const options = { env, signal, timeoutMs: 20 * 60_000 }
    const argv = ['apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300', ...args]
    const result = await run(argv, options)
    output += `${result.stdout}${result.stderr}`
    if (result.exitCode === 0) break
  }
  return output
}
