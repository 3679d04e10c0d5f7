/** The OCI distribution API as a Hono app. */
import { Hono } from 'hono'
import type { Registry } from '#oci/index.ts'

export interface RegistryAppOptions {
  /** Who may come in by Basic authentication; absent: everybody may do everything. */
  readonly users?: (username: string, password: string) => boolean
}

/** All routes under `/v2/`. */
export function registryApp(registry: Registry, options: RegistryAppOptions = {}): Hono {
  throw new TypeError(`not there yet: ${registry.dir} ${typeof options.users}`)
  return new Hono()
}
