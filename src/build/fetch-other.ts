/**
 * Sources that are not a file behind a URL: folders, source distributions of Python.
 *
 * Invariant: what arrives in the source folder is named by a hash that was checked, or is a copy
 * of a folder of the user's own.
 * Not here: git (`fetch-git.ts`).
 */
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, lastLines, run, temporaryFolder } from '#kernel/index.ts'
import type { Source } from '#model/index.ts'
import type { FetchContext } from './request.ts'
import { folderBox } from './sandbox.ts'
import { visiblePath } from './toolchain.ts'
import { adopt, fetchFile, mismatch, type Origin, sha256Of, type Wanted } from './sources.ts'

type PypiSource = Extract<Source, { kind: 'pypi' }>

/** Never part of a folder source; a lockfile names the builds, and would change what it names. */
const ignoredNames: ReadonlySet<string> = new Set([
  '.git',
  '.hg',
  '.svn',
  '__pycache__',
  'backlot.lock',
])

/** Whether what lies in a folder of a source (a real path) is part of it. */
export type SourceFilter = (folder: string, name: string) => boolean

/** Leaves out version control and what is Backlot's own, as is its `home`. */
export function sourceFilter(home: string): SourceFilter {
  const own = existsSync(home) ? realpathSync(home) : home
  return (folder, name) => !ignoredNames.has(name) && join(folder, name) !== own
}

/** Copies a folder of the user's, without its version control and what is Backlot's own. */
export function copyFolder(
  from: string,
  { to, home }: { readonly to: string; readonly home: string },
): void {
  copyInside(realpathSync(from), to, sourceFilter(home))
}

function copyInside(from: string, to: string, counts: SourceFilter): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (!counts(from, entry.name)) continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyInside(source, target, counts)
    else cpSync(source, target, { verbatimSymlinks: true })
  }
}

/**
 * Gives the source distribution of a Python project, checked against its hash before pip looks
 * into it, because looking runs its code. Mirrors are asked first; they run nothing.
 * @throws AppError `build/source-missing`, `build/source-mismatch`
 */
export async function fetchPypi(
  context: FetchContext,
  source: PypiSource,
  version: string,
): Promise<string> {
  const { pypi, sha256 } = source
  const file = {
    url: `pkg:pypi/${pypi.toLowerCase()}@${version}`,
    sha256,
    // As PEP 625 wants it; what a folder calls it does not matter.
    fileName: `${pypi.toLowerCase().replaceAll(/[-_.]+/g, '_')}-${version}.tar.gz`,
  }
  const byPip: Origin = (wanted) => downloadByPip(context, { pypi, version }, wanted)
  return (await fetchFile(context, file, byPip)).path
}

async function downloadByPip(
  context: FetchContext,
  { pypi, version }: { readonly pypi: string; readonly version: string },
  wanted: Wanted,
): Promise<string> {
  const { sha256 } = wanted
  using scratch = temporaryFolder(join(context.home, 'cache'), '.tmp-pip-')
  const list = join(scratch.path, 'wanted.txt')
  await Bun.write(list, `${pypi}==${version} --hash=sha256:${sha256}\n`)
  const found = join(scratch.path, 'found')
  // Only of this project: pip makes its build requirements too, each from its sources with `:all:`.
  const flags = ['--no-deps', '--no-binary', pypi, '--require-hashes']
  const argv = ['python3', '-m', 'pip', 'download', '-q', ...flags, '-d', found, '-r', list]
  const result = await runPip(context, argv, scratch.path)
  for (const name of readdirSafe(found)) {
    if ((await sha256Of(join(found, name))) !== sha256) continue
    await adopt(join(found, name), wanted)
    return 'pip'
  }
  // pip names the hash of what it found.
  const [, other] = /^\s*Got\s+([0-9a-f]{64})$/m.exec(result.stderr) ?? []
  if (other !== undefined) throw mismatch({ from: `${pypi} ${version}`, actual: other, sha256 })
  const said = lastLines(result.stderr, 6)
  throw new AppError(
    'build/source-missing',
    `pip gave no source distribution of ${pypi} ${version}: ${said}`,
    { hints: ['Check the name, the version and the hash of the sdist on its project page.'] },
  )
}

/** pip runs code of the distribution to learn its name: away from everything of the user's. */
async function runPip(context: FetchContext, argv: readonly string[], folder: string) {
  const path = visiblePath(context.env['PATH'] ?? '')
  const passed = Object.entries(context.env).filter(([key]) =>
    /^(?:PIP_.*|(?:https?|all|no)_proxy|SSL_CERT_(?:FILE|DIR))$/i.test(key),
  )
  const readable = passed.map(([, value]) => value).filter((value) => value.startsWith('/'))
  const box = { folder, path: context.env['PATH'] ?? '', network: true, readable }
  const boxed = folderBox(context.sandbox, argv, box)
  return await run(boxed, {
    env: { ...Object.fromEntries(passed), PATH: path, HOME: folder, LC_ALL: 'C.UTF-8' },
    cwd: folder,
    signal: context.signal,
    timeoutMs: 600_000,
  })
}

function readdirSafe(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // pip stopped before it made the folder; its own message is shown.
  }
}
