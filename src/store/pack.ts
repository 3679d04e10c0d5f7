/** Packing a folder into a layer. */
import type { Emit } from '#kernel/index.ts'
import type { Store } from './store.ts'
import type { PackedLayer } from './tree.ts'

export interface PackOptions {
  /** The time of every entry, seconds since 1970. */
  readonly epochSeconds: number
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit | undefined
}

/** Packs `folder` (it holds usr/local/…) into a layer blob and remembers its tree. */
export function packLayer(
  store: Store,
  folder: string,
  options: PackOptions,
): Promise<PackedLayer> {
  throw new Error(`${store.home} ${folder} ${options.epochSeconds}`)
}
