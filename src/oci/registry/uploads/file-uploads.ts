/**
 * Uploads as one growing file each, on the file system of the blobs.
 *
 * Invariant: that of `contract.ts`. A file's name holds the repository's hash. A finished upload's
 * file gets a second name as the blob, and loses its first when the metadata know of it.
 * Not here: who writes (`session.ts`), linking blobs to repositories (`metadata/`).
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import {
  AppError,
  type Clock,
  type Digest,
  explained,
  systemCode,
  temporaryName,
} from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { StoredBlob } from '../contract.ts'
import type { Arrived, Generations, Uploads } from './contract.ts'
import { digestInvalid, uploadUnknown } from './errors.ts'
import { isUploadId } from './ids.ts'
import {
  appendTo,
  close,
  digestOfUpload,
  forgetThread,
  fresh,
  type Session,
  takeOver,
  unhashed,
} from './session.ts'

export interface FileUploadsOptions {
  readonly dir: string
  readonly blobs: Generations
  readonly clock: Clock
  readonly blobBytesMax: number
}

/** Uploads as files in `dir`, which has to be on the file system of the blobs. */
export function fileUploads({ dir, blobs, clock, blobBytesMax }: FileUploadsOptions): Uploads {
  mkdirSync(dir, { recursive: true })
  const sessions = new Map<string, Session>()
  const pathOf = (repository: string, id: string): string => {
    const path = join(dir, fileName(repository, id))
    if (!isUploadId(id) || !existsSync(path)) throw uploadUnknown(id)
    return path
  }
  const sessionOf = (key: string): Session => {
    const session = sessions.get(key) ?? unhashed()
    sessions.set(key, session)
    return session
  }
  const forget = (path: string): Promise<void> => removed(sessions, path)
  return {
    start: async (repository, algorithm) => {
      const id = randomUUID()
      const path = join(dir, fileName(repository, id))
      await orExplained(path, async () => (await open(path, 'wx')).close())
      sessions.set(basename(path), fresh(algorithm))
      return id
    },
    size: async (repository, id) => statSync(pathOf(repository, id)).size,
    append: async (repository, id, part) => {
      const path = pathOf(repository, id)
      const session = sessionOf(basename(path))
      const writer = await takeOver(session)
      const job = { path, session, writer, part, blobBytesMax }
      return await orExplained(path, () => appendTo(job)).catch(async (error: unknown) => {
        // On a full disk the bytes make way, or nothing else could be finished either.
        if (error instanceof AppError && error.code === 'kernel/no-space') await forget(path)
        throw error
      })
    },
    finish: async (repository, id, { digest, settle }) => {
      const running = sessions.get(fileName(repository, id))?.finishing
      if (running?.digest === digest) return await running.done
      const path = pathOf(repository, id)
      const session = sessionOf(basename(path))
      if (session.finishing !== undefined) throw uploadUnknown(id)
      const done = finished({ path, session, digest, settle, blobs, forget })
      session.finishing = { digest, done }
      try {
        return await done
      } finally {
        delete session.finishing
      }
    },
    cancel: async (repository, id) => {
      const path = pathOf(repository, id)
      await close(sessionOf(basename(path)))
      await forget(path)
    },
    count: async () => (await readdir(dir)).length,
    removeStale: async (idleMs) => {
      let count = 0
      for (const name of await readdir(dir)) {
        const path = join(dir, name)
        const found = await stat(path).catch(() => undefined)
        const busy = sessions.get(name)?.closing === true
        if (busy || found === undefined || found.mtimeMs > clock.nowMs() - idleMs) continue
        await forget(path)
        count += 1
      }
      return count
    },
  }
}

async function removed(sessions: Map<string, Session>, path: string): Promise<void> {
  try {
    await rm(path, { force: true })
  } finally {
    forgetThread(sessions.get(basename(path)))
    // Not before: while the file has this name, its session is what keeps writers away.
    sessions.delete(basename(path))
  }
}

