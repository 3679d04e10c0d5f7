/** `listen:` of registry.yaml: the address, TLS, and what stands before the server. */
import { z } from 'zod'
import { count, formed, text } from '../scalars.ts'
import { httpUrl } from './scalars.ts'

const proxy = formed(
  /^(?:[0-9.]{7,15}(?:\/[0-9]{1,2})?|[0-9a-fA-F:.]{2,45}(?:\/[0-9]{1,3})?)$/,
  'is not an address or a network such as 10.0.0.0/8 or fd00::/8',
)

export const listenSection = z.strictObject({
  host: text.optional().describe('Address to listen on; 127.0.0.1 when there is none.'),
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
