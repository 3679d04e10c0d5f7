/**
 * One upload's bytes: who may add them, and their running hash.
 *
 * Invariant: a file has one writer at any moment, and none once it is being finished; the running
 * hash is of exactly the bytes that are known to be in the file, or it is not used. What turns out
 * to be large goes on past the page cache and is hashed in a thread, where there is a lane for it.
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
  type ThreadDigester,
  threadDigester,
} from '#kernel/index.ts'
import type { StoredBlob } from '../contract.ts'
import type { UploadPart } from './contract.ts'
import { alreadyWhole, outOfOrder, takenOver, tooMuch } from './errors.ts'
import type { Sink, Writer } from './file-writes.ts'
import { giveBack, takeLane, writeLane } from './write-lane.ts'
import { writeQueue } from './write-queue.ts'

/** An upload that has so much is large; until it has more than the second, it may get a lane. */
const [largeBytes, largeBytesMax] = [4 * 1024 * 1024, 32 * 1024 * 1024]

/** What we know of an upload beyond its file; all of it can be made anew after a restart. */
export interface Session {
  readonly algorithm: DigestAlgorithm
  readonly hasher: Digester
  /** What hashes instead, since the upload is large. */
  thread?: ThreadDigester
  /** How many bytes went through the running hash; -1 when it is of no use. */
  hashedBytes: number
  writer?: Writer
  /** Its bytes are becoming a blob, or go away: nobody may add to them any more. */
  closing: boolean
  /** The finish that runs: a client that lost patience and asks again gets its answer too. */
  finishing?: { readonly digest: Digest; readonly done: Promise<StoredBlob> }
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
    return await writeAll({ path, file, session, chunks: part.chunks, start: size, max, writer })
  } finally {
    await file?.close()
    if (session.writer === writer) delete session.writer
  }
}

interface Writing {
  readonly path: string
  readonly file: FileHandle
  readonly session: Session
  readonly chunks: Bytes
  readonly start: number
  /** The upload may not grow past this. */
  readonly max: number
  readonly writer: Writer
}

/** Hashes what arrives while the system writes what arrived before. */
async function writeAll(writing: Writing): Promise<number> {
  const { session, chunks, start, max, writer } = writing
  const hashing = session.hashedBytes === start
  session.hashedBytes = -1 // Until the bytes are known to be in the file.
  let lane = hashing ? await sameThread(writing) : undefined
  let sink = lane ?? queued(writing, hashing)
  let at = start
  try {
    for await (const chunk of chunks) {
      if (writer.stopped) throw takenOver()
      if (at + chunk.byteLength > max) throw tooMuch(max)
      at += chunk.byteLength
      await sink.push(chunk)
      lane ??= await widened(writing, sink, at)
      sink = lane ?? sink
    }
  } finally {
    // Also of a broken connection: the client may go on from there.
    const { writtenBytes, hashed } = await sink.end()
    if (hashed && writtenBytes === at) session.hashedBytes = at
    else forgetThread(session)
  }
  if (writer.stopped) throw takenOver()
  return at
}

function queued({ file, start, writer, session }: Writing, hashing: boolean): Sink {
  const hasher = hashing && session.thread === undefined ? session.hasher : undefined
  return writeQueue({ file, start, writer, hasher })
}

/** A lane for an upload that had one in the request before. */
async function sameThread({ session, ...rest }: Writing): Promise<Sink | undefined> {
  const lane = session.thread === undefined ? undefined : takeLane()
  return lane && (await writeLane(lane, { ...rest, hasher: session.thread }))
}

/** A lane for what follows the first `at` bytes of what turned out to be large, if one is free. */
async function widened(
  { session, path, file, writer }: Writing,
  queue: Sink,
  at: number,
): Promise<Sink | undefined> {
  const lane = at < largeBytes || at > largeBytesMax ? undefined : takeLane()
  if (lane === undefined) return undefined
  try {
    const { writtenBytes, hashed } = await queue.end()
    if (writtenBytes < at) throw takenOver()
    const hasher = hashed ? threadFrom(session, path, at) : undefined
    return await writeLane(lane, { path, file, start: at, writer, hasher })
  } catch (error) {
    giveBack(lane)
    throw error
  }
}

/** Goes on hashing in a thread, which reads what is in the file already. */
function threadFrom(session: Session, path: string, sizeBytes: number): ThreadDigester {
  const thread = threadDigester(session.algorithm)
  session.thread = thread
  // When that fails, so does all that follows.
  thread.updateFrom(path, sizeBytes).catch(() => undefined)
  return thread
}

/** Lets go of a hash that nobody will ask for. */
export function forgetThread(session: Session | undefined): void {
  session?.thread?.[Symbol.dispose]()
  delete session?.thread
}

/** The digest of all bytes: the running one, or that of the file. */
export async function digestOfUpload(
  path: string,
  session: Session | undefined,
  want: Digest,
): Promise<StoredBlob> {
  const { size } = await stat(path)
  if (session?.hashedBytes === size && session.algorithm === digestParts(want).algorithm) {
    session.hashedBytes = -1 // A digest ends its hasher.
    const { thread, hasher } = session
    if (thread === undefined) return { digest: hasher.digest(), sizeBytes: size }
    const digest = await thread.digest().catch(() => undefined)
    if (digest !== undefined) return { digest, sizeBytes: size }
  }
  return await measure(Bun.file(path).stream(), want)
}
