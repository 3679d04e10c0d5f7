/** The registry client, assembled. */
import type { RegistryClient, RegistryClientOptions } from './contract.ts'

/** A client for any number of registries; tokens and counters are shared by all of its calls. */
export function registryClient(options: RegistryClientOptions = {}): RegistryClient {
  throw new TypeError(`not there yet: ${Object.keys(options).join()}`)
}
