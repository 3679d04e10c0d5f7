/**
 * Who is at work in the store: one locked file a process in `HOME/work`, gone when it ends.
 *
 * Invariant: what a process at work wrote or asked for is younger than its file, so a collection
 * that keeps everything younger than the oldest file takes nothing away from anybody.
 * Reading commands, and `run` in an environment that was entered before, are not at work.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, type Lock, systemCode, tryLock } from '#kernel/index.ts'

const nobody: Disposable = { [Symbol.dispose]: () => undefined }

/** What lasts until the process ends; unreferenced, a lock would end with the next collection. */
const untilTheEnd: Disposable[] = []

/** Says that this process is at work, until disposed. On a read-only home there is no need to. */
export function atWork(home: string): Disposable {
  try {
    workingSince(home) // Takes away what the dead left.
    const { lock, path } = ownFile(join(home, 'work'))
    return {
      [Symbol.dispose]: () => {
        removeFile(path)
        lock[Symbol.dispose]()
      },
    }
  } catch (error) {
    if (error instanceof AppError || systemCode(error) !== undefined) return nobody
    throw error
  }
}

/** As `atWork`, for a process that becomes another one: until then. */
export function atWorkUntilTheEnd(home: string): void {
  untilTheEnd.push(atWork(home))
}

/** A collection may take away the file between its making and its locking. */
function ownFile(folder: string): { readonly lock: Lock; readonly path: string } {
  mkdirSync(folder, { recursive: true })
  for (;;) {
    const path = join(folder, `${process.pid}-${Math.random().toString(36).slice(2, 10)}.lock`)
    const lock = tryLock(path)
    if (lock !== undefined && existsSync(path)) return { lock, path }
    lock?.[Symbol.dispose]()
  }
}

/** Since when somebody is at work, in milliseconds; undefined when nobody is. */
export function workingSince(home: string): number | undefined {
  const folder = join(home, 'work')
  let since: number | undefined
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (!name.endsWith('.lock')) continue
    const path = join(folder, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) continue
    using lock = tryLock(path)
    if (lock === undefined) since = Math.min(since ?? stat.mtimeMs, stat.mtimeMs)
    else removeFile(path)
  }
  return since
}

/** With what SQLite keeps beside it for a process that ended without a word. */
function removeFile(path: string): void {
  for (const one of [path, `${path}-journal`]) rmSync(one, { force: true })
}
