/**
 * Uploads in progress: one growing file each, until their bytes become a blob.
 *
 * Invariant: what arrived stays, also after a crash of this process, so that a client may ask how
 * far it came and go on. A file's name holds the repository's hash: an upload is found only by
 * the repository that began it. At most one writer per upload; a newer one takes over from an
 * older one, because the older one's connection is most likely dead.
 * Not here: who writes (`upload-session.ts`), linking blobs to repositories (`metadata.ts`).
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import {
  AppError,
  type Clock,
  type Digest,
  type DigestAlgorithm,
  explained,
} from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { StoredBlob } from './contract.ts'
import {
  appendTo,
  close,
  digestOfUpload,
  fresh,
  type Session,
  takeOver,
  unhashed,
  type UploadPart,
} from './upload-session.ts'

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface Uploads {
  start(repository: string, algorithm: DigestAlgorithm): Promise<string>
  size(repository: string, id: string): Promise<number>
  append(repository: string, id: string, part: UploadPart): Promise<number>
  /** The blob is durable in the blob store on return, and the upload is gone. */
  finish(repository: string, id: string, digest: Digest): Promise<StoredBlob>
  cancel(repository: string, id: string): Promise<void>
  removeStale(idleMs: number): Promise<number>
}

export interface UploadsOptions {
  readonly dir: string
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly blobBytesMax: number
}

/** Uploads as files in `dir`, which has to be on the file system of the blobs. */
export function fileUploads({ dir, blobs, clock, blobBytesMax }: UploadsOptions): Uploads {
  mkdirSync(dir, { recursive: true })
  const sessions = new Map<string, Session>()
  const pathOf = (repository: string, id: string): string => {
    const path = join(dir, fileName(repository, id))
    if (!idPattern.test(id) || !existsSync(path)) throw uploadUnknown(id)
    return path
  }
  const sessionOf = (key: string): Session => {
    const session = sessions.get(key) ?? unhashed()
    sessions.set(key, session)
    return session
  }
  const forget = async (path: string): Promise<void> => {
    sessions.delete(basename(path))
    await rm(path, { force: true })
  }
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
    finish: async (repository, id, digest) => {
      const running = sessions.get(fileName(repository, id))?.finishing
      if (running?.digest === digest) return await running.done
      const path = pathOf(repository, id)
      const session = sessionOf(basename(path))
      if (session.finishing !== undefined) throw uploadUnknown(id)
      const done = finished({ path, session, digest, blobs, blobBytesMax, forget })
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
    removeStale: async (idleMs) => {
      let removed = 0
      for (const name of await readdir(dir)) {
        const path = join(dir, name)
        const found = await stat(path).catch(() => undefined)
        const busy = sessions.get(name)?.closing === true
        if (busy || found === undefined || found.mtimeMs > clock.nowMs() - idleMs) continue
        await forget(path)
        removed += 1
      }
      return removed
    },
  }
}

interface Finishing {
  readonly path: string
  readonly session: Session
  readonly digest: Digest
  readonly blobs: BlobStore
  readonly blobBytesMax: number
  readonly forget: (path: string) => Promise<void>
}

async function finished(job: Finishing): Promise<StoredBlob> {
  const { path, session, digest, blobs, blobBytesMax, forget } = job
  await close(session)
  const actual = await digestOfUpload(path, session, digest)
  if (actual.digest !== digest) {
    await forget(path)
    throw digestInvalid(digest, actual.digest)
  }
  try {
    await adoptFile(blobs, path, digest, blobBytesMax)
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

/**
 * Makes a file on the blobs' file system the blob; its bytes were hashed, and it is gone then.
 * @throws AppError `kernel/no-space`, `kernel/read-only`
 */
export async function adoptFile(
  blobs: BlobStore,
  path: string,
  digest: Digest,
  maxBytes: number,
): Promise<void> {
  await orExplained(path, () => adopt(blobs, path, digest, maxBytes))
  await rm(path, { force: true })
}

/** Makes the upload's file the blob: durable first, visible second. */
async function adopt(
  blobs: BlobStore,
  path: string,
  digest: Digest,
  maxBytes: number,
): Promise<void> {
  const target = blobs.pathOf?.(digest)
  if (target === undefined) {
    await blobs.write(Bun.file(path).stream(), { digest, maxBytes })
    return
  }
  await synced(path)
  const made = await mkdir(dirname(target), { recursive: true })
  if (made !== undefined) for (const above of parents(target, made)) await synced(above)
  await rename(path, target)
  await synced(dirname(target))
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

function uploadUnknown(id: string): AppError {
  return new AppError('oci/upload-unknown', `There is no upload '${id.slice(0, 64)}' here`)
}

function digestInvalid(want: Digest, actual: Digest): AppError {
  return new AppError('oci/digest-invalid', `The upload has digest ${actual}, expected ${want}`)
}
