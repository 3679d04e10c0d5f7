/**
 * Which parts of a changed configuration a running server takes, and which need a new start.
 *
 * Invariant: whether access is restricted at all does not change while a server runs, so that a
 * file that was cut off while it was written opens nothing.
 */
import { isDeepStrictEqual } from 'node:util'
import type { RegistryConfig } from '#model/index.ts'

export interface Reload {
  /** What the server goes on with. */
  readonly config: RegistryConfig
  /** Keys that changed and count only after a new start. */
  readonly later: readonly string[]
}

/** The new configuration, with the old in place of what cannot change. */
export function reloadable(old: RegistryConfig, wanted: RegistryConfig): Reload {
  const later: string[] = []
  /** The old value; the key is named when the new one is another. */
  const kept = <T>(name: string, before: T, after: T): T => {
    if (!isDeepStrictEqual(before, after)) later.push(name)
    return before
  }
  const listen = {
    proxies: [],
    ...wanted.listen,
    host: kept('listen.host', old.listen?.host, wanted.listen?.host),
    port: kept('listen.port', old.listen?.port, wanted.listen?.port),
    tls: kept('listen.tls', old.listen?.tls, wanted.listen?.tls),
  }
  const limits = {
    ...wanted.limits,
    blob: kept('limits.blob', old.limits?.blob, wanted.limits?.blob),
    drain: kept('limits.drain', old.limits?.drain, wanted.limits?.drain),
    'idle-timeout': kept(
      'limits.idle-timeout',
      old.limits?.['idle-timeout'],
      wanted.limits?.['idle-timeout'],
    ),
  }
  const storage = kept('storage', old.storage, wanted.storage)
  const upstreams = kept('upstreams', old.upstreams, wanted.upstreams)
  const isAccessKept = (old.access === undefined) === (wanted.access === undefined)
  const access = isAccessKept ? wanted.access : kept('access', old.access, wanted.access)
  return { config: { ...wanted, listen, limits, storage, upstreams, access }, later }
}
