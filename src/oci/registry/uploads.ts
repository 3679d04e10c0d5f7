/**
 * Uploads in progress: one growing file each, until their bytes become a blob.
 *
 * Invariant: what arrived stays, also after a crash of this process, so that a client may ask how
 * far it came and go on. A file's name holds the repository's hash: an upload is found only by
 * the repository that began it. At most one writer per upload; a newer one takes over from an
 * older one, because the older one's connection is most likely dead.
 * Not here: linking blobs to repositories (`metadata.ts`).
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  AppError,
  type Bytes,
  type Clock,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  digester,
  digestParts,
  explained,
  measure,
} from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { StoredBlob } from './contract.ts'

const writeBytes = 1024 * 1024
const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface UploadPart {
  readonly chunks: Bytes
  readonly start?: number
  readonly sizeBytes?: number
}

export interface Uploads {
  start(repository: string, algorithm: DigestAlgorithm): Promise<string>
  size(repository: string, id: string): Promise<number>
  append(repository: string, id: string, part: UploadPart): Promise<number>
  /** The blob is durable in the blob store on return, and the upload is gone. */
  finish(repository: string, id: string, digest: Digest): Promise<StoredBlob>
  cancel(repository: string, id: string): Promise<void>
  removeStale(idleMs: number): Promise<number>
}

/** What we know of an upload beyond its file; all of it can be made anew after a restart. */
interface Session {
  readonly algorithm: DigestAlgorithm
  readonly hasher: Digester
  hashedBytes: number
  writer?: Writer
  /** Its bytes are becoming a blob, or go away: nobody may add to them any more. */
  closing: boolean
}

/** A request that adds bytes. Once stopped it writes no more; `flushing` is its last write. */
interface Writer {
  stopped: boolean
  flushing: Promise<void>
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
  const sessionOf = (id: string): Session => {
    const session = sessions.get(id) ?? unhashed()
    sessions.set(id, session)
    return session
  }
  const forget = async (id: string, path: string): Promise<void> => {
    sessions.delete(id)
    await rm(path, { force: true })
  }
  return {
    start: async (repository, algorithm) => {
      const id = randomUUID()
      const path = join(dir, fileName(repository, id))
      await orExplained(path, async () => (await open(path, 'wx')).close())
      sessions.set(id, fresh(algorithm))
      return id
    },
    size: async (repository, id) => statSync(pathOf(repository, id)).size,
    append: async (repository, id, part) => {
      const path = pathOf(repository, id)
      const session = sessionOf(id)
      const writer = await takeOver(session)
      const job = { path, session, writer, part, blobBytesMax }
      return await orExplained(path, () => appendTo(job)).catch(async (error: unknown) => {
        // On a full disk the bytes make way, or nothing else could be finished either.
        if (error instanceof AppError && error.code === 'kernel/no-space') await forget(id, path)
        throw error
      })
    },
    finish: async (repository, id, digest) => {
      const path = pathOf(repository, id)
      const session = sessionOf(id)
      await close(session)
      const actual = await digestOfUpload(path, session, digest)
      if (actual.digest !== digest) {
        await forget(id, path)
        throw digestInvalid(digest, actual.digest)
      }
      try {
        await orExplained(path, () => adopt(blobs, path, digest, blobBytesMax))
      } catch (error) {
        session.closing = false // The bytes are still here: the client may ask again.
        throw error
      }
      await forget(id, path)
      return actual
    },
    cancel: async (repository, id) => {
      const path = pathOf(repository, id)
      await close(sessionOf(id))
      await forget(id, path)
    },
    removeStale: async (idleMs) => {
      let removed = 0
      for (const name of await readdir(dir)) {
        const path = join(dir, name)
        const found = await stat(path).catch(() => undefined)
        if (found === undefined || found.mtimeMs > clock.nowMs() - idleMs) continue
        await forget(name.slice(0, 36), path)
        removed += 1
      }
      return removed
    },
  }
}

function fileName(repository: string, id: string): string {
  return `${id}-${createHash('sha256').update(repository).digest('hex').slice(0, 32)}`
}

function fresh(algorithm: DigestAlgorithm): Session {
  return { algorithm, hasher: digester(algorithm), hashedBytes: 0, closing: false }
}

