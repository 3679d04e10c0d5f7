/** The upstreams of registry.yaml as the pull-through cache takes them, with their passwords. */
import { isAbsolute, join } from 'node:path'
import { AppError, limits, readIfPresent } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
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

/** The first line of a file. */
function secretIn(path: string, folder: string): string {
  const file = isAbsolute(path) ? path : join(folder, path)
  const bytes = readIfPresent(file)
  const text = new TextDecoder().decode(bytes?.subarray(0, limits.errorBodyBytesMax))
  const secret = text.split(/\r?\n/, 1).join('')
  if (secret !== '') return secret
  throw new AppError('model/bad-file', `${file} does not hold a password`, {
    hints: ['Put the password or access token on its first line; docs/formats/registry-yaml.md'],
  })
}
