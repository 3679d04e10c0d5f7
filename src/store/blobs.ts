/**
 * Blobs: bytes by digest, behind one interface with several drivers.
 *
 * Invariant: a blob is visible only when its bytes hash to its name, and `write` returns only when
 * they are durable. A whole read is checked against the name; a range cannot be.
 * Here too: the driver that keeps blobs in memory. Not here: what a blob means.
 */
import { type Bytes, type Digest, digestOf, digestParts, limited } from '#kernel/index.ts'
import { blobUnknown, digestMismatch } from './errors.ts'

/** A blob as it lies in a store. */
export interface BlobInfo {
  readonly digest: Digest
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** Bytes from `start` up to, not including, `end`. */
export interface BlobRange {
  readonly start: number
  readonly end: number
}

/** What a writer promises about the bytes it sends. */
export interface BlobWant {
  /** Without it the blob gets the SHA-256 of its bytes as its name. */
  readonly digest?: Digest | undefined
  readonly maxBytes: number
}

export interface BlobStore {
  /** Absent is undefined, never a throw. */
  size(digest: Digest): Promise<number | undefined>
  /**
   * Checked against the digest when whole: the last chunk comes only when the bytes are right.
   * @throws AppError `store/blob-unknown`, `store/digest-mismatch`
   */
  read(digest: Digest, range?: BlobRange): Bytes
  /**
   * All or nothing, durable on return; repeating is a no-op.
   * @throws AppError `store/digest-mismatch`, `kernel/too-large`, `kernel/no-space`
   */
  write(chunks: Bytes, want: BlobWant): Promise<{ digest: Digest; sizeBytes: number }>
  /** Removing what is not there is a no-op. */
  remove(digest: Digest): Promise<void>
  list(): AsyncIterable<BlobInfo>
  /** Where the bytes lie as a file, for drivers that have files. */
  pathOf?(digest: Digest): string
}

/** Blobs in memory: for tests, and for graphs that are built before they are sent. */
export function memoryBlobs(): BlobStore {
  const blobs = new Map<Digest, { bytes: Uint8Array; modifiedMs: number }>()
  return {
    size: async (digest) => blobs.get(digest)?.bytes.byteLength,
    read: (digest, range) => readMemory(blobs.get(digest)?.bytes, digest, range),
    write: async (chunks, want) => {
      const parts: Uint8Array[] = []
      for await (const chunk of limited(chunks, want.maxBytes, `Blob ${want.digest ?? ''}`))
        parts.push(chunk.slice())
      const bytes = new Uint8Array(Buffer.concat(parts))
      const digest = digestOf(bytes, digestParts(want.digest ?? 'sha256:').algorithm)
      if (want.digest !== undefined && digest !== want.digest)
        throw digestMismatch(`Blob of ${bytes.byteLength} B`, want.digest, digest)
      if (!blobs.has(digest)) blobs.set(digest, { bytes, modifiedMs: Date.now() })
      return { digest, sizeBytes: bytes.byteLength }
    },
    remove: async (digest) => void blobs.delete(digest),
    list: async function* () {
      for (const [digest, { bytes, modifiedMs }] of blobs)
        yield { digest, sizeBytes: bytes.byteLength, modifiedMs }
    },
  }
}

async function* readMemory(
  bytes: Uint8Array | undefined,
  digest: Digest,
  range?: BlobRange,
): Bytes {
  if (bytes === undefined) throw blobUnknown(digest)
  yield range === undefined ? bytes.slice() : bytes.slice(range.start, range.end)
}
