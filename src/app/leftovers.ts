/**
 * Temporary files and folders that a killed Backlot left outside of `HOME/tmp`: where single files
 * are written anew (indexes, records, lockfiles) and sources are downloaded; and the folders of
 * builds that failed or were killed. What is in `HOME/tmp` the store collects itself.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { explained, removeTree, tryLock } from '#kernel/index.ts'

/** Of the store, which looks after them itself, and the folders of builds. */
const passedOver: ReadonlySet<string> = new Set([
  'blobs',
  'builds',
  'files',
  'tmp',
  'trees',
  'views',
])

export interface Leftovers {
  readonly home: string
  readonly lockfiles: readonly string[]
  /** What is younger may belong to somebody. */
  readonly oldestMs: number
}

/** Removes them. @throws AppError `kernel/read-only` */
export function sweepLeftovers({ home, lockfiles, oldestMs }: Leftovers): void {
  const folders = foldersIn(home).filter((name) => !passedOver.has(name))
  const cached = foldersIn(join(home, 'cache')).map((name) => join('cache', name))
  for (const folder of ['', ...folders, ...cached]) sweep(join(home, folder), /^\.tmp-/, oldestMs)
  const ours = /^\.tmp-backlot\.(?:lock|yaml)-\d/
  for (const folder of new Set(lockfiles.map((path) => dirname(path))))
    sweep(folder, ours, oldestMs)
  sweepWorkspaces(join(home, 'builds'), oldestMs)
}

/** A lock's file stays: without it two could hold what it stands for. */
function sweepWorkspaces(builds: string, oldestMs: number): void {
  for (const name of foldersIn(builds)) {
    const path = join(builds, name)
    using free = tryLock(`${path}.lock`)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (free !== undefined && stat !== undefined && stat.mtimeMs <= oldestMs) remove(path)
  }
}

function foldersIn(folder: string): string[] {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

function sweep(folder: string, pattern: RegExp, oldestMs: number): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!pattern.test(name)) continue
    const path = join(folder, name)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined || stat.mtimeMs > oldestMs) continue
    remove(path)
  }
}

function remove(path: string): void {
  try {
    removeTree(path)
  } catch (error) {
    throw explained(error, path)
  }
}
