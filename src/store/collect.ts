/** Collection: mark and sweep of blobs, files, trees, views and temporary names. */
import type { Clock, Digest } from '#kernel/index.ts'
import type { Store } from './store.ts'

export interface CollectOptions {
  /** What is younger than this stays, reached or not. */
  readonly graceMs: number
  readonly dryRun?: boolean
  readonly clock: Clock
  /** Keys of views to keep besides those that are younger than the grace. */
  readonly views?: Iterable<string>
}

export interface CollectReport {
  readonly keptBlobs: number
  readonly removedBlobs: number
  readonly removedFiles: number
  readonly removedViews: number
  readonly removedTemporary: number
  readonly freedBytes: number
}

/** Removes what `roots` (every blob to keep: manifests, configs, layers) does not name. */
export function collect(
  store: Store,
  roots: Iterable<Digest>,
  options: CollectOptions,
): Promise<CollectReport> {
  throw new Error(`${store.home} ${[...roots].length} ${options.graceMs}`)
}
