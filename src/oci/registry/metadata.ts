/**
 * Who has what: repositories, their blobs, manifests and tags, apart from the bytes of blobs.
 *
 * Invariant: a fulfilled change is durable, and each change is all or nothing.
 * Drivers: `sqliteMetadata`; the contract is written so that PostgreSQL fits it too.
 */
import type { Digest } from '#kernel/index.ts'
import type { Descriptor } from '../schema.ts'
import type { Page, PageRequest, StoredManifest } from './contract.ts'

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
  /** What each tag must name at the moment of the write. */
  readonly replaces: Digest | 'absent' | undefined
}

export type WriteOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'missing'; readonly digest: Digest }
  | { readonly kind: 'moved'; readonly tag: string }

/** A tag's name or a manifest's digest; the two never look alike. */
export type ManifestKey = { readonly tag: string } | { readonly digest: Digest }

export interface Metadata {
  /** Bytes of a blob that the repository has. */
  blobSize(repository: string, digest: Digest): Promise<number | undefined>
  linkBlob(repository: string, digest: Digest, sizeBytes: number): Promise<void>
  unlinkBlob(repository: string, digest: Digest): Promise<boolean>
  /** Repositories that have the blob, at most `limit`. */
  holders(digest: Digest, limit: number): Promise<readonly string[]>

  putManifest(repository: string, write: ManifestWrite): Promise<WriteOutcome>
  manifest(repository: string, key: ManifestKey): Promise<StoredManifest | undefined>
  removeManifest(repository: string, key: ManifestKey): Promise<boolean>
  tags(repository: string, page: PageRequest): Promise<Page<string> | undefined>
  /** By digest, ascending. */
  referrers(
    repository: string,
    subject: Digest,
    page: PageRequest & { readonly artifactType?: string },
  ): Promise<readonly Descriptor[]>
  repositories(page: PageRequest): Promise<Page<string>>
  close(): void
}
