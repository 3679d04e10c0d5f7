/**
 * Debian's source packages as a mirror: the file whose hash matches, whatever it is called.
 *
 * Invariant: the machine's own apt configuration is not changed. Lists live in our cache; trust
 * comes from the keyrings that the machine has.
 * Source: apt-get(8), apt.conf(5), sources.list(5); Debian policy 5.6.24 (Checksums-Sha256).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  AppError,
  lastLines,
  lock,
  run,
  type RunResult,
  temporaryFolder,
  which,
  writeFileAtomic,
} from '#kernel/index.ts'
import type { FetchContext } from './request.ts'

const listsFreshMs = 24 * 3600 * 1000

/** A Debian source package and the hash of the file that is wanted from it. */
export interface DebSource {
  readonly name: string
  readonly sha256: string
  /** `deb-src` lines to ask instead of the machine's archives. */
  readonly archives?: readonly string[] | undefined
}

/**
 * Downloads a Debian source package and hands the file with the wanted hash to `take`.
 * @returns False when the package carries no such file, or this machine has no apt.
 * @throws AppError `build/source-missing` when apt fails.
 */
export async function fetchDebSource(
  context: FetchContext,
  source: DebSource,
  take: (file: string) => Promise<void>,
): Promise<boolean> {
  if (which('apt-get', context.env['PATH'] ?? '') === undefined) return false
  const folder = join(context.home, 'cache', 'deb-src')
  using _held = await lock(join(folder, 'lock'))
  const apt = aptIn(folder, context)
  if (!listsAreFresh(folder)) await refresh(folder, apt, source.archives)
  // The index names every file with its hash, so nothing is downloaded in vain.
  if (!(await carries(folder, apt, source))) {
    await refresh(folder, apt, source.archives)
    if (!(await carries(folder, apt, source))) return false
  }
  using scratch = temporaryFolder(folder, '.tmp-get-')
  await must(apt(['-qq', 'source', '--download-only', source.name], scratch.path))
  for (const name of readdirSync(scratch.path)) {
    const file = join(scratch.path, name)
    if (fileHash(file) !== source.sha256) continue
    await take(file)
    return true
  }
  return false
}

type Apt = (argv: readonly string[], cwd?: string) => Promise<RunResult>

function aptIn(folder: string, context: FetchContext): Apt {
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true })
  mkdirSync(join(folder, 'archives', 'partial'), { recursive: true })
  const settings = [
    `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${folder}`,
    'APT::Sandbox::User=',
    'Acquire::Retries=3',
    'Acquire::Languages=none',
  ]
  const options = settings.flatMap((setting) => ['-o', setting])
  return async (argv, cwd) =>
    await run(['apt-get', ...options, ...argv], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...context.env, LC_ALL: 'C.UTF-8' },
      signal: context.signal,
      timeoutMs: 600_000,
    })
}

async function refresh(
  folder: string,
  apt: Apt,
  archives: readonly string[] | undefined,
): Promise<void> {
  const lines = archives ?? debSourceLines(aptSources())
  if (lines.length === 0)
    throw new AppError('build/source-missing', 'apt knows no Debian or Ubuntu archive', {
      hints: ['`deb-src` works on Debian and Ubuntu; elsewhere use a folder or http mirror.'],
    })
  writeFileAtomic(join(folder, 'sources.list'), `${lines.join('\n')}\n`)
  await must(apt(['-qq', 'update']))
  writeFileAtomic(join(folder, 'updated'), '')
}

function listsAreFresh(folder: string): boolean {
  const stamp = join(folder, 'updated')
  return existsSync(stamp) && Date.now() - statSync(stamp).mtimeMs < listsFreshMs
}

/** In an empty folder, because apt prints nothing about files that it finds in the current one. */
async function carries(folder: string, apt: Apt, source: DebSource): Promise<boolean> {
  using empty = temporaryFolder(folder, '.tmp-ask-')
  const shown = await apt(['-qq', 'source', '--print-uris', source.name], empty.path)
  return shown.exitCode === 0 && shown.stdout.includes(source.sha256)
}

async function must(result: Promise<RunResult>): Promise<void> {
  const { exitCode, stderr, stdout } = await result
  if (exitCode === 0) return
  const said = lastLines(`${stdout}\n${stderr}`, 4).replaceAll('\n', ' ')
  throw new AppError('build/source-missing', `apt-get ended with ${exitCode}: ${said}`, {
    retryable: true,
  })
}

function fileHash(file: string): string {
  return new Bun.CryptoHasher('sha256').update(readFileSync(file)).digest('hex')
}

/** The machine's apt sources: one-line files and deb822 files. */
function aptSources(): string[] {
  const parts = '/etc/apt/sources.list.d'
  const names = existsSync(parts) ? readdirSync(parts).sort() : []
  const files = ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))]
  return files
    .filter((file) => /\.(list|sources)$/.test(file) && existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
}

const distributionSuites =
  /^(?:bookworm|bullseye|trixie|forky|sid|stable|testing|focal|jammy|noble)/

/**
 * One `deb-src` line for each archive of the distribution that the texts name; third parties'
 * archives are left out, because they rarely have sources and would fail the update.
 */
export function debSourceLines(texts: readonly string[]): string[] {
  const lines = new Set<string>()
  for (const text of texts)
    for (const stanza of text.split(/\n\s*\n/)) {
      const field = (name: string) => new RegExp(`^${name}:(.*)$`, 'mi').exec(stanza)?.[1]?.trim()
      const uris = field('URIs')
      if (uris !== undefined && field('Enabled') !== 'no')
        for (const suite of (field('Suites') ?? '').split(/\s+/))
          add(lines, {
            uri: uris,
            suite,
            components: field('Components') ?? '',
            key: field('Signed-By'),
          })
      for (const line of stanza.split('\n')) {
        const match = /^deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line.trim())
        if (match === null) continue
        const key = /signed-by=(\S+)/.exec(match[1] ?? '')?.[1]
        add(lines, { uri: match[2] ?? '', suite: match[3] ?? '', components: match[4] ?? '', key })
      }
    }
  return [...lines]
}

function add(
  lines: Set<string>,
  from: { uri: string; suite: string; components: string; key: string | undefined },
): void {
  if (!distributionSuites.test(from.suite) || !/\b(main|universe)\b/.test(from.components)) return
  const key = from.key?.startsWith('/') === true ? `[signed-by=${from.key}] ` : ''
  for (const uri of from.uri.split(/\s+/))
    lines.add(`deb-src ${key}${uri} ${from.suite} ${from.components}`)
}
