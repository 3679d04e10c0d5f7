/**
 * The things that use cases work on, opened from the context when they are first needed.
 *
 * Invariant: opening costs nothing; a reading command on a read-only home writes nothing.
 */
import { availableParallelism } from 'node:os'
import { detectHost } from '#env/index.ts'
import type { HostFact } from '#model/index.ts'
import {
  type Credentials,
  credentialFiles,
  dockerCredentials,
  isLoopback,
  type Layout,
  openLayout,
  type RegistryClient,
  registryClient,
} from '#oci/index.ts'
import { openStore, type Store } from '#store/index.ts'
import type { AppContext } from './context.ts'

export interface World {
  readonly context: AppContext
  readonly store: Store
  readonly layout: Layout
  readonly client: RegistryClient
  /** Log-ins that docker and podman keep. */
  readonly credentials: Credentials
  readonly host: () => Promise<readonly HostFact[]>
  /** Processors that this process may use. */
  readonly processors: number
}

export function openWorld(context: AppContext): World {
  const store = openStore(context.home)
  let layout: Layout | undefined
  let client: RegistryClient | undefined
  const credentials = credentialsOf(context)
  let host: Promise<readonly HostFact[]> | undefined
  return {
    context,
    store,
    get layout() {
      layout ??= openLayout(context.home, store.blobs)
      return layout
    },
    get client() {
      client ??= openClient(context, credentials)
      return client
    },
    credentials,
    host: () => {
      host ??= detectHost({ env: context.env })
      return host
    },
    processors: availableParallelism(),
  }
}

function credentialsOf({ env }: AppContext): Credentials {
  return dockerCredentials({ paths: credentialFiles(env, process.getuid?.()), env })
}

function openClient(context: AppContext, credentials: Credentials): RegistryClient {
  return registryClient({
    credentials,
    plainHttp: (host) => isPlain(context, host),
    clock: context.clock,
    emit: context.emit,
    signal: context.signal,
    userAgent: `backlot/${context.programVersion}`,
  })
}

/** Whether a registry, HOST:PORT, is spoken to without TLS. */
export function isPlain({ env }: AppContext, host: string): boolean {
  return (env['BACKLOT_PLAIN_HTTP'] ?? '').split(',').includes(host) || isLoopback(host)
}
