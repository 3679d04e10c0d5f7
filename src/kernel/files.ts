/**
 * Files that are there whole or not at all, folders that vanish, and locks that die with us.
 *
 * Invariant: a reader never sees half a file written here, after a crash included: bytes go to a
 * temporary name, reach the disk, and are renamed. A lock is an SQLite transaction, because the
 * kernel lets go of it when its process dies, on every system that we run on.
 */
import { Database } from 'bun:sqlite'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { AppError, systemCode } from './errors.ts'
import { removeTree } from './walk.ts'

let temporaryCount = 0

/** A name in the same folder that no other writer uses. */
export function temporaryName(path: string): string {
  temporaryCount += 1
  const unique = `${process.pid}-${temporaryCount}-${Math.random().toString(36).slice(2, 8)}`
  return join(dirname(path), `.tmp-${basename(path).slice(0, 80)}-${unique}`)
}

/**
 * Writes a file by way of a temporary name: durable, then visible. `mode` is taken exactly; without
 * one it is 644, less what the process's mask takes away.
 * @throws AppError `kernel/no-space`, `kernel/read-only`
 */
export function writeFileAtomic(path: string, bytes: Uint8Array | string, mode?: number): void {
  const temporary = temporaryName(path)
  try {
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(temporary, 'wx', mode ?? 0o644)
    try {
      if (mode !== undefined) fchmodSync(file, mode)
      const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
      for (let at = 0; at < data.byteLength; ) at += writeSync(file, data, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    syncFolder(dirname(path))
  } catch (error) {
    removeQuietly(temporary)
    // The folder was made before, so this is a file system that takes no files, as /proc.
    throw systemCode(error) === 'ENOENT' ? noPlace('file', path, error) : explained(error, path)
  }
}

/** Writes a file that only saves time: where it cannot be written, nothing is remembered. */
export function rememberFile(path: string, bytes: Uint8Array | string): void {
  try {
    writeFileAtomic(path, bytes)
  } catch (error) {
    const excused = ['kernel/read-only', 'kernel/no-space']
    if (!(error instanceof AppError) || !excused.includes(error.code)) throw error
  }
}

/** What failed before is what is told, not that a read-only disk also refuses this. */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // The next collection finds it.
  }
}

/** Makes the names in a folder durable; a no-op where folders cannot be synced. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** The system's refusals that a user can do something about, as errors with hints. */
export function explained(error: unknown, path: string): unknown {
  if (error instanceof AppError) return error
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError('kernel/no-space', `No space left for ${path}`, {
        hints: ['Free space (`backlot gc` removes what nothing uses), then run this again.'],
        retryable: true,
        cause: error,
      })
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new AppError('kernel/read-only', `Cannot write ${path}: ${systemCode(error)}`, {
        hints: [
          'Mend the permissions, or choose another place; BACKLOT_HOME is that of the store.',
        ],
        cause: error,
      })
    case 'ENOTDIR':
      return noPlace('folder', path, error)
    case 'ENOENT':
    case 'EEXIST':
      return isMkdir(error) ? noPlace('folder', path, error) : error
    default:
      return error
  }
}

/** With parents made on the way, making a folder fails like this only where none can be. */
function isMkdir(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'syscall' in error && error.syscall === 'mkdir'
  )
}

function noPlace(what: 'file' | 'folder', path: string, cause: unknown): AppError {
  return new AppError(
    'kernel/read-only',
    `No ${what} can be made at ${path}: ${systemCode(cause)}`,
    {
      hints: ['Choose another folder; BACKLOT_HOME names the one of the store.'],
      cause,
    },
  )
}

/** The bytes of a file, or undefined where there is none. */
export function readIfPresent(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/**
 * The bytes of a file that a person named.
 * @param refusal The error for what is wrong with it, told in words that stand after its name.
 */
export function readNamed(path: string, refusal: (fault: string) => AppError): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    const code = systemCode(error)
    if (code === undefined) throw error
    throw refusal(readingFaults[code] ?? `cannot be read: ${code}`)
  }
}

const readingFaults: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  ENOTDIR: 'is not there',
  EISDIR: 'is a folder',
  EACCES: 'may not be read',
  EPERM: 'may not be read',
}

/** A folder that is removed at the end of the scope: `using folder = temporaryFolder()`. */
export interface TemporaryFolder extends Disposable {
  readonly path: string
}

export function temporaryFolder(parent: string = tmpdir(), prefix = 'backlot-'): TemporaryFolder {
  mkdirSync(parent, { recursive: true })
  const path = mkdtempSync(join(parent, prefix))
  return { path, [Symbol.dispose]: () => removeTree(path) }
}

/** A lock that is held until disposed or until this process dies. */
export interface Lock extends Disposable {
  readonly path: string
}

/**
 * Takes an exclusive lock between processes, waiting for at most `timeoutMs`.
 * @throws AppError `kernel/locked`, `kernel/read-only`
 */
export async function lock(path: string, timeoutMs = 600_000): Promise<Lock> {
  const deadlineMs = Date.now() + timeoutMs
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 250)) {
    const held = tryLock(path)
    if (held !== undefined) return held
    if (Date.now() >= deadlineMs)
      throw new AppError('kernel/locked', `Another Backlot holds ${path}`, {
        hints: ['Wait for the other command to end, then run this again.'],
        retryable: true,
      })
    await Bun.sleep(waitMs)
  }
}

/** Takes the lock if nobody has it; undefined when somebody does. */
export function tryLock(path: string): Lock | undefined {
  let database: Database | undefined
  try {
    mkdirSync(dirname(path), { recursive: true })
    database = new Database(path)
    database.run('PRAGMA busy_timeout = 0')
    database.run('BEGIN EXCLUSIVE')
    const held = database
    return {
      path,
      [Symbol.dispose]: () => {
        held.run('ROLLBACK')
        held.close()
      },
    }
  } catch (error) {
    database?.close()
    if (systemCode(error)?.startsWith('SQLITE_BUSY')) return undefined
    throw systemCode(error)?.startsWith('SQLITE')
      ? explained({ code: 'EACCES' }, path)
      : explained(error, path)
  }
}
