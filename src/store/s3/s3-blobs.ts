/**
 * Blobs as objects of a bucket: `blobs/ALGORITHM/HEX` below a folder of keys.
 *
 * Invariant: an object gets its key only when its bytes hash to it. With a digest that is known
 * beforehand the parts go to that key and are only joined when the hash is right; without one they
 * go to `tmp/` and are copied within the service.
 */
import { randomUUID } from 'node:crypto'
import { type Bytes, type Digest, digester, digestParts, isDigest, limited } from '#kernel/index.ts'
import type { BlobInfo, BlobRange, BlobStore, BlobWant } from '../blobs.ts'
import { blobUnknown, digestMismatch } from '../errors.ts'
import type { Bucket, Part } from './bucket.ts'

/** A part; also what is held in memory of a blob that is being written. */
const partBytes = 8 * 1024 * 1024
/** S3 takes 10,000 parts: with doubling every thousand that is 8 TiB. */
const partsPerSize = 1000

/** How large a part of that number is: large blobs have larger ones, because parts are counted. */
export function partBytesOf(number: number): number {
  return partBytes * 2 ** Math.floor((number - 1) / partsPerSize)
}

/** Blobs below `folder`, which is '' or ends in `/`. */
export function s3Blobs(bucket: Bucket, folder = ''): BlobStore {
  return {
    size: (digest) => bucket.size(blobKey(folder, digest)),
    read: (digest, range) => readObject(bucket, { key: blobKey(folder, digest), digest, range }),
    write: (chunks, want) => writeObject(bucket, { folder, chunks, want }),
    remove: (digest) => bucket.remove(blobKey(folder, digest)),
    list: () => listBlobs(bucket, folder),
  }
}

/** Where a blob lies, or would lie. */
export function blobKey(folder: string, digest: Digest): string {
  const { algorithm, hex } = digestParts(digest)
  return `${folder}blobs/${algorithm}/${hex}`
}

async function* readObject(
  bucket: Bucket,
  { key, digest, range }: { key: string; digest: Digest; range: BlobRange | undefined },
): Bytes {
  if (range !== undefined && range.end <= range.start) return
  const body = await bucket.get(key, range)
  if (body === undefined) throw blobUnknown(digest)
  if (range !== undefined) return yield* body
  const hasher = digester(digestParts(digest).algorithm)
  let held: Uint8Array | undefined
  for await (const chunk of body) {
    if (held !== undefined) yield held
    held = chunk
    hasher.update(chunk)
  }
  const actual = hasher.digest()
  if (actual !== digest) throw digestMismatch(`Blob ${digest}`, digest, actual)
  if (held !== undefined) yield held // Held back until the whole was known to be right.
}

interface Writing {
  readonly folder: string
  readonly chunks: Bytes
  readonly want: BlobWant
}

async function writeObject(bucket: Bucket, { folder, chunks, want }: Writing) {
  if (want.digest !== undefined) {
    const sizeBytes = await bucket.size(blobKey(folder, want.digest))
    if (sizeBytes !== undefined) return { digest: want.digest, sizeBytes }
  }
  const hasher = digester(digestParts(want.digest ?? 'sha256:').algorithm)
  const named = want.digest === undefined ? undefined : blobKey(folder, want.digest)
  const key = named ?? `${folder}tmp/${randomUUID()}`
  const parts: Part[] = []
  let upload: string | undefined
  let sizeBytes = 0
  try {
    let last: Uint8Array = new Uint8Array()
    const bounded = limited(chunks, want.maxBytes, `Blob ${want.digest ?? ''}`.trim())
    for await (const { bytes, isLast } of pieces(bounded, () => partBytesOf(parts.length + 1))) {
      hasher.update(bytes)
      sizeBytes += bytes.byteLength
      last = bytes
      if (isLast && upload === undefined) break
      upload ??= await bucket.beginMultipart(key)
      const number = parts.length + 1
      parts.push({ number, etag: await bucket.putPart(key, upload, { number, bytes }) })
    }
    const digest = hasher.digest()
    if (want.digest !== undefined && digest !== want.digest)
      throw digestMismatch(`A blob of ${sizeBytes} B`, want.digest, digest)
    if (upload === undefined) {
      await bucket.put(blobKey(folder, digest), last)
      return { digest, sizeBytes }
    }
    await bucket.completeMultipart(key, upload, parts)
    upload = undefined
    if (named === undefined) {
      await bucket.copy(key, blobKey(folder, digest), sizeBytes)
      await bucket.remove(key)
    }
    return { digest, sizeBytes }
  } catch (error) {
    // Best effort: what stays is found by its age.
    if (upload !== undefined) await bucket.abortMultipart(key, upload).catch(() => undefined)
    throw error
  }
}

/** The stream cut into pieces of the wanted size; at least one, and the last one says so. */
async function* pieces(
  chunks: Bytes,
  size: () => number,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly isLast: boolean }> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    held.push(chunk)
    heldBytes += chunk.byteLength
    for (let want = size(); heldBytes > want; want = size()) {
      const joined = Buffer.concat(held)
      yield { bytes: joined.subarray(0, want), isLast: false }
      held = [joined.subarray(want)]
      heldBytes -= want
    }
  }
  yield { bytes: Buffer.concat(held), isLast: true }
}

async function* listBlobs(bucket: Bucket, folder: string): AsyncIterable<BlobInfo> {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const below = `${folder}blobs/${algorithm}/`
    for await (const { key, sizeBytes, modifiedMs } of bucket.list(below)) {
      const digest = `${algorithm}:${key.slice(below.length)}`
      if (isDigest(digest)) yield { digest, sizeBytes, modifiedMs }
    }
  }
}
