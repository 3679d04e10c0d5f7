/**
 * Uploads as multipart uploads of a bucket, which any server may go on with: their state is in the
 * database.
 *
 * Invariant: that of `contract.ts`. Bytes are counted when they are in the bucket: as a part, or,
 * for what is too short to be one, as the tail, an object that the next part begins with. Who
 * writes has put its mark on the row; every change of the row asks for the mark, so that an older
 * writer, on whatever server, learns that it is none any more. The running hash is this server's:
 * another one reads the joined object once.
 * Not here: the row and its changes (`s3-upload-rows.ts`).
 */
import { randomUUID } from 'node:crypto'
import {
  type Clock,
  type Digest,
  type Digester,
  digester,
  digestParts,
  measure,
  readAll,
} from '#kernel/index.ts'
import { blobKey, type Bucket, partBytesOf } from '#store/index.ts'
import type { StoredBlob } from '../contract.ts'
import type { Database } from '../database/contract.ts'
import { generationFolder } from '../generations.ts'
import type { Arrived, UploadPart, Uploads } from './contract.ts'
import { digestInvalid, outOfOrder, takenOver, tooMuch, uploadUnknown } from './errors.ts'
import { type TakenRow, type UploadRow, type UploadRows, uploadRows } from './s3-upload-rows.ts'

const partBytesMin = 5 * 1024 * 1024

export interface S3UploadsOptions {
  readonly bucket: Bucket
  readonly database: Database
  readonly clock: Clock
  readonly blobBytesMax: number
}

/** What this server knows of an upload that it wrote last; all of it can be had anew. */
interface Memory {
  readonly mark: string
  readonly hasher: Digester
  readonly algorithm: string
  readonly sizeBytes: number
  readonly tail: Uint8Array
}

interface Context extends S3UploadsOptions {
  readonly rows: UploadRows
  readonly memories: Map<string, Memory>
  /** The newest request of this server for an upload; an older one is too late to begin. */
  readonly newest: Map<string, symbol>
  readonly finishing: Map<string, { readonly digest: Digest; readonly done: Promise<StoredBlob> }>
}

export async function s3Uploads(options: S3UploadsOptions): Promise<Uploads> {
  const rows = await uploadRows(options.database, options.clock)
  const context: Context = {
    ...options,
    rows,
    memories: new Map(),
    newest: new Map(),
    finishing: new Map(),
  }
  const { finishing } = context
  return {
    start: async (repository, algorithm) => {
      const id = randomUUID()
      const mark = await rows.add({ id, repository })
      remember(context, id, {
        mark,
        hasher: digester(algorithm),
        algorithm,
        sizeBytes: 0,
        tail: new Uint8Array(),
      })
      return id
    },
    size: async (repository, id) => (await rows.get(repository, id)).sizeBytes,
    append: (repository, id, part) => append(context, { repository, id, part }),
    finish: async (repository, id, want) => {
      const running = finishing.get(`${repository} ${id}`)
      if (running?.digest === want.digest) return await running.done
      const done = finish(context, { repository, id, ...want })
      finishing.set(`${repository} ${id}`, { digest: want.digest, done })
      try {
        return await done
      } finally {
        finishing.delete(`${repository} ${id}`)
      }
    },
    cancel: (repository, id) =>
      asNewest(context, { repository, id }, async ({ row }) => await forget(context, row)),
    removeStale: (idleMs) => removeStale(context, idleMs),
    count: async () => (await rows.ids()).size,
  }
}

/** Few uploads run at once; of those that were left, only the last are remembered. */
const memoriesMax = 1000

function remember({ memories }: Context, id: string, memory: Memory): void {
  memories.delete(id)
  memories.set(id, memory)
  const [oldest] = memories.keys()
  if (memories.size > memoriesMax && oldest !== undefined) memories.delete(oldest)
}

interface Appending {
  readonly repository: string
  readonly id: string
  readonly part: UploadPart
}

/** Makes the request the writer, of all servers, and does its work. */
async function asNewest<T>(
  context: Context,
  { repository, id }: { readonly repository: string; readonly id: string },
  work: (taken: TakenRow & { readonly memory: Memory | undefined }) => Promise<T>,
): Promise<T> {
  const { rows, memories, newest } = context
  const me = Symbol(id)
  newest.set(id, me)
  try {
    const taken = await rows.take(repository, id, () => newest.get(id) !== me)
    const memory = memories.get(id)
    memories.delete(id) // Whoever writes now, its hash is not what this upload's will be.
    const isKnown = memory?.mark === taken.markBefore && memory.sizeBytes === taken.row.sizeBytes
    return await work({ ...taken, memory: isKnown ? memory : undefined })
  } finally {
    if (newest.get(id) === me) newest.delete(id)
  }
}

