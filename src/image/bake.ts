/**
 * From locked builds to an image: manifest and configuration, and the few layers that are merged.
 *
 * Invariant: builds are layers as they are; nothing is unpacked unless the layer limit asks for it.
 */
import type { Digest, Emit } from '#kernel/index.ts'
import type { Target } from '#model/index.ts'
import type { Descriptor } from '#oci/index.ts'
import type { Store } from '#store/index.ts'
import type { Base, LoadedBase, RegistryPlace } from './base.ts'
import type { ImageSettings } from './config.ts'

/** One build of the environment. */
export interface ImagePackage {
  readonly name: string
  readonly version: string
  /** Digest of the build's manifest. */
  readonly build: Digest
  readonly layer: Descriptor
  /** Digest of the uncompressed layer. */
  readonly diffId: Digest
  /** Where the build was published, if it was: its blobs can be mounted from there. */
  readonly publishedAt?: RegistryPlace
}

export interface BakeRequest {
  /** In dependency order: what others need comes first. */
  readonly packages: readonly ImagePackage[]
  readonly base: LoadedBase
  readonly target: Target
  readonly settings: ImageSettings
  /** Seconds since 1970: `created` of the image (SOURCE_DATE_EPOCH). */
  readonly epochSeconds: number
  /** Default 127. */
  readonly layerCountMax?: number
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit
}

export interface BakedImage {
  readonly target: Target
  /** Of the manifest. */
  readonly digest: Digest
  readonly manifest: Uint8Array
  readonly config: Uint8Array
  readonly configDigest: Digest
  readonly layers: readonly BakedLayer[]
  /** Packages that had to be merged into shared layers; empty below the limit. */
  readonly merged: readonly (readonly string[])[]
}

export interface BakedLayer {
  readonly descriptor: Descriptor
  readonly diffId: Digest
  /** Where its bytes are. */
  readonly source: { readonly kind: 'base'; readonly base: Base } | { readonly kind: 'store' }
  readonly publishedAt?: RegistryPlace
}

/**
 * Makes the image. Layers of builds need not be in the store, unless some have to be merged.
 * @throws AppError `image/too-many-layers`, `store/blob-unknown`
 */
export function bakeImage(store: Store, request: BakeRequest): Promise<BakedImage> {
  throw new Error(`not yet ${store.home} ${request.target}`)
}
