/** The upstreams of registry.yaml as the pull-through cache takes them, with their passwords. */
import { type RegistryConfig, secretIn } from '#model/index.ts'
import type { Upstream } from '#oci/index.ts'

type Section = NonNullable<RegistryConfig['upstreams']>

/**
 * @param folder What the files with passwords are relative to.
 * @throws AppError `model/bad-file` for a file with a password that is not there
 */
export function upstreamsOf(section: Section, folder: string): readonly Upstream[] {
  return Object.entries(section).map(([prefix, upstream]) => {
    const registry = upstream.registry ?? prefix
    const host = registry.split('/', 1).join('')
    return {
      prefix,
      registry,
      namespaces: upstream.namespaces ?? [host],
      accounts: upstream.accounts.map((account) => ({
        name: account.username,
        credential: {
          kind: 'password',
          username: account.username,
          password: secretIn(account['password-file'], folder),
        },
      })),
      mirrors: upstream.mirrors,
      privateHosts: [...(upstream.private ? [host] : []), ...upstream['private-hosts']],
      plainHosts: upstream['plain-http'] ? [host] : [],
      tokenHosts: upstream['token-hosts'],
      unprefixed: upstream.unprefixed,
      freshMs: upstream.fresh,
      absentMs: upstream.absent,
      spareBelow: upstream['spare-below'],
      waitMsMax: upstream.wait,
    }
  })
}