async function append(context: Context, job: Appending): Promise<number> {
  if (context.finishing.has(`${job.repository} ${job.id}`)) throw takenOver()
  return await asNewest(context, job, (taken) => appendTo(context, { ...job, ...taken }))
}

async function appendTo(
  context: Context,
  { id, part, row: taken, memory }: Appending & TakenRow & { readonly memory: Memory | undefined },
): Promise<number> {
  const { bucket, blobBytesMax } = context
  let row = taken
  if (part.start !== undefined && part.start !== row.sizeBytes) {
    if (memory !== undefined) remember(context, id, { ...memory, mark: row.mark })
    throw outOfOrder(part.start, row.sizeBytes)
  }
  const hasher = memory?.hasher
  let held: Uint8Array[] = row.tail === undefined ? [] : [await tailOf(bucket, row, memory?.tail)]
  let heldBytes = row.tailBytes
  let at = row.sizeBytes
  const max = Math.min(at + (part.sizeBytes ?? blobBytesMax), blobBytesMax)
  try {
    for await (const chunk of part.chunks) {
      if (at + chunk.byteLength > max) throw tooMuch(max)
      held.push(chunk)
      heldBytes += chunk.byteLength
      at += chunk.byteLength
      hasher?.update(chunk)
      for (let want = partBytesOf(row.parts.length + 1); heldBytes >= want + partBytesMin; ) {
        const joined = Buffer.concat(held)
        // All of the tail at once: it was answered, and counts at every moment.
        const partBytes = Math.max(want, row.tailBytes)
        row = await addPart(context, row, joined.subarray(0, partBytes))
        held = [joined.subarray(partBytes)]
        heldBytes -= partBytes
        want = partBytesOf(row.parts.length + 1)
      }
    }
  } finally {
    // Also of a broken connection: the client may go on from there.
    const tail = Buffer.concat(held)
    row = await setTail(context, row, tail)
    if (hasher !== undefined && memory !== undefined && row.sizeBytes === at)
      remember(context, id, { ...memory, mark: row.mark, sizeBytes: at, tail })
  }
  return row.sizeBytes
}

async function tailOf(
  bucket: Bucket,
  row: UploadRow,
  known: Uint8Array | undefined,
): Promise<Uint8Array> {
  if (known !== undefined || row.tail === undefined) return known ?? new Uint8Array()
  const body = await bucket.get(row.tail)
  if (body === undefined) throw uploadUnknown(row.id)
  return await readAll(body, row.tailBytes, 'The tail of an upload')
}

async function addPart(context: Context, row: UploadRow, bytes: Uint8Array): Promise<UploadRow> {
  const { bucket, rows } = context
  const begun =
    row.multipart === undefined
      ? await rows.setMultipart(row, await bucket.beginMultipart(wholeKey(row.id)))
      : row
  const number = begun.parts.length + 1
  const etag = await bucket.putPart(wholeKey(row.id), begun.multipart ?? '', { number, bytes })
  return await rows.addPart(begun, { number, etag, sizeBytes: bytes.byteLength })
}

/** Keeps what is too short for a part; an older tail is in it, or in a part, and goes. */
async function setTail(context: Context, row: UploadRow, tail: Uint8Array): Promise<UploadRow> {
  const { bucket, rows } = context
  if (row.tail === undefined && tail.byteLength === 0) return row
  if (tail.byteLength === row.tailBytes) return row
  const key = tail.byteLength === 0 ? undefined : `uploads/${row.id}/tail-${randomUUID()}`
  if (key !== undefined) await bucket.put(key, tail)
  const changed = await rows.setTail(row, key, tail.byteLength)
  if (row.tail !== undefined) await bucket.remove(row.tail)
  return changed
}

interface Finish {
  readonly repository: string
  readonly id: string
  readonly digest: Digest
  readonly settle: (arrived: Arrived) => Promise<void>
}

async function finish(context: Context, job: Finish): Promise<StoredBlob> {
  return await asNewest(context, job, (taken) => finishTaken(context, { ...job, ...taken }))
}

