/**
 * The HTTP side of Backlot: the OCI distribution API over a registry core, and `serve`.
 *
 * Not here: what a registry does (`#oci`), pages (`#web`).
 */
export { type RegistryAppOptions, registryApp } from './app.ts'
export { storageOf } from './storage.ts'
export { rulesOf } from './upkeep.ts'
export { type RunningServer, serve, type ServeOptions } from './serve.ts'
