/**
 * Who has what: repositories, their blobs, manifests and tags, apart from the bytes of blobs.
 *
 * Invariant: a fulfilled change is durable, and each change is all or nothing. A blob that a
 * repository has is stored: its row in `stored` names the generation in which its bytes lie, and
 * goes only in a transaction that found no repository with the blob. A generation that was let go
 * of is not used again while its removal may still be under way (`tombstone`).
 * Drivers: `sqliteMetadata`, `postgresMetadata`; one contract suite (`metadata.contract.ts`).
 */
import type { Digest } from '#kernel/index.ts'
import type { Descriptor } from '../../schema.ts'
import type { Keeps, Page, PageRequest, StoredManifest } from '../contract.ts'
import type { SqlValue } from '../database/contract.ts'
import type { Budget } from './budget.ts'

export interface ManifestRecord extends StoredManifest {
  readonly subject: Digest | undefined
  /** What a referrers list says of it. */
  readonly descriptor: Descriptor
}

export interface ManifestWrite {
  readonly record: ManifestRecord
  readonly tags: readonly string[]
  /** Blobs that the repository must have at the moment of the write. */
  readonly needs: readonly Digest[]
  /** Bytes of what it needs or names, as it says; what is not listed is not compared. */
  readonly sizes: ReadonlyMap<Digest, number>
  /** What it names and keeps alive besides: manifests of an index, blobs that may be absent. */
  readonly names: readonly Digest[]
  /** What each tag must name at the moment of the write. */
  readonly replaces: Digest | 'absent' | undefined
  /** What the namespace may have at the most. */
  readonly budget?: Budget | undefined
}

export type WriteOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'missing'; readonly digest: Digest }
  | { readonly kind: 'other-size'; readonly digest: Digest; readonly sizeBytes: number }
  | { readonly kind: 'moved'; readonly tag: string }

/** A tag that keeps something from being removed, and what it names. */
export interface KeptTag {
  readonly tag: string
  readonly digest: Digest
}

export type RemoveOutcome =
  | { readonly kind: 'removed' }
  | { readonly kind: 'absent' }
  | ({ readonly kind: 'kept' } & KeptTag)

/** A tag's name or a manifest's digest; the two never look alike. */
export type ManifestKey = { readonly tag: string } | { readonly digest: Digest }

/** Where the bytes of a blob lie: one digest has one generation at a time. */
export interface BlobPlace {
  readonly sizeBytes: number
  readonly generation: number
}

/** Where a copy of a blob that has arrived is to be put. */
export type PlaceToFill = { readonly generation: number } & (
  | { readonly kind: 'empty' }
  /** The bytes are there, as far as the metadata know. */
  | { readonly kind: 'stored'; readonly sizeBytes: number }
)

/** A copy of a blob; `isNew` when it was written now, not found. */
export interface StoredCopy extends BlobPlace {
  readonly digest: Digest
  readonly isNew: boolean
}

/** Whether the bytes in a generation became what the repository has. */
export type LinkOutcome =
  | { readonly kind: 'linked' }
  /** The same blob is stored elsewhere and linked; what was written is nobody's, and condemned. */
  | { readonly kind: 'elsewhere' }
  /** The generation was let go of in between: its bytes must be written again. */
  | { readonly kind: 'condemned' }

export interface Pull {
  readonly repository: string
  readonly digest: Digest
  readonly atMs: number
}

/** A statement of a batch: portable SQL with `?`, or one that only PostgreSQL needs (a lock). */
export interface Statement {
  readonly text: string
  readonly values?: readonly SqlValue[]
  readonly postgresOnly?: boolean
}

/** @throws AppError `oci/over-quota` from what is given a budget, and nothing was changed */
export interface Metadata {
  /** A blob that the repository has and that is not known to be damaged. */
  blob(repository: string, digest: Digest): Promise<BlobPlace | undefined>
  placeToFill(digest: Digest): Promise<PlaceToFill>
  /** The bytes are durable in `generation`: stores that and links the blob to the repository. */
  linkBlob(repository: string, blob: StoredCopy, budget?: Budget): Promise<LinkOutcome>
  /** Links the blob if `from` has it; its size. */
  mountBlob(
    repository: string,
    blob: { readonly digest: Digest; readonly from: string },
    budget?: Budget,
  ): Promise<number | undefined>
  unlinkBlob(repository: string, digest: Digest, keeps?: Keeps): Promise<RemoveOutcome>
  /** Repositories that have the blob, at most `limit`. */
  holders(digest: Digest, limit: number): Promise<readonly string[]>

  putManifest(repository: string, write: ManifestWrite): Promise<WriteOutcome>
  manifest(repository: string, key: ManifestKey): Promise<StoredManifest | undefined>
  /** What goes can be restored until it is purged. */
  removeManifest(
    repository: string,
    key: ManifestKey,
    options: { readonly reason: string; readonly keeps?: Keeps | undefined },
  ): Promise<RemoveOutcome>
  tags(repository: string, page: PageRequest): Promise<Page<string> | undefined>
  /** By digest, ascending. */
  referrers(
    repository: string,
    subject: Digest,
    page: PageRequest & { readonly artifactType?: string },
  ): Promise<readonly Descriptor[]>
  repositories(page: PageRequest): Promise<Page<string>>
  recordPulls(pulls: readonly Pull[]): Promise<void>

  /**
   * Runs statements as one transaction, for upkeep: the rows that each gave. In PostgreSQL each
   * statement sees what was committed before it (read committed), so that a lock comes first.
   */
  batch(statements: readonly Statement[]): Promise<readonly (readonly unknown[])[]>
  /**
   * Reads the tables themselves, where nobody else looks after them.
   * @throws AppError `oci/bad-layout` for a damaged file
   */
  checkTables(options: { readonly quick: boolean }): Promise<void>
  close(): Promise<void>
}
