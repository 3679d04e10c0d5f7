/** Copying a manifest and all that it names between layouts and registries. */
import type { Digest, Emit } from '#kernel/index.ts'
import type { RegistryClient } from './client/contract.ts'
import type { Layout } from './layout.ts'
import type { RepositoryRef } from './reference.ts'
import type { Descriptor } from './schema.ts'

/** One side of a transfer. */
export type Place =
  | { readonly kind: 'layout'; readonly layout: Layout }
  | {
      readonly kind: 'registry'
      readonly client: RegistryClient
      readonly repository: RepositoryRef
    }

export interface TransferOptions {
  readonly from: Place
  readonly to: Place
  /** A tag or a digest at `from`; a layout's tag is its reference name. */
  readonly reference: string
  /** Tags to write at `to`, last of all; none: the manifest is reachable by digest only. */
  readonly tags?: readonly string[]
  /** Also copy what hangs on the manifest (SBOM, provenance, signatures); default false. */
  readonly referrers?: boolean
  /** Repositories on the target registry that may have a blob already, per digest. */
  readonly mountFrom?: (digest: Digest) => string | undefined
  /** Of an index, the manifests to copy; default all. The index itself is copied as it is. */
  readonly choose?: (child: Descriptor) => boolean
  readonly parallel?: number
  readonly emit?: Emit
  readonly signal?: AbortSignal
}

export interface TransferReport {
  readonly descriptor: Descriptor
  readonly manifests: number
  readonly blobs: {
    readonly existed: number
    readonly mounted: number
    readonly copied: number
  }
  /** Payload bytes that were copied. */
  readonly bytesCopied: number
}

/** Copies a graph, parents after children and tags last, so that no reader sees a torn one. */
export async function transfer(options: TransferOptions): Promise<TransferReport> {
  throw new TypeError(`not there yet: ${options.reference}`)
}
