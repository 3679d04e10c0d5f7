/**
 * This machine as Rez names it: platform, architecture, operating system.
 *
 * Source: rez 3.4 `system.py`, `utils/platform_.py`, `utils/platform_mapped.py`.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import * as os from 'node:os'
import { basename, join } from 'node:path'
import { AppError, run, which, writeFileAtomic } from '#kernel/index.ts'

/** What `system` has in package code. */
export interface RezSystem {
  readonly platform: string
  readonly arch: string
  readonly os: string
  readonly variant: readonly string[]
  readonly user: string
  readonly home: string
  readonly hostname: string
  readonly fqdn: string
  readonly domain: string
  readonly rez_version: string
}

export interface SystemOptions {
  readonly env: Readonly<Record<string, string>>
  /** `BACKLOT_HOME`, where the answer of `lsb_release` is kept. */
  readonly home: string
  /** Names that a studio gives to systems: `os` and `arch`, each pattern to replacement. */
  readonly platformMap?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
}

/** The version of Rez whose behaviour is kept. */
export const rezVersion = '3.4.0'

export async function rezSystem({
  env,
  home,
  platformMap = {},
}: SystemOptions): Promise<RezSystem> {
  const platform =
    { darwin: 'osx', win32: 'windows' }[process.platform as string] ?? process.platform
  const arch = safeVersion(mapped(os.machine(), platformMap['arch']))
  const name = safeVersion(mapped(await systemName(platform, env, home), platformMap['os']))
  const hostname = os.hostname()
  return {
    platform,
    arch,
    os: name,
    hostname,
    fqdn: hostname,
    variant: [`platform-${platform}`, `arch-${arch}`, `os-${name}`],
    user: env['LOGNAME'] ?? env['USER'] ?? userName(),
    home: homeOf(env),
    domain: hostname.includes('.') ? hostname.slice(hostname.indexOf('.') + 1) : '',
    rez_version: rezVersion,
  }
}

/** The user's home folder, as `~` means it. */
export function homeOf(env: Readonly<Record<string, string>>): string {
  return env['HOME'] ?? os.homedir()
}

function userName(): string {
  try {
    return os.userInfo().username
  } catch {
    return '' // A user without an entry, as in containers.
  }
}

/** The first pattern that is found replaces; `\1` is its first group. */
function mapped(text: string, map: Readonly<Record<string, string>> = {}): string {
  for (const [pattern, replacement] of Object.entries(map)) {
    const found = expressionOf(pattern)
    const plain = replacement.replaceAll('$', '$$$$').replaceAll(/\\(\d)/g, '$$$1')
    if (text.search(found) >= 0) return text.replaceAll(found, plain)
  }
  return text
}

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'g')
  } catch (cause) {
    const why = `'${pattern}' of platform_map is not a regular expression`
    throw new AppError('interop/bad-config', why, {
      hints: ['docs/rez.md, «Settings», lists what is read.'],
      cause,
    })
  }
}

function safeVersion(text: string): string {
  const trimmed = text.trim().replaceAll(/^[.-]+|[.-]+$/g, '')
  return trimmed.replaceAll(/[^A-Za-z0-9_.-]/g, '_').replaceAll(/[.-]+/g, (all) => all.charAt(0))
}

async function systemName(
  platform: string,
  env: Readonly<Record<string, string>>,
  home: string,
): Promise<string> {
  if (platform !== 'linux') return `${platform}-${os.release()}`
  const lsb = pairOf(textOf('/etc/lsb-release'), 'DISTRIB_ID=', 'DISTRIB_RELEASE=')
  const told = lsb.id && lsb.release ? lsb : { ...(await lsbRelease(env, home)), ...present(lsb) }
  const own = pairOf(textOf('/etc/os-release'), 'ID=', 'VERSION_ID=')
  return [told.id ?? own.id, told.release ?? own.release].filter(Boolean).join('-')
}

interface Pair {
  readonly id?: string | undefined
  readonly release?: string | undefined
}

function present({ id, release }: Pair): Pair {
  return { ...(id && { id }), ...(release && { release }) }
}

function pairOf(text: string, idKey: string, releaseKey: string): Pair {
  const valueOf = (key: string): string | undefined => {
    const line = text.split('\n').find((one) => one.startsWith(key))
    return line
      ?.slice(key.length)
      .trim()
      .replace(/^(['"])(.*)\1$/, '$2')
  }
  return { id: valueOf(idKey), release: valueOf(releaseKey) }
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

async function lsbRelease(env: Readonly<Record<string, string>>, home: string): Promise<Pair> {
  const program = which('lsb_release', env['PATH'] ?? '')
  if (program === undefined) return {}
  const told = await answerOf([program, '-a'], { env, home, besides: '/etc/os-release' })
  return pairOf(told, 'Distributor ID:', 'Release:')
}

interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>
  readonly home: string
  /** Another file that its answer depends on. */
  readonly besides?: string
}

/**
 * What a program prints, empty when it fails. Asking is slow, so the answer is kept for as long as
 * the program is the same.
 */
export async function answerOf(
  [program = '', ...args]: readonly string[],
  { env, home, besides = program }: ProgramOptions,
): Promise<string> {
  const path = join(home, 'rez', `answer-${basename(program)}.json`)
  const key = [program, besides]
    .map((one) => `${one} ${statSync(one, { throwIfNoEntry: false })?.mtimeMs}`)
    .join(' ')
  const kept = keptAnswer(path, key)
  if (kept !== undefined) return kept
  const { exitCode, stdout } = await run([program, ...args], { env, timeoutMs: 5000 })
  const answer = exitCode === 0 ? stdout : ''
  try {
    writeFileAtomic(path, JSON.stringify({ key, answer }))
  } catch (error) {
    if (!(error instanceof AppError)) throw error // A read-only home costs time only.
  }
  return answer
}

function keptAnswer(path: string, key: string): string | undefined {
  try {
    const kept: { readonly key?: unknown; readonly answer?: unknown } = JSON.parse(
      readFileSync(path, 'utf8'),
    )
    return kept.key === key && typeof kept.answer === 'string' ? kept.answer : undefined
  } catch {
    return undefined // Not there, or of another form: it is made again.
  }
}