interface Finishing {
  readonly path: string
  readonly session: Session
  readonly digest: Digest
  readonly settle: (arrived: Arrived) => Promise<void>
  readonly blobs: Generations
  readonly forget: (path: string) => Promise<void>
}

async function finished(job: Finishing): Promise<StoredBlob> {
  const { path, session, digest, settle, blobs, forget } = job
  await close(session)
  const actual = await digestOfUpload(path, session, digest)
  if (actual.digest !== digest) {
    await forget(path)
    throw digestInvalid(digest, actual.digest)
  }
  try {
    await orExplained(path, () => settle(arrivedFile(blobs, { path, ...actual })))
  } catch (error) {
    session.closing = false // The bytes are still here: the client may ask again.
    throw error
  }
  await forget(path)
  return actual
}

function fileName(repository: string, id: string): string {
  return `${id}-${createHash('sha256').update(repository).digest('hex').slice(0, 32)}`
}

/** A file whose bytes have the digest, as something that can become a blob; it stays. */
export function arrivedFile(
  blobs: Generations,
  { path, digest, sizeBytes }: { path: string; digest: Digest; sizeBytes: number },
): Arrived {
  let durable: Promise<void> | undefined
  const storeIn = async (generation: number): Promise<void> => {
    durable ??= synced(path)
    await durable
    await adopt(blobs(generation), { path, digest, maxBytes: sizeBytes })
  }
  return { sizeBytes, storeIn: (generation) => orExplained(path, () => storeIn(generation)) }
}

/** Makes the upload's file the blob, which it is too then: durable first, visible second. */
async function adopt(
  blobs: BlobStore,
  { path, digest, maxBytes }: { path: string; digest: Digest; maxBytes: number },
): Promise<void> {
  const target = blobs.pathOf?.(digest)
  if (target === undefined) {
    await blobs.write(Bun.file(path).stream(), { digest, maxBytes })
    return
  }
  const made = await mkdir(dirname(target), { recursive: true })
  if (made !== undefined) for (const above of parents(target, made)) await synced(above)
  if (await named(path, target)) return await syncedTogether(dirname(target))
  await blobs.write(Bun.file(path).stream(), { digest, maxBytes })
}

/**
 * Gives a file a second name, over whatever has it. False on file systems that know no second
 * names.
 */
async function named(path: string, target: string): Promise<boolean> {
  // Among the uploads, where what a crash leaves is removed by its age.
  const name = temporaryName(path)
  try {
    await link(path, name)
    await rename(name, target)
    return true
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'EMLINK'].includes(systemCode(error) ?? '')) return false
    throw error
  } finally {
    // Also when it worked: renaming between two names of one file does nothing.
    await rm(name, { force: true })
  }
}

/** Who waits for the next sync of a folder. */
const folderSyncs = new Map<string, { running: Promise<void>; next: Promise<void> | undefined }>()

/** Syncs a folder; changes that arrive while a sync runs share the next one. */
async function syncedTogether(folder: string): Promise<void> {
  const known = folderSyncs.get(folder)
  if (known?.next !== undefined) return await known.next
  const before = known?.running ?? Promise.resolve()
  const sync = before
    .catch(() => undefined)
    .then(async () => {
      folderSyncs.set(folder, { running: sync, next: undefined })
      await synced(folder)
    })
  folderSyncs.set(folder, { running: before, next: sync })
  try {
    await sync
  } finally {
    if (folderSyncs.get(folder)?.running === sync && folderSyncs.get(folder)?.next === undefined)
      folderSyncs.delete(folder)
  }
}

/** Folders whose lists of names changed when `made` and those below it were made. */
function parents(target: string, made: string): readonly string[] {
  const folders = [dirname(made)]
  for (let at = dirname(dirname(target)); at.length >= made.length; at = dirname(at))
    folders.push(at)
  return folders
}

async function synced(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function orExplained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explained(error, path)
  }
}
