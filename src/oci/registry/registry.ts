/** The registry on a folder and SQLite. */
import type { Clock } from '#kernel/index.ts'
import type { Registry } from './contract.ts'

export interface OpenRegistryOptions {
  readonly dir: string
  readonly clock?: Clock
}

/** Opens the registry in `dir`, making it if there is none; one process at a time may have it. */
export function openRegistry(options: OpenRegistryOptions): Registry {
  throw new TypeError(`not there yet: ${options.dir}`)
}
