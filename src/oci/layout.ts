/** Tags over an OCI image layout's `index.json`. */
import type { Digest } from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { Descriptor } from './schema.ts'

export interface TaggedDescriptor {
  readonly name: string
  readonly descriptor: Descriptor
}

export interface Layout {
  readonly dir: string
  readonly blobs: BlobStore
  /** All tags, sorted by name. */
  tags(): readonly TaggedDescriptor[]
  resolve(name: string): Descriptor | undefined
  /** Moves or creates a tag; the manifest has to be in `blobs` already. */
  tag(
    name: string,
    descriptor: Descriptor,
    annotations?: Readonly<Record<string, string>>,
  ): Promise<void>
  /** Several tags in one write. */
  tagAll(tags: readonly TaggedDescriptor[]): Promise<void>
  /** Keeps a manifest without a tag, so that it is a root and its subject finds it. */
  keep(descriptor: Descriptor, subject?: Digest): Promise<void>
  /** False when there was no such tag. */
  untag(name: string): Promise<boolean>
  /** Forgets a manifest and all of its tags. */
  drop(digest: Digest): Promise<boolean>
  /** All manifests that `index.json` names, tagged or not: the roots for collection. */
  roots(): readonly Descriptor[]
  referrers(subject: Digest, artifactType?: string): Promise<readonly Descriptor[]>
}

/** Opens the layout at `dir`, which is made on the first write. */
export function openLayout(dir: string, blobs: BlobStore): Layout {
  throw new TypeError(`not there yet: ${dir}, ${typeof blobs}`)
}
