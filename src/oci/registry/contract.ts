/**
 * What a registry does, apart from HTTP: `openRegistry`, over what `storage.ts` opens.
 *
 * Invariant: when a promise that changes something is fulfilled, the change survives a crash.
 * A blob is readable only through a repository that it was pushed or mounted to.
 */
import type { Bytes, Digest, DigestAlgorithm } from '#kernel/index.ts'
import type { Descriptor } from '../schema.ts'
import type { Database } from './database/contract.ts'
import type { Budget } from './metadata/budget.ts'
import type { RegistryUpkeep } from './upkeep/contract.ts'

export interface StoredBlob {
  readonly digest: Digest
  readonly sizeBytes: number
  /** Which copy of it is read; 0 when absent (docs/formats/registry.md, «Generations»). */
  readonly generation?: number
}

export interface StoredManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface ManifestPut {
  /** A tag, or the digest that the bytes must have. */
  readonly reference: string
  readonly mediaType: string | undefined
  readonly bytes: Uint8Array
  /** Further tags for a manifest that is put by digest. */
  readonly tags?: readonly string[]
  /** Only if the tag names this manifest now, or nothing; all others are left alone. */
  readonly replaces?: Digest | 'absent'
  /** Its blobs may come later, as those of a cache do. */
  readonly sparse?: boolean
  readonly budget?: Budget | undefined
}

/** Whether a tag keeps itself, what it names and all that this needs from being removed. */
export type Keeps = (tag: string, names: Digest) => boolean

export interface RemoveConditions {
  readonly keeps?: Keeps | undefined
  /** Only if this is what is removed, or what the tag names at that moment. */
  readonly only?: Digest | undefined
}

/** A file whose bytes the caller hashed. */
export interface HashedFile extends StoredBlob {
  readonly path: string
}

export interface ManifestReceipt {
  readonly digest: Digest
  readonly subject?: Digest
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Where the next page begins; absent on the last one. */
  readonly next?: string
}

export interface PageRequest {
  readonly limit?: number
  /** Only what comes strictly after this. */
  readonly after?: string
}

export interface MountRequest {
  readonly digest: Digest
  readonly from?: string
  /** Whether the caller may read a repository; others are as if they did not exist. */
  readonly mayRead: (repository: string) => boolean
  readonly budget?: Budget | undefined
}

/** What a namespace has: a repository and all below it. */
export interface NamespaceUsage {
  /** Of its distinct blobs and manifests. */
  readonly bytes: number
  readonly tags: number
}

export interface Registry {
  readonly dir: string
  /** For the tables of what stands around a registry: accounts, quotas, traffic. */
  readonly database: Database
  /** Collection, retention, checks: while clients push. */
  readonly upkeep: RegistryUpkeep
  /** True for one caller in each `everyMs`, of all servers on the same database. */
  isMyTurn(turn: { readonly name: string; readonly everyMs: number }): Promise<boolean>

  blob(repository: string, digest: Digest): Promise<StoredBlob | undefined>
  /** The file of a blob that `blob` found, where blobs are files; else read it. */
  blobPath(blob: StoredBlob): string | undefined
  readBlob(blob: StoredBlob, range?: { readonly start: number; readonly end: number }): Bytes
  /** Where a client may get the blob itself, when the registry is set to send it there. */
  blobUrl(blob: StoredBlob): Promise<string | undefined>
  /** @throws AppError `oci/tag-immutable` when a tag that `keeps` needs it */
  removeBlob(repository: string, digest: Digest, keeps?: Keeps): Promise<boolean>
  /** Makes a file a blob of the repository, durable on return, and the file is gone. */
  adoptBlob(repository: string, file: HashedFile): Promise<void>
  mount(repository: string, request: MountRequest): Promise<StoredBlob | undefined>

  startUpload(repository: string, algorithm?: DigestAlgorithm): Promise<string>
  /** Bytes received so far. @throws AppError `oci/upload-unknown` */
  uploadSize(repository: string, id: string): Promise<number>
  /**
   * Adds bytes; what arrived before a break stays, and the size is the answer.
   * @throws AppError `oci/upload-unknown`, `oci/range-invalid` when `start` is not the size so far
   */
  appendUpload(
    repository: string,
    id: string,
    part: { readonly chunks: Bytes; readonly start?: number; readonly sizeBytes?: number },
  ): Promise<number>
  /**
   * @throws AppError `oci/upload-unknown`, `oci/digest-invalid` (and the upload is gone),
   *   `oci/over-quota` (and it is still there)
   */
  finishUpload(repository: string, id: string, digest: Digest, budget?: Budget): Promise<StoredBlob>
  cancelUpload(repository: string, id: string): Promise<void>

  /**
   * @throws AppError `oci/bad-manifest`, `oci/manifest-blob-unknown`, `oci/digest-invalid`,
   *   `oci/tag-moved`
   */
  putManifest(repository: string, manifest: ManifestPut): Promise<ManifestReceipt>
  manifest(repository: string, reference: string): Promise<StoredManifest | undefined>
  /** A client got the manifest: retention may go by when that was last. Costs nothing. */
  noteManifestPull(repository: string, digest: Digest): void
  /** Writes down what was noted; it is done now and then, and on closing, anyhow. */
  flushPulls(): Promise<void>
  /**
   * By tag: only the tag goes. By digest: the manifest and its tags.
   * @throws AppError `oci/tag-immutable` when a tag that `keeps` is it, names it or needs it;
   *   `oci/tag-moved`
   */
  removeManifest(
    repository: string,
    reference: string,
    conditions?: RemoveConditions,
  ): Promise<boolean>
  /** Undefined for a repository that does not exist. */
  tags(repository: string, page?: PageRequest): Promise<Page<string> | undefined>
  referrers(
    repository: string,
    subject: Digest,
    page?: PageRequest & { readonly artifactType?: string },
  ): Promise<Page<Descriptor>>
  repositories(page?: PageRequest): Promise<Page<string>>

  /** What a namespace has: a repository and all below it, with shared bytes counted once. */
  usage(namespace: string): Promise<NamespaceUsage>
  /** Whether a repository of the namespace has the blob. */
  holds(namespace: string, digest: Digest): Promise<boolean>

  /** Removes uploads that nobody added to for `idleMs`; how many went. */
  removeStaleUploads(idleMs: number): Promise<number>
  close(): Promise<void>
}
