/**
 * Where requests to upstreams may go: never to this machine or its network, unless it is said so.
 *
 * Invariant: a name is resolved once, all of its addresses are checked, and the connection goes to
 * an address that was checked, so that a name that changes its mind in between gains nothing. TLS
 * still checks the certificate against the name.
 * Source: IANA special-purpose address registries (RFC 6890 and its updates).
 */
import { BlockList, isIP } from 'node:net'
import { AppError } from '#kernel/index.ts'

/** Finds the addresses of a host name. */
export type Addresses = (host: string) => Promise<readonly string[]>

export const systemAddresses: Addresses = async (host) =>
  (await Bun.dns.lookup(host)).map(({ address }) => address)

const addressesTriedMax = 4

const blocked = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  blocked.addSubnet(net, bits, 'ipv4')
// Of IPv6 only global unicast is let through, less what carries another address in it.
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')
for (const [net, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  blocked.addSubnet(net, bits, 'ipv6')

/** Whether an address is one that everybody on the internet may be asked at. */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  const family = isIP(plain)
  if (family === 4) return !blocked.check(plain, 'ipv4')
  return family === 6 && global6.check(plain, 'ipv6') && !blocked.check(plain, 'ipv6')
}

export interface GuardOptions {
  readonly addresses: Addresses
  /** Hosts, with their ports, that may be anywhere. */
  readonly privateHosts: readonly string[]
}

export type Fetch = (url: URL, init: BunFetchRequestInit) => Promise<Response>

/** A `fetch` that goes to public addresses only. @throws AppError `oci/private-address` */
export function guardedFetch({ addresses, privateHosts }: GuardOptions): Fetch {
  return async (url, init) => {
    if (privateHosts.includes(url.host)) return await fetch(url, init)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0) {
      if (!isPublicAddress(host)) throw refused(url)
      return await fetch(url, init)
    }
    const found = await addresses(host)
    const wrong = found.find((address) => !isPublicAddress(address))
    if (wrong !== undefined || found.length === 0) throw refused(url)
    return await firstReached(url, init, found)
  }
}

/** One address after the other, IPv4 first: many machines have IPv6 addresses that lead nowhere. */
async function firstReached(
  url: URL,
  init: BunFetchRequestInit,
  found: readonly string[],
): Promise<Response> {
  const ordered = found.toSorted((a, b) => isIP(a) - isIP(b)).slice(0, addressesTriedMax)
  for (const [at, address] of ordered.entries()) {
    try {
      return await fetch(...pinned(url, init, address))
    } catch (error) {
      const repeatable = init.body === undefined && init.signal?.aborted !== true
      if (!repeatable || at === ordered.length - 1) throw error
    }
  }
  throw refused(url)
}

/** The same request at a given address, with the name in `Host` and for TLS. */
function pinned(url: URL, init: BunFetchRequestInit, address: string): [URL, BunFetchRequestInit] {
  const at = new URL(url)
  at.hostname = isIP(address) === 6 ? `[${address}]` : address
  const headers = new Headers(init.headers)
  headers.set('host', url.host)
  const tls = url.protocol === 'https:' ? { tls: { ...init.tls, serverName: url.hostname } } : {}
  return [at, { ...init, headers, ...tls }]
}

/** Clients read it: what a name means in our network is not for them. */
function refused(url: URL): AppError {
  return new AppError(
    'oci/private-address',
    `${url.host} is not a public address, or leads to one that is not`,
    {
      hints: [
        'A registry of your own network is allowed by `private: true` of its upstream, and other hosts that it sends clients to by `private-hosts`.',
      ],
    },
  )
}
