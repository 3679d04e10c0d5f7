/**
 * Sources in git: a commit, and the commits of its submodules, as plain files.
 *
 * Invariant: what arrives in the folder is named by a commit. Every repository, a submodule's too,
 * has one clone in the cache, so that what was fetched once needs no network again. An address that
 * a repository gives for a submodule is used only when it is one that a recipe could give, and
 * names a repository on this disk only when the recipe's own does.
 */
import { mkdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import { AppError, lastLines, lock, type RunResult, run } from '#kernel/index.ts'
import { isGitUrl, type Source } from '#model/index.ts'
import type { FetchContext } from './request.ts'

type GitSource = Extract<Source, { kind: 'git' }>

const submodulesMax = 1000

/** A commit of a repository, to be put into a folder. */
interface Wanted {
  readonly url: string
  readonly commit: string
  readonly folder: string
}

/** Runs git; `must` throws when it fails. */
interface Git {
  readonly ask: (...argv: readonly string[]) => Promise<RunResult>
  readonly must: (wanted: Wanted, ...argv: readonly string[]) => Promise<string>
  readonly cache: string
}

/**
 * Exports a commit into a folder, with submodules when the source wants them.
 * @returns The commit's time in seconds.
 * @throws AppError `build/source-missing`
 */
export async function exportGit(
  context: FetchContext,
  source: GitSource,
  folder: string,
): Promise<number> {
  const git = gitOf(context)
  const queue: Wanted[] = [{ url: source.git, commit: source.commit, folder }]
  let seconds: number | undefined
  for (let count = 0; count < queue.length; count += 1) {
    const wanted = queue[count]
    if (wanted === undefined) break
    using _held = await lock(`${cloneOf(git, wanted)}.lock`)
    await bring(git, wanted)
    await checkOut(git, wanted)
    seconds ??= await timeOf(git, wanted)
    if (source.submodules) queue.push(...(await submodulesOf(git, wanted, source)))
    if (queue.length > submodulesMax)
      throw noCommit(wanted, `it has more than ${submodulesMax} submodules`)
  }
  return seconds ?? 0
}

function gitOf(context: FetchContext): Git {
  const env = {
    ...context.env,
    LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
  }
  const options = { env, signal: context.signal, timeoutMs: 1_800_000 }
  const ask = async (...argv: readonly string[]) => await run(['git', ...argv], options)
  const must = async (wanted: Wanted, ...argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = await ask(...argv)
    if (exitCode !== 0) throw noCommit(wanted, lastLines(stderr, 8))
    return stdout
  }
  return { ask, must, cache: join(context.home, 'cache', 'git') }
}

const notOurs =
  'Backlot reads none of your git settings, so that `safe.directory` does not help here: clone the repository as your user, and name that clone.'

function noCommit({ url, commit }: Wanted, why: string): AppError {
  return new AppError(
    'build/source-missing',
    `git could not give commit ${commit.slice(0, 12)} of ${url}: ${why}`,
    {
      hints: [
        /dubious ownership/.test(why)
          ? notOurs
          : 'Check the address and the commit, and that this machine may read it.',
      ],
      retryable: true,
    },
  )
}

function cloneOf(git: Git, { url }: Wanted): string {
  return join(git.cache, new Bun.CryptoHasher('sha256').update(url).digest('hex'))
}

/** Makes sure that the commit is in the cache. */
async function bring(git: Git, wanted: Wanted): Promise<void> {
  const clone = cloneOf(git, wanted)
  const { url, commit } = wanted
  mkdirSync(clone, { recursive: true })
  await git.must(wanted, 'init', '-q', '--bare', clone)
  const inside = ['--git-dir', clone]
  const known = await git.ask(...inside, 'cat-file', '-e', `${commit}^{commit}`)
  if (known.exitCode === 0) return
  const exact = await git.ask(...inside, 'fetch', '-q', '--depth=1', '--', url, commit)
  if (exact.exitCode === 0) return
  await git.must(wanted, ...inside, 'fetch', '-q', '--', url, '+refs/*:refs/fetched/*')
}

async function checkOut(git: Git, wanted: Wanted): Promise<void> {
  const { commit, folder } = wanted
  mkdirSync(folder, { recursive: true })
  const tree = ['--git-dir', cloneOf(git, wanted), '--work-tree', folder]
  const files = [...tree, '-c', 'core.autocrlf=false']
  await git.must(wanted, ...files, 'read-tree', commit)
  await git.must(wanted, ...files, 'checkout-index', '-q', '-a', '-f')
}

async function timeOf(git: Git, wanted: Wanted): Promise<number> {
  const show = ['show', '-s', '--format=%ct', `${wanted.commit}^{commit}`]
  return Number((await git.must(wanted, '--git-dir', cloneOf(git, wanted), ...show)).trim())
}

/** What the tree of a commit has where its `.gitmodules` names a submodule. */
async function submodulesOf(git: Git, wanted: Wanted, source: GitSource): Promise<Wanted[]> {
  const inside = ['--git-dir', cloneOf(git, wanted)]
  const blob = `${wanted.commit}:.gitmodules`
  const listing = [
    'config',
    '--blob',
    blob,
    '-z',
    '--get-regexp',
    '^submodule\\..*\\.(path|url|update)$',
  ]
  const modules = await git.ask(...inside, ...listing)
  if (modules.exitCode !== 0) return []
  const settings = new Map(
    modules.stdout.split('\0').flatMap((entry): readonly (readonly [string, string])[] => {
      const at = entry.indexOf('\n')
      return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)]]
    }),
  )
  const found: Wanted[] = []
  for (const [key, path] of settings) {
    const isLeftOut = settings.get(key.replace(/path$/, 'update')) === 'none'
    if (!key.endsWith('.path') || isLeftOut) continue
    const entry = await git.must(wanted, ...inside, 'ls-tree', wanted.commit, '--', path)
    const [, commit] = /^160000 commit ([0-9a-f]{40})\t/.exec(entry) ?? []
    if (commit === undefined) continue // Named, and no longer there.
    const url = addressOf(settings.get(key.replace(/path$/, 'url')) ?? '', wanted)
    if (!isGitUrl(url) || (url.startsWith('file:') && !source.git.startsWith('file:')))
      throw noCommit(wanted, `the address of its submodule '${path}' is '${url}'`)
    found.push({ url, commit, folder: join(wanted.folder, path) })
  }
  return found
}

/** `../other.git` is beside the repository that names it. */
function addressOf(written: string, { url }: Wanted): string {
  if (!/^\.\.?\//.test(written)) return written
  const [, start = '', path = ''] = /^([a-z]+:\/\/[^/]*|[^:/]+:)(.*)$/.exec(url) ?? []
  return start + posix.join(path, written)
}
