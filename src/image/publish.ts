/**
 * Images into an OCI layout or a registry, moving only the bytes that are not there.
 *
 * Invariant: a tag moves after everything it names is in place.
 */
import type { Digest } from '#kernel/index.ts'
import type { Layout, RegistryClient } from '#oci/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { BakedImage } from './bake.ts'

export interface ImageTransfer {
  /** Of the manifest, or of the index. */
  readonly digest: Digest
  /** Layer bytes that were copied or sent. */
  readonly payloadBytes: number
  readonly existed: number
  readonly mounted: number
  readonly copied: number
}

export interface LayoutPlace {
  readonly layout: Layout
  /** The blobs of that layout. */
  readonly into: BlobStore
  /** Where layers of builds are: the local store. */
  readonly from: BlobStore
  readonly tag: string
}

export interface RegistryTarget {
  readonly client: RegistryClient
  /** `REGISTRY/REPOSITORY:TAG`. */
  readonly reference: string
  readonly from: BlobStore
}

/** Writes an image to a layout folder and tags it. */
export function imageToLayout(image: BakedImage, place: LayoutPlace): Promise<ImageTransfer> {
  return indexToLayout([image], place)
}

/** Sends an image to a registry: blobs that are there or can be mounted cost no payload byte. */
export function imageToRegistry(image: BakedImage, target: RegistryTarget): Promise<ImageTransfer> {
  return indexToRegistry([image], target)
}

/** Several targets under one tag; with one image, the image itself is tagged. */
export function indexToLayout(
  images: readonly BakedImage[],
  place: LayoutPlace,
): Promise<ImageTransfer> {
  throw new Error(`not yet ${images.length} ${place.tag}`)
}

/** Several targets under one tag; with one image, the image itself is tagged. */
export function indexToRegistry(
  images: readonly BakedImage[],
  target: RegistryTarget,
): Promise<ImageTransfer> {
  throw new Error(`not yet ${images.length} ${target.reference}`)
}
