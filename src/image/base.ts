/**
 * What an image stands on: nothing, an image in a local OCI layout, or one in a registry.
 */
import type { Descriptor, ImageConfig, Layout, RegistryClient } from '#oci/index.ts'
import type { Target } from '#model/index.ts'
import type { BlobStore } from '#store/index.ts'

export type Base =
  | { readonly kind: 'scratch' }
  | {
      readonly kind: 'layout'
      readonly layout: Layout
      readonly blobs: BlobStore
      readonly name: string
    }
  | { readonly kind: 'registry'; readonly client: RegistryClient; readonly reference: string }

/** A repository of a registry: `127.0.0.1:5000` and `vfx/imath`. */
export interface RegistryPlace {
  readonly registry: string
  readonly repository: string
}

export interface LoadedBase {
  readonly layers: readonly Descriptor[]
  readonly config: ImageConfig | undefined
  /** Of the base's manifest, for annotations. */
  readonly digest: string | undefined
  readonly name: string | undefined
  /** Where its layers come from. */
  readonly from: Base
}

/**
 * Reads manifest and configuration of a base for one target.
 * @throws AppError `image/bad-base`, and what the layout or the registry throws
 */
export function loadBase(base: Base, target: Target): Promise<LoadedBase> {
  throw new Error(`not yet ${base.kind} ${target}`)
}
