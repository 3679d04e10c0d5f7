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
    const isPlain = upstream['plain-http']
    const registry = asUrlsHaveIt(upstream.registry ?? prefix, isPlain)
    const host = hostOf(registry)
    const mirrors = upstream.mirrors.map((mirror) => asUrlsHaveIt(mirror, false))
    const nearby = hosts(upstream['private-hosts'])
    // `plain-http` is not about mirrors, so none loses its TLS by being private.
    const mirrorHosts = new Set(mirrors.map(hostOf))
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
      mirrors,
      privateHosts: [...(upstream.private ? [host] : []), ...nearby],
      plainHosts: isPlain ? [host, ...nearby.filter((name) => !mirrorHosts.has(name))] : [],
      tokenHosts: hosts(upstream['token-hosts']),
      unprefixed: upstream.unprefixed,
      freshMs: upstream.fresh,
      absentMs: upstream.absent,
      spareBelow: upstream['spare-below'],
      waitMsMax: upstream.wait,
    }
  })
}

function hostOf(place: string): string {
  return place.split('/', 1).join('')
}

/** Hosts that are met by either scheme. */
function hosts(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [asUrlsHaveIt(name, false), asUrlsHaveIt(name, true)])
}

/**
 * A host, with the path of it that is shown, in the one form that it has in URLs, as hosts are told
 * apart by it: `Example.org:443` is `example.org`.
 */
function asUrlsHaveIt(place: string, isPlain: boolean): string {
  const [host = '', ...path] = place.split('/')
  const url = URL.parse(`${isPlain ? 'http' : 'https'}://${host}/`)
  return [url?.host ?? host, ...path].join('/')
}
