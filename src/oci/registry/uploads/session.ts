/**
 * One upload's bytes: who may add them, and their running hash.
 *
 * Invariant: a file has one writer at any moment, and none once it is being finished; the running
 * hash is of exactly the bytes that are known to be in the file, or it is not used.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import {
  type Bytes,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  digester,
  digestParts,
  measure,
} from '#kernel/index.ts'
import type { StoredBlob } from '../contract.ts'
import type { UploadPart } from './contract.ts'
import { alreadyWhole, outOfOrder, takenOver, tooMuch } from './errors.ts'

const writeBytes = 1024 * 1024
/** What one upload holds in memory while the disk is slower than the network. */
const heldBytesMax = 8 * 1024 * 1024
/** The system takes 1,024 pieces at once. */
const piecesMax = 512
/** So much is written before the disk is told to begin. */
const syncBytes = 32 * 1024 * 1024

/** What we know of an upload beyond its file; all of it can be made anew after a restart. */
export interface Session {
  readonly algorithm: DigestAlgorithm
  readonly hasher: Digester
  hashedBytes: number
  writer?: Writer
  /** Its bytes are becoming a blob, or go away: nobody may add to them any more. */
  closing: boolean
  /** The finish that runs: a client that lost patience and asks again gets its answer too. */
  finishing?: { readonly digest: Digest; readonly done: Promise<StoredBlob> }
}

/** A request that adds bytes. Once stopped it writes no more; `flushing` is its last write. */
export interface Writer {
  stopped: boolean
  flushing: Promise<void>
}

export function fresh(algorithm: DigestAlgorithm): Session {
  return { algorithm, hasher: digester(algorithm), hashedBytes: 0, closing: false }
}

/** After a restart there is no running hash: the finish will read the file once. */
export function unhashed(): Session {
  return { ...fresh('sha256'), hashedBytes: -1 }
}

/**
 * Makes the caller the only writer, from this very moment; waits until an older one's last write
 * is over.
 */
export async function takeOver(session: Session): Promise<Writer> {
  if (session.closing) throw takenOver()
  const { writer: older } = session
  const writer = { stopped: false, flushing: older?.flushing ?? Promise.resolve() }
  session.writer = writer
  if (older !== undefined) older.stopped = true
  await writer.flushing.catch(() => undefined)
  return writer
}

/** Stops the writer, and from this very moment lets no other begin. */
export async function close(session: Session): Promise<void> {
  if (session.closing) throw takenOver()
  session.closing = true
  const { writer } = session
  if (writer === undefined) return
  writer.stopped = true
  delete session.writer
  await writer.flushing.catch(() => undefined)
}

interface Appending {
  readonly path: string
  readonly session: Session
  readonly writer: Writer
  readonly part: UploadPart
  readonly blobBytesMax: number
}

export async function appendTo(job: Appending): Promise<number> {
  const { path, session, writer, part, blobBytesMax } = job
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r+')
    const { size, nlink } = await file.stat()
    // A blob has this file too: a server ended, or the metadata failed, before the upload was over.
    if (nlink > 1) throw alreadyWhole()
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

/**
 * Hashes what arrives while the system writes what arrived before: one write at a time and in
 * order, so that a crash leaves no hole. Large uploads are brought to the disk on the way, so that
 * the sync at their end has little left to do.
 */
async function writeAll(writing: Writing): Promise<number> {
  const { session, chunks, start, max, writer } = writing
  const hashing = session.hashedBytes === start
  session.hashedBytes = -1 // Until the bytes are known to be in the file.
  const queue = writeQueue(writing)
  let at = start
  try {
    for await (const chunk of chunks) {
      if (writer.stopped) throw takenOver()
      if (at + chunk.byteLength > max) throw tooMuch(max)
      if (hashing) session.hasher.update(chunk)
      at += chunk.byteLength
      await queue.push(chunk)
    }
  } finally {
    // Also of a broken connection: the client may go on from there.
    const written = await queue.end()
    if (hashing && written === at) session.hashedBytes = at
  }
  if (writer.stopped) throw takenOver()
  return at
}

/** Bytes on their way into the file. */
interface WriteQueue {
  /** Waits while too much is held. */
  push(chunk: Uint8Array): Promise<void>
  /** Writes what is left, unless the writer was stopped; how far the file goes then. */
  end(): Promise<number>
}

function writeQueue({ file, start, writer }: Writing): WriteQueue {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let running: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined
  let at = start
  let syncedBytes = start
  let syncing: Promise<void> | undefined
  const write = async (): Promise<void> => {
    const pieces = held
    const sizeBytes = heldBytes
    held = []
    heldBytes = 0
    try {
      await writeFully(file, pieces, at)
      at += sizeBytes
    } catch (error) {
      failure = { error }
    }
    running = undefined
    if (syncing === undefined && at - syncedBytes >= syncBytes) {
      syncedBytes = at
      // Whether it worked is told by the sync at the end.
      syncing = file.datasync().then(forgetSync, forgetSync)
    }
    if (heldBytes >= writeBytes && failure === undefined && !writer.stopped) begin()
  }
  const forgetSync = () => {
    syncing = undefined
  }
  const begin = () => {
    running = write()
    writer.flushing = running
  }
  const current = () => running
  const settled = async () => {
    for (let now = current(); now !== undefined; now = current()) await now
  }
  const orThrow = () => {
    if (failure !== undefined) throw failure.error
  }
  return {
    push: async (chunk) => {
      held.push(chunk)
      heldBytes += chunk.byteLength
      if (heldBytes >= writeBytes && running === undefined) begin()
      const isFull = () => heldBytes >= heldBytesMax
      for (let now = current(); now !== undefined && isFull(); now = current()) await now
      orThrow()
    },
    end: async () => {
      await settled()
      if (heldBytes > 0 && !writer.stopped && failure === undefined) begin()
      await settled()
      await syncing
      orThrow()
      return at
    },
  }
}

async function writeFully(
  file: FileHandle,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  const few = pieces.length > piecesMax ? [Buffer.concat(pieces)] : pieces
  const total = few.reduce((sum, { byteLength }) => sum + byteLength, 0)
  let { bytesWritten: done } = await file.writev([...few], position)
  if (done === total) return
  const bytes = Buffer.concat(few)
  while (done < total) {
    const { bytesWritten } = await file.write(bytes, done, total - done, position + done)
    done += bytesWritten
  }
}

export async function digestOfUpload(
  path: string,
  session: Session | undefined,
  want: Digest,
): Promise<StoredBlob> {
  const { size } = await stat(path)
  if (session?.hashedBytes === size && session.algorithm === digestParts(want).algorithm) {
    session.hashedBytes = -1 // A digest ends its hasher.
    return { digest: session.hasher.digest(), sizeBytes: size }
  }
  return await measure(Bun.file(path).stream(), want)
}
