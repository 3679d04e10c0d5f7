/** Where a registry keeps what it has, and how it behaves: what `openRegistry` is told. */
import type { Clock } from '#kernel/index.ts'
import type { BucketPlace } from '#store/index.ts'

export interface OpenRegistryOptions {
  readonly dir: string
  readonly clock?: Clock
  /** Where metadata are; default: SQLite in `dir`. */
  readonly postgres?: { readonly url: string; readonly connectionsMax?: number } | undefined
  /** Where blobs are; default: in `dir`, as an OCI layout has them. */
  readonly bucket?: BucketPlace | undefined
  /** Send clients that read whole blobs to the bucket, by URLs that are good for so long. */
  readonly redirectSeconds?: number | undefined
  /** The largest blob that is taken; default 256 GiB. */
  readonly blobBytesMax?: number
  /** Take manifests whose blobs are not there; default false: what a tag names is there. */
  readonly sparse?: boolean
}
