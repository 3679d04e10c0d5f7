/** `upstreams:` of registry.yaml: registries that this one is a cache of. */
import { z } from 'zod'
import { flag, formed, oneOrMany } from '../scalars.ts'
import { account, durationMs, repositoryName, repositoryPattern } from './scalars.ts'

const hostForm = '(?:\\[[0-9a-fA-F:.]{2,45}\\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::[0-9]{1,5})?'
const host = formed(
  new RegExp(`^${hostForm}$`),
  'is not a host, with its port if it has one, such as ghcr.io or 10.0.0.5:5000',
)
const place = formed(
  new RegExp(`^${hostForm}(?:/[a-z0-9._-]+)*$`),
  'is not a registry such as ghcr.io, ghcr.io/org or 10.0.0.5:5000',
)
const prefix = formed(
  new RegExp(`^${repositoryName}$`),
  'is not the beginning of a repository name, such as docker.io or mirrors/quay',
).max(100, 'is too long')
const percent = formed(/^(?:[0-9]|[1-9][0-9]|100)%$/, 'is not a percentage such as 10%').transform(
  (value) => Number(value.slice(0, -1)) / 100,
)

const upstream = z.strictObject({
  registry: place
    .optional()
    .describe('Host, and path if only a part of it is shown; the prefix when not given.'),
  namespaces: oneOrMany(host)
    .optional()
    .describe('Values of ?ns= that mean it (containerd); its host when not given.'),
  accounts: oneOrMany(account)
    .default([])
    .describe('Log-ins; the one with the most pulls left is taken. None: it is asked as nobody.'),
  mirrors: oneOrMany(place)
    .default([])
    .describe('Registries with the same content, asked when it fails or its quota is used up.'),
  private: flag
    .default(false)
    .describe('Whether it may lie on a private address or on this machine.'),
  'private-hosts': oneOrMany(host)
    .default([])
    .describe('Further hosts, with ports, that it may send to although they are private.'),
  'plain-http': flag
    .default(false)
    .describe('Whether it, and what it sends to of private-hosts, may be spoken to without TLS.'),
  'token-hosts': oneOrMany(host)
    .default([])
    .describe('Token services besides its own host that may see the passwords.'),
  unprefixed: oneOrMany(repositoryPattern)
    .default([])
    .describe('Names that are its without the prefix, as Docker asks its mirrors: library/**.'),
  fresh: durationMs.default(300_000).describe('A tag is not asked for again within this time.'),
  absent: durationMs
    .default(30_000)
    .describe('What was not there is not asked for again within this time.'),
  'spare-below': percent
    .default(0.1)
    .describe('At this part of the pull limit, tags that are here are not fetched anew.'),
  wait: durationMs
    .refine((ms) => ms <= 60_000, 'is more than 60s, which no client waits')
    .default(10_000)
    .describe('How long a client waits for a used-up quota to come back before it is refused.'),
})

export const upstreamsSection = z
  .record(prefix, upstream)
  .refine((all) => {
    const names = Object.keys(all)
    return !names.some((one) => names.some((other) => other.startsWith(`${one}/`)))
  }, 'has a prefix that is part of another one')
  .refine((all) => {
    const meant = Object.values(all).flatMap(({ namespaces = [] }) => namespaces)
    return new Set(meant).size === meant.length
  }, 'has a value of ?ns= that means two of them')
