/**
 * Holding a project against other commands that change the same files.
 *
 * Invariant: what one command wrote into backlot.yaml or backlot.lock is not undone by another
 * that began before. The locks lie in the store, since a project is committed; on a home that
 * cannot be written nothing is held.
 */
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, digestOf, digestParts, type Lock, lock, tryLock } from '#kernel/index.ts'

const saveTriesMax = 400
const saveWaitMs = 5

/** Waits until no other command edits the project in this folder. @throws AppError `kernel/locked` */
export async function holdProject(home: string, folder: string): Promise<Disposable> {
  try {
    return await lock(pathOf(home, `edit ${realpathSync(folder)}`))
  } catch (error) {
    return unheld(error)
  }
}

/** Holds the lockfile for the moment in which it is read, changed and replaced. */
export function holdLockfile(home: string, folder: string): Disposable {
  const path = pathOf(home, `save ${realpathSync(folder)}`)
  try {
    let held: Lock | undefined
    for (let tries = 0; tries < saveTriesMax && held === undefined; tries += 1) {
      if (tries > 0) Bun.sleepSync(saveWaitMs)
      held = tryLock(path)
    }
    return held ?? nothing
  } catch (error) {
    return unheld(error)
  }
}

const nothing: Disposable = { [Symbol.dispose]: () => undefined }

function unheld(error: unknown): Disposable {
  if (error instanceof AppError && error.code === 'kernel/read-only') return nothing
  throw error
}

/** Beside what remembers lockfiles, which skips names that begin with a dot. */
function pathOf(home: string, what: string): string {
  return join(home, 'projects', `.${digestParts(digestOf(what)).hex.slice(0, 32)}`)
}
