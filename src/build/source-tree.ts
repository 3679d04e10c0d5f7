/**
 * The source tree of a build: all sources in place, patched, and the time that it counts as.
 *
 * Not here: getting bytes (`sources.ts`, `fetch-git.ts`, `fetch-other.ts`).
 */
import { existsSync, lstatSync, lutimesSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { AppError, assert, lastLines, run, walk, which } from '#kernel/index.ts'
import type { Source } from '#model/index.ts'
import { unpackArchive } from './archive.ts'
import { exportGit } from './fetch-git.ts'
import { copyFolder, fetchPypi } from './fetch-other.ts'
import type { BuildContext, BuildRequest } from './request.ts'
import { folderBox } from './sandbox.ts'
import { fetchFile } from './sources.ts'

/** Folders have no time of their own that two machines would agree on: 1980-01-01, as in zip. */
const folderEpoch = 315_532_800

export interface SourceTree {
  /** SOURCE_DATE_EPOCH in seconds: what the recipe says, else the newest file of the sources. */
  readonly epoch: number
}

/**
 * Fetches, unpacks and patches everything into `folder`, which is new.
 * @throws AppError `build/source-missing`, `build/source-mismatch`, `build/bad-archive`,
 * `build/patch-failed`
 */
export async function makeSourceTree(
  context: BuildContext,
  request: BuildRequest,
  folder: string,
): Promise<SourceTree> {
  mkdirSync(folder, { recursive: true })
  const startedMs = Date.now()
  let newest = 0
  for (const source of request.recipe.sources) {
    const into = inside(folder, source.into ?? '.')
    newest = Math.max(newest, await place(context, request, source, into))
  }
  for (const patch of request.recipe.patches)
    await applyPatch(context, {
      file: join(request.folder, patch.path),
      strip: patch.strip,
      folder,
    })
  const seconds = newest > 0 ? newest : folderEpoch
  settleTimes(folder, { startedMs, seconds })
  return { epoch: request.recipe.epoch ?? seconds }
}

/** A stamp of the clock may be rounded down by the file system. */
const clockSlackMs = 2000

/**
 * Gives what was written just now the time of the newest source. Times decide what make and
 * autotools make again, and some builds put them into files: they must not depend on the day.
 */
function settleTimes(folder: string, at: { startedMs: number; seconds: number }): void {
  for (const { path } of walk(folder)) {
    if (lstatSync(path).mtimeMs >= at.startedMs - clockSlackMs)
      lutimesSync(path, at.seconds, at.seconds)
  }
  lutimesSync(folder, at.seconds, at.seconds)
}

async function place(
  context: BuildContext,
  request: BuildRequest,
  source: Source,
  into: string,
): Promise<number> {
  const unpack = async (archive: string, name: string) =>
    (
      await unpackArchive(archive, into, {
        name,
        strip: source.strip,
        path: context.env['PATH'] ?? '',
        signal: context.signal,
      })
    ).newestSeconds
  switch (source.kind) {
    case 'url':
      return await unpack((await fetchFile(context, source)).path, source.url)
    case 'pypi': {
      const version = source.version ?? request.recipe.version.text
      return await unpack(await fetchPypi(context, source, version), `${source.pypi} ${version}`)
    }
    case 'git':
      return await exportGit(context, source, into)
    case 'path':
      copyFolder(pathSource(request, source.path), { to: into, home: context.home })
      return folderEpoch
  }
}

/** The folder that a `path` source names. @throws AppError `build/source-missing` */
export function pathSource(request: Pick<BuildRequest, 'folder'>, path: string): string {
  const folder = resolve(request.folder, path)
  if (existsSync(folder)) return folder
  throw new AppError('build/source-missing', `The source folder ${folder} does not exist`, {
    hints: ['`path:` is relative to the folder of backlot.yaml.'],
  })
}

function inside(folder: string, into: string): string {
  const path = resolve(folder, into)
  assert(path === folder || path.startsWith(folder + sep), 'the model refuses `into` with ..')
  return path
}

interface PatchFile {
  readonly file: string
  readonly strip: number
  readonly folder: string
}

/** Neither fuzz nor asking: a patch that only nearly applies is one for other sources. */
const patchFlags = ['--batch', '--forward', '--fuzz=0', '--no-backup-if-mismatch'] as const

/** In a box, because a patch may be an ed script, which runs what it likes. */
async function applyPatch(context: BuildContext, patch: PatchFile): Promise<void> {
  if (!existsSync(patch.file))
    throw new AppError('build/patch-failed', `The patch ${patch.file} does not exist`, {
      hints: ['`patches:` are relative to the folder of backlot.yaml.'],
    })
  const path = context.env['PATH'] ?? ''
  if (which('patch', path) === undefined)
    throw new AppError('build/tool-missing', `${patch.file} wants the program 'patch'`, {
      hints: ['`backlot doctor` prints the line that installs it.'],
    })
  const argv = ['patch', `-p${patch.strip}`, ...patchFlags]
  const boxed = folderBox(context.sandbox, argv, { folder: patch.folder, path, network: false })
  const result = await run(boxed, {
    cwd: patch.folder,
    env: { PATH: path, LC_ALL: 'C.UTF-8' },
    stdin: readFileSync(patch.file),
    signal: context.signal,
  })
  const changes = /^patching /m.test(result.stdout)
  if (result.exitCode === 0 && changes) return
  const said = lastLines(`${result.stdout}${result.stderr}`, 6)
  const why = said || 'there is no change in it'
  throw new AppError('build/patch-failed', `${patch.file} does not apply:\n${why}`, {
    hints: ['Make the patch anew against these sources, or give it a `when:` with the versions.'],
  })
}
