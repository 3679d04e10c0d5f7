/**
 * Temporary files that a killed Backlot left outside of `HOME/tmp`: where single files are written
 * anew (indexes, records, lockfiles); and the folders of builds that failed or were killed. What is
 * in `HOME/tmp` the store collects itself.
 */
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { explained, tryLock } from '#kernel/index.ts'

const written = ['', 'projects', 'published', 'runs', 'shells', 'cache/sources'] as const

export interface Leftovers {
  readonly home: string
  readonly lockfiles: readonly string[]
  /** What is younger may belong to somebody. */
  readonly oldestMs: number
}

/** Removes them. @throws AppError `kernel/read-only` */
export function sweepLeftovers({ home, lockfiles, oldestMs }: Leftovers): void {
  for (const folder of written) sweep(join(home, folder), /^\.tmp-/, oldestMs)
  const ours = /^\.tmp-backlot\.(?:lock|yaml)-\d/
  for (const folder of new Set(lockfiles.map((path) => dirname(path))))
    sweep(folder, ours, oldestMs)
  sweepWorkspaces(join(home, 'builds'), oldestMs)
}

/** A lock's file stays: without it two could hold what it stands for. */
function sweepWorkspaces(builds: string, oldestMs: number): void {
  for (const entry of existsSync(builds) ? readdirSync(builds, { withFileTypes: true }) : []) {
    if (!entry.isDirectory()) continue
    const path = join(builds, entry.name)
    using free = tryLock(`${path}.lock`)
    if (free !== undefined && lstatSync(path).mtimeMs <= oldestMs) remove(path)
  }
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
    rmSync(path, { recursive: true, force: true })
  } catch (error) {
    throw explained(error, path)
  }
}
