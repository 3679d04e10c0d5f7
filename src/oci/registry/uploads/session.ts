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
import { outOfOrder, takenOver, tooMuch } from './errors.ts'

const writeBytes = 1024 * 1024

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
