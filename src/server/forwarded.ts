/**
 * Who is behind a proxy, and how clients reach us through it.
 *
 * Invariant: `X-Forwarded-*` counts only when the connection comes from a proxy that the
 * configuration names; anybody else could write there what they like.
 */
import { BlockList, isIP } from 'node:net'

export interface Surroundings {
  /** How clients reach us, if the configuration says so. */
  readonly url?: string | undefined
  /** Addresses and networks, such as 10.0.0.0/8. */
  readonly proxies?: readonly string[] | undefined
  /** Where we listen, for requests that name no host: `http://127.0.0.1:5000`. */
  readonly own: string
}

export interface Outside {
  /** The address of the client: of the connection, or as trusted proxies tell it. */
  address(request: Request, peer: string): string
  /** Scheme and host, without a slash at the end. */
  url(request: Request, peer: string): string
  /** Whether an address is a proxy that the configuration names. */
  isProxy(address: string): boolean
}

const hostPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?$/

/** How requests are seen from outside. */
export function outsideOf({ url, proxies = [], own }: Surroundings): Outside {
  const trusted = new BlockList()
  for (const proxy of proxies) addNetwork(trusted, proxy)
  const isTrusted = (address: string) =>
    proxies.length > 0 && isIP(address) !== 0 && trusted.check(address, familyOf(address))
  const ownScheme = own.slice(0, own.indexOf(':'))
  return {
    isProxy: (address) => isTrusted(plain(address)),
    address: (request, peer) => {
      let address = plain(peer)
      const chain = request.headers.get('x-forwarded-for')?.split(',') ?? []
      // From the right: what a trusted proxy wrote is true, what stands left of it may be forged.
      while (isTrusted(address)) {
        const next = plain(chain.pop()?.trim() ?? '')
        if (isIP(next) === 0) break
        address = next
      }
      return address
    },
    url: (request, peer) => {
      if (url !== undefined) return url.replace(/\/+$/, '')
      const through = isTrusted(plain(peer))
      const last = (name: string) =>
        through ? request.headers.get(name)?.split(',').pop()?.trim() : undefined
      const host = last('x-forwarded-host') ?? request.headers.get('host') ?? ''
      if (!hostPattern.test(host)) return own
      const scheme = last('x-forwarded-proto') ?? ownScheme
      return `${scheme === 'https' ? 'https' : 'http'}://${host}`
    },
  }
}

function addNetwork(list: BlockList, text: string): void {
  const [address = '', prefix] = text.split('/')
  if (prefix === undefined) list.addAddress(address, familyOf(address))
  else list.addSubnet(address, Number(prefix), familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4'
}

/** An IPv4 address that came in through an IPv6 socket, as itself. */
function plain(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}