async function finishTaken(
  context: Context,
  job: Finish & TakenRow & { readonly memory: Memory | undefined },
): Promise<StoredBlob> {
  const { bucket } = context
  const { id, digest, settle, memory } = job
  let { row } = job
  const tail = await tailOf(bucket, row, memory?.tail)
  if (row.multipart !== undefined)
    row = await join(context, row, tail).catch((error: unknown) =>
      failJoin(context, job.row, error),
    )
  const actual =
    memory?.algorithm === digestParts(digest).algorithm
      ? memory.hasher.digest()
      : await digestOfWhole(bucket, row, tail, digest)
  if (actual !== digest) {
    await forget(context, row)
    throw digestInvalid(digest, actual)
  }
  const { sizeBytes } = row
  const storeIn = async (generation: number): Promise<void> => {
    const key = blobKey(generationFolder(generation), digest)
    if (row.multipart === undefined) await bucket.put(key, tail)
    else await bucket.copy(wholeKey(id), key, sizeBytes)
  }
  await settle({ sizeBytes, storeIn })
  await forget(context, row)
  return { digest, sizeBytes }
}

/**
 * Throws why parts could not be joined. An upload that the bucket does not know any more is gone: a
 * server may have ended just when all but the row was removed, or a rule of the bucket aborted it.
 */
async function failJoin(context: Context, row: UploadRow, error: unknown): Promise<never> {
  const { bucket } = context
  const key = wholeKey(row.id)
  const isKnown =
    (await bucket.hasMultipart(key, row.multipart ?? '')) || (await bucket.size(key)) !== undefined
  if (isKnown) throw error
  await forget(context, row)
  throw uploadUnknown(row.id)
}

/** Makes the parts one object. Once that was begun nothing can be added any more. */
async function join(context: Context, before: UploadRow, tail: Uint8Array): Promise<UploadRow> {
  const { bucket, rows } = context
  let row = before
  if (!row.isJoining) {
    if (tail.byteLength > 0)
      row = await rows.setTail(await addPart(context, row, tail), undefined, 0)
    row = await rows.setJoining(row)
  }
  const key = wholeKey(row.id)
  if ((await bucket.size(key)) === row.sizeBytes) return row // Another finish was faster.
  await bucket.completeMultipart(key, row.multipart ?? '', row.parts)
  return row
}

async function digestOfWhole(
  bucket: Bucket,
  row: UploadRow,
  tail: Uint8Array,
  like: Digest,
): Promise<Digest> {
  if (row.multipart === undefined) {
    const hasher = digester(digestParts(like).algorithm)
    hasher.update(tail)
    return hasher.digest()
  }
  const body = await bucket.get(wholeKey(row.id))
  if (body === undefined) throw uploadUnknown(row.id)
  return (await measure(body, like)).digest
}

/** The row goes last: what a crash leaves is found by it. */
async function forget({ bucket, rows }: Context, row: UploadRow): Promise<void> {
  if (row.multipart !== undefined && !row.isJoining)
    await bucket.abortMultipart(wholeKey(row.id), row.multipart)
  for await (const { key } of bucket.list(`uploads/${row.id}/`)) await bucket.remove(key)
  await rows.remove(row.id)
}

/** Uploads that nobody goes on with, and what a crash left without a row. */
async function removeStale(context: Context, idleMs: number): Promise<number> {
  const { rows, bucket, clock } = context
  const oldestMs = clock.nowMs() - idleMs
  let removed = 0
  for (const row of await rows.idleSince(oldestMs)) {
    // Who writes at this moment has touched it, and is not stopped for it.
    if (!(await rows.touchIfIdle(row, oldestMs))) continue
    await forget(context, row)
    removed += 1
  }
  const known = await rows.ids()
  const isLeft = (key: string, atMs: number): boolean => {
    const id = /^uploads\/([^/]+)\//.exec(key)?.[1]
    return atMs < oldestMs && (id === undefined || !known.has(id))
  }
  for await (const { key, id, startedMs } of bucket.listMultiparts(''))
    if (isLeft(key, startedMs)) await bucket.abortMultipart(key, id)
  for (const folder of ['uploads/', 'tmp/'])
    for await (const { key, modifiedMs } of bucket.list(folder))
      if (isLeft(key, modifiedMs)) await bucket.remove(key)
  return removed
}

function wholeKey(id: string): string {
  return `uploads/${id}/whole`
}
