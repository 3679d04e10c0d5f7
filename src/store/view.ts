/** Views: the trees of several layers linked into one. */
import type { Digest } from '#kernel/index.ts'
import type { Store } from './store.ts'

export interface View {
  /** The folder that holds usr/local/…; complete, or absent. */
  readonly path: string
  readonly key: string
}

export interface ViewOptions {
  /** How a layer is called in errors, e.g. `imath 3.1.6`; its digest when absent. */
  readonly label?: (layer: Digest) => string
  readonly signal?: AbortSignal | undefined
}

/** The view of these layers, made when it is not there yet. @throws AppError `store/view-collision` */
export function linkView(
  store: Store,
  layers: readonly Digest[],
  options?: ViewOptions,
): Promise<View> {
  throw new Error(`${store.home} ${layers.length} ${typeof options}`)
}

/** The files of these layers in any folder, which must be absent or empty. */
export function materialise(
  store: Store,
  layers: readonly Digest[],
  folder: string,
  mode: 'hardlink' | 'copy',
): Promise<void> {
  throw new Error(`${store.home} ${layers.length} ${folder} ${mode}`)
}
