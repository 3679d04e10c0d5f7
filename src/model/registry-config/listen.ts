/** `listen:` of registry.yaml: the address, TLS, and what stands before the server. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { count, text } from '../scalars.ts'
import { httpUrl } from './scalars.ts'

const proxy = text.refine(isNetwork, {
  error: 'is not an address or a network such as 10.0.0.0/8 or fd00::/8',
})

function isNetwork(written: string): boolean {
  const [address = '', prefix, ...more] = written.split('/')
  const bits = isIP(address) === 6 ? 128 : 32
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
  return isIP(address) !== 0 && fits && more.length === 0
}

export const listenSection = z.strictObject({
  host: text
    .transform((address) => address.replace(/^\[(.*)\]$/, '$1'))
    .optional()
    .describe('Address to listen on; 127.0.0.1 when there is none.'),
  port: count
    .refine((port) => port <= 65_535, 'is not a port: at most 65535')
    .optional()
    .describe('Port to listen on; 5000 when there is none, 0 takes a free one.'),
  url: httpUrl
    .optional()
    .describe('How clients reach the server, when that is not the address it listens on.'),
  proxies: z
    .array(proxy)
    .default([])
    .describe('Addresses and networks whose X-Forwarded-For, -Proto and -Host are believed.'),
  tls: z
    .strictObject({
      certificate: text.describe('PEM file with the certificate and its chain.'),
      key: text.describe('PEM file with the private key.'),
    })
    .optional()
    .describe('Both files are read again when they change.'),
})
