/**
 * A driver that fails on purpose, by a seed: for simulations.
 *
 * Invariant: the faults depend on the seed and the order of calls alone. A fault is what a real
 * disk or a killed process does; it never breaks the contract by itself (a short whole read is
 * noticed, as it would be behind a checking reader).
 */
import { AppError, type Bytes, type Digest, digester, digestParts } from '#kernel/index.ts'
import type { BlobStore } from './blobs.ts'
import { digestMismatch } from './errors.ts'

export type BlobFault = 'crash' | 'short-read' | 'full-disk' | 'slow'

/** The process is gone, as far as the caller of this call can tell. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash'
}

/** Wraps a driver so that each call may fail with the given probability (0 to 1). */
export function faultyBlobs(
  inner: BlobStore,
  seed: number,
  faults: { readonly [F in BlobFault]?: number },
): BlobStore {
  const random = mulberry32(seed)
  const strikes = (fault: BlobFault): boolean => random() < (faults[fault] ?? 0)
  const slow = async (): Promise<void> => {
    if (strikes('slow')) for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  }
  const faulty: BlobStore = {
    size: async (digest) => {
      await slow()
      return inner.size(digest)
    },
    read: (digest, range) => {
      if (!strikes('short-read')) return inner.read(digest, range)
      const cut = shortened(inner.read(digest, range), random)
      return range === undefined ? checked(cut, digest) : cut
    },
    write: async (chunks, want) => {
      await slow()
      const isFull = strikes('full-disk')
      const isCrash = strikes('crash')
      const error = isFull
        ? new AppError('kernel/no-space', 'No space left (simulated)', { retryable: true })
        : new SimulatedCrash('write')
      if (isFull || (isCrash && random() < 0.5))
        return inner.write(broken(chunks, error, random), want)
      const written = await inner.write(chunks, want)
      if (isCrash) throw error // Durable, but nobody heard of it.
      return written
    },
    remove: async (digest) => {
      if (strikes('crash')) throw new SimulatedCrash('remove')
      return inner.remove(digest)
    },
    list: () => inner.list(),
  }
  return inner.pathOf === undefined
    ? faulty
    : { ...faulty, pathOf: (digest) => inner.pathOf?.(digest) ?? '' }
}

async function* broken(chunks: Bytes, error: Error, random: () => number): Bytes {
  for await (const chunk of chunks) {
    yield chunk.subarray(0, Math.floor(chunk.byteLength * random()))
    if (random() < 0.7) break
  }
  throw error
}

async function* shortened(chunks: Bytes, random: () => number): Bytes {
  for await (const chunk of chunks) {
    if (random() < 0.5) {
      yield chunk.subarray(0, Math.floor(chunk.byteLength * random()))
      return
    }
    yield chunk
  }
}

async function* checked(chunks: Bytes, digest: Digest): Bytes {
  const hasher = digester(digestParts(digest).algorithm)
  let held: Uint8Array | undefined
  for await (const chunk of chunks) {
    hasher.update(chunk)
    if (held !== undefined) yield held
    held = chunk
  }
  const actual = hasher.digest()
  if (actual !== digest) throw digestMismatch(`Blob ${digest}`, digest, actual)
  if (held !== undefined) yield held
}

/** A small generator of numbers in [0, 1), from a seed. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
