/** Checking every byte of a store. */
import type { Digest } from '#kernel/index.ts'
import type { Store } from './store.ts'

export interface VerifyReport {
  readonly blobs: number
  readonly files: number
  readonly corruptBlobs: readonly Digest[]
  readonly corruptFiles: readonly string[]
  /** What `repair` moved to the folder `corrupt`. */
  readonly moved: readonly string[]
}

/** Hashes every blob and file; with `repair` moves wrong ones away so that they can be fetched. */
export function verifyStore(
  store: Store,
  options: { readonly repair: boolean },
): Promise<VerifyReport> {
  throw new Error(`${store.home} ${options.repair}`)
}