/** After a restart there is no running hash: the finish will read the file once. */
function unhashed(): Session {
  return { ...fresh('sha256'), hashedBytes: -1 }
}

/**
 * Makes the caller the only writer, from this very moment; waits until an older one's last write
 * is over.
 */
async function takeOver(session: Session): Promise<Writer> {
  if (session.closing) throw takenOver()
  const { writer: older } = session
  const writer = { stopped: false, flushing: older?.flushing ?? Promise.resolve() }
  session.writer = writer
  if (older !== undefined) older.stopped = true
  await writer.flushing.catch(() => undefined)
  return writer
}

/** Stops the writer, and lets no other begin. */
async function close(session: Session): Promise<void> {
  const writer = await takeOver(session)
  if (session.closing) throw takenOver()
  session.closing = true
  writer.stopped = true
}

interface Appending {
  readonly path: string
  readonly session: Session
  readonly writer: Writer
  readonly part: UploadPart
  readonly blobBytesMax: number
}

async function appendTo(job: Appending): Promise<number> {
  const { path, session, writer, part, blobBytesMax } = job
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r+')
    const { size } = await file.stat()
    if (part.start !== undefined && part.start !== size) throw outOfOrder(part.start, size)
    const max = Math.min(size + (part.sizeBytes ?? blobBytesMax), blobBytesMax)
    return await writeAll({ file, session, chunks: part.chunks, start: size, max, writer })
  } finally {
    await file?.close()
    if (session.writer === writer) delete session.writer
  }
}

interface Writing {
  readonly file: FileHandle
  readonly session: Session
  readonly chunks: Bytes
  readonly start: number
  /** The upload may not grow past this. */
  readonly max: number
  readonly writer: Writer
}

/** Writes in large pieces, hashing one while the system writes it. */
async function writeAll(writing: Writing): Promise<number> {
  const { session, chunks, max, writer } = writing
  let at = writing.start
  let held: Uint8Array[] = []
  let heldBytes = 0
  const flush = async () => {
    const [only] = held
    const piece = held.length === 1 && only !== undefined ? only : Buffer.concat(held)
    held = []
    heldBytes = 0
    writer.flushing = writeHashed(writing.file, session, piece, at)
    await writer.flushing
    at += piece.byteLength
  }
  try {
    for await (const chunk of chunks) {
      if (writer.stopped) throw takenOver()
      if (at + heldBytes + chunk.byteLength > max) throw tooMuch(max)
      held.push(chunk)
      heldBytes += chunk.byteLength
      if (heldBytes >= writeBytes) await flush()
    }
  } finally {
    // Also of a broken connection: the client may go on from there.
    if (heldBytes > 0 && !writer.stopped) await flush()
  }
  if (writer.stopped) throw takenOver()
  return at
}

async function writeHashed(
  file: FileHandle,
  session: Session,
  piece: Uint8Array,
  at: number,
): Promise<void> {
  const hashing = session.hashedBytes === at
  session.hashedBytes = -1 // Until the bytes are known to be in the file.
  const written = writeFully(file, piece, at)
  if (hashing) session.hasher.update(piece)
  await written
  if (hashing) session.hashedBytes = at + piece.byteLength
}

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const left = bytes.byteLength - done
    const { bytesWritten } = await file.write(bytes, done, left, position + done)
    done += bytesWritten
  }
}

async function digestOfUpload(
  path: string,
  session: Session | undefined,
  want: Digest,
): Promise<StoredBlob> {
  const { size } = await stat(path)
  if (session?.hashedBytes === size && session.algorithm === digestParts(want).algorithm)
    return { digest: session.hasher.digest(), sizeBytes: size }
  return await measure(Bun.file(path).stream(), want)
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

function outOfOrder(start: number, size: number): AppError {
  return new AppError('oci/range-invalid', `The part begins at ${start}, the upload is at ${size}`)
}

function takenOver(): AppError {
  return new AppError('oci/upload-invalid', 'A newer request took this upload over')
}

function tooMuch(max: number): AppError {
  return new AppError('kernel/too-large', `The upload grows past ${max} bytes`)
}

function digestInvalid(want: Digest, actual: Digest): AppError {
  return new AppError('oci/digest-invalid', `The upload has digest ${actual}, expected ${want}`)
}
