/** Trees: what a layer holds, remembered beside the store. */
import type { Digest } from '#kernel/index.ts'
import type { Store } from './store.ts'

/** An OCI descriptor of a layer. */
export interface LayerDescriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

export interface PackedLayer {
  readonly descriptor: LayerDescriptor
  /** Digest of the layer's uncompressed tar. */
  readonly diffId: Digest
  /** Digest of the tree: equal for equal files, whatever the times and the compression. */
  readonly fileList: Digest
  readonly files: number
  /** Unpacked bytes of all files. */
  readonly sizeBytes: number
}

/** One path of a layer; `path` is relative (usr/local/…), without a trailing slash. */
export type TreeEntry =
  | { readonly type: 'dir'; readonly path: string }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file'
      readonly path: string
      readonly size: number
      readonly digest: Digest
      readonly executable: boolean
    }

/** The entries of a layer, sorted by path; a hard link in the tar is a file of the same digest. */
export interface LayerTree {
  readonly layer: Digest
  readonly diffId: Digest
  readonly fileList: Digest
  readonly entries: readonly TreeEntry[]
}

/** Whether the layer has been unpacked here. */
export function hasTree(store: Store, layer: Digest): boolean {
  throw new Error(`${store.home} ${layer}`)
}

/** What the layer holds, or undefined where it has not been unpacked. */
export function readTree(store: Store, layer: Digest): LayerTree | undefined {
  throw new Error(`${store.home} ${layer}`)
}
