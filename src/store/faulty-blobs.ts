/** A driver that fails on purpose, by a seed: for simulations. */
import type { BlobStore } from './blobs.ts'

export type BlobFault = 'crash' | 'short-read' | 'full-disk' | 'slow'

/** Wraps a driver so that each call may fail, decided by `seed` alone. */
export function faultyBlobs(
  inner: BlobStore,
  seed: number,
  faults: { readonly [F in BlobFault]?: number },
): BlobStore {
  throw new Error(`${typeof inner} ${seed} ${typeof faults}`)
}
