/** Unpacking a layer into the file store. */
import type { Digest, Emit } from '#kernel/index.ts'
import type { Store } from './store.ts'
import type { LayerTree } from './tree.ts'

/** A layer to unpack; its blob must be in the store. */
export interface UnpackInput {
  readonly digest: Digest
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly diffId?: Digest | undefined
}

export interface LayerLimits {
  readonly entriesMax: number
  readonly unpackedBytesMax: number
  readonly ratioMax: number
}

export interface UnpackOptions {
  readonly limits?: Partial<LayerLimits>
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit | undefined
}

/** Checks a layer and ingests its files; a layer that is unpacked already is only looked up. */
export function unpackLayer(
  store: Store,
  layer: UnpackInput,
  options?: UnpackOptions,
): Promise<LayerTree> {
  throw new Error(`${store.home} ${layer.digest} ${typeof options}`)
}
