/**
 * Requests that no client would send, for the fuzzers of the HTTP surface.
 *
 * Paths, queries and headers are put together from what routes look for and from what they should
 * not trust; names and digests of a repository `secret` are among them.
 */
import fc from 'fast-check'
import { digestOf } from '#kernel/index.ts'
import { mediaTypes } from '#oci/index.ts'

/** The bytes of the one blob that is there; only who may read `secret` may see them. */
export const secret = 'bytes of the repository «secret»'
export const secretDigest = digestOf(secret)

const segment = fc.oneof(
  fc.constantFrom(
    'v2',
    'a',
    'secret',
    'blobs',
    'uploads',
    'manifests',
    'tags',
    'list',
    'referrers',
    'token',
    'metrics',
    'api',
    'v1',
    'stats',
  ),
  fc.constantFrom('..', '.', '', '%2e%2e', '%2f', '%00', '_catalog', 'A', '💥', 'x'.repeat(300)),
  fc.constantFrom(secretDigest, digestOf('x', 'sha512'), 'sha256:', 'sha256:zz', 'latest', '-'),
  fc.uuid(),
  fc.string({ maxLength: 12 }),
)
const query = fc.constantFrom(
  '',
  '?n=0',
  '?n=-1',
  '?n=1&last=%00',
  `?digest=${secretDigest}`,
  '?digest=sha256:zz&digest=1',
  `?mount=${digestOf('x')}`,
  `?mount=${secretDigest}&from=..`,
  '?digest-algorithm=md5',
  '?tag=a&tag=-',
  '?artifactType=%ff',
  '?scope=repository:secret:pull',
  '?scope=repository:**:pull,push,delete,*&scope=registry:catalog:*',
  `?mount=${secretDigest}&from=secret`,
  '?ns=secret',
  '?n=99999999999',
)
const headers = fc.record(
  {
    range: fc.constantFrom('bytes=0-', 'bytes=-1', 'bytes=9-1', 'bytes=99999999999999999-', 'x'),
    'content-range': fc.constantFrom(
      '0-1',
      '1-0',
      '9-99',
      '-',
      'bytes 0-1/2',
      '0-99999999999999999',
    ),
    'content-type': fc.constantFrom(mediaTypes.manifest, mediaTypes.index, 'text/plain', ''),
    'if-match': fc.constantFrom('*', '""', `"${secretDigest}"`),
    'if-none-match': fc.constantFrom('*', `"${secretDigest}"`, 'x'),
    authorization: fc.constantFrom(
      'Basic',
      'Basic !!!',
      'Bearer x',
      'Bearer eyJ.eyJ.',
      'Basic Og==',
    ),
    'x-forwarded-for': fc.constantFrom('127.0.0.1', '::1', ',,', 'x'.repeat(200)),
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  fc.constantFrom('', '{}', 'null', '[]', '{"schemaVersion":2}'),
  fc.json({ maxDepth: 2 }),
  fc.string({ maxLength: 40 }),
)
/** A request of which parts may make sense. */
export const request = fc.record({
  method: fc.constantFrom(
    'GET',
    'GET',
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'PURGE',
  ),
  path: fc
    .array(segment, { maxLength: 6 })
    .map((parts) => parts.map((part) => `/${part}`).join('')),
  under: fc.constantFrom(
    '',
    '/v2',
    '/v2/a/blobs',
    '/v2/a/manifests',
    '/v2/a/blobs/uploads',
    '/v2/secret',
    '/v2/secret/blobs',
    '/v2/secret/manifests',
    '/v2/secret/tags/list',
    `/v2/secret/blobs/${secretDigest}`,
    '/v2/a/blobs/uploads/',
  ),
  query,
  headers,
  body,
})

export interface FuzzedRequest {
  readonly method: string
  readonly path: string
  readonly under: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The path and query; undefined where no URL can be made of them. */
export function pathOf({ under, path, query: search }: FuzzedRequest): string | undefined {
  const text = `${under}${path}${search}`
  return URL.canParse(`http://registry.test${text}`) ? text : undefined
}

/** What `fetch` takes for it. */
export function initOf({ method, headers: given, body: text }: FuzzedRequest): RequestInit {
  const bare = method === 'GET' || method === 'HEAD'
  return bare ? { method, headers: given } : { method, headers: given, body: text }
}
