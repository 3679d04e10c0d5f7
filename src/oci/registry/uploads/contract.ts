/**
 * Uploads in progress, until their bytes become a blob.
 *
 * Invariant: what arrived and was answered stays, also after a crash, so that a client may ask how
 * far it came and go on. An upload is found only by the repository that began it. At most one
 * writer per upload; a newer one takes over from an older one, because the older one's connection
 * is most likely dead. Drivers: `fileUploads`, `s3Uploads`; one contract suite.
 */
import type { Bytes, Digest, DigestAlgorithm } from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { StoredBlob } from '../contract.ts'

export interface UploadPart {
  readonly chunks: Bytes
  readonly start?: number
  readonly sizeBytes?: number
}

/** An upload whose bytes have the digest that was promised. */
export interface Arrived {
  readonly sizeBytes: number
  /** Puts the bytes where a generation keeps them: durable on return, and may be asked again. */
  storeIn(generation: number): Promise<void>
}

/** Blobs by generation: 0 unless a copy of the same digest was let go of a short while ago. */
export type Generations = (generation: number) => BlobStore

export interface Uploads {
  /** @throws AppError `kernel/no-space`, `oci/bucket-gone`, as all of them */
  start(repository: string, algorithm: DigestAlgorithm): Promise<string>
  size(repository: string, id: string): Promise<number>
  append(repository: string, id: string, part: UploadPart): Promise<number>
  /**
   * Checks the bytes, and has `settle` make the blob of them; then the upload is gone. When
   * `settle` fails the upload stays, and the client may ask again.
   */
  finish(
    repository: string,
    id: string,
    want: { readonly digest: Digest; readonly settle: (arrived: Arrived) => Promise<void> },
  ): Promise<StoredBlob>
  cancel(repository: string, id: string): Promise<void>
  removeStale(idleMs: number): Promise<number>
  /** How many are in progress, or were left. */
  count(): Promise<number>
}
