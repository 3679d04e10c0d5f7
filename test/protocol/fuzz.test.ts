/** Requests that no client would send: never a crash, never a wrong shape, never another's bytes. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { digestOf } from '#kernel/index.ts'
import { mediaTypes } from '#oci/index.ts'
import { ourApp } from './servers.ts'

const secret = 'bytes of the repository «secret»'
const secretDigest = digestOf(secret)

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
    authorization: fc.constantFrom('Basic', 'Basic !!!', 'Bearer x'),
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  fc.constantFrom('', '{}', 'null', '[]', '{"schemaVersion":2}'),
  fc.json({ maxDepth: 2 }),
  fc.string({ maxLength: 40 }),
)
const request = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE'),
  path: fc.array(segment, { maxLength: 6 }).map((parts) => `/${parts.join('/')}`),
  under: fc.constantFrom('', '/v2', '/v2/a/blobs', '/v2/a/manifests', '/v2/a/blobs/uploads'),
  query,
  headers,
  body,
})

test('any request has an answer that the specification knows', async () => {
  await using app = await ourApp()
  const push = `/v2/secret/blobs/uploads/?digest=${secretDigest}`
  expect((await app.ask('POST', push, { body: secret })).status).toBe(201)
  await fc.assert(
    fc.asyncProperty(request, async (one) => {
      const { method, headers: given } = one
      const url = `${one.under}${one.path}${one.query}`
      if (!URL.canParse(`http://registry.test${url}`)) return
      const bare = method === 'GET' || method === 'HEAD'
      const init = bare ? { headers: given } : { headers: given, body: one.body }
      const answer = await app.ask(method, url, init)
      expect(answer.status).toBeLessThan(500)
      const text = await answer.text()
      if (answer.status >= 400 && answer.status !== 416 && method !== 'HEAD')
        expect(JSON.parse(text)).toMatchObject({ errors: [{}] })
      if (!url.includes('secret')) expect(text).not.toContain(secret)
    }),
    { numRuns: 2000 },
  )
  const still = await app.ask('GET', `/v2/secret/blobs/${secretDigest}`)
  expect([still.status, await still.text()]).toEqual([200, secret])
}, 60_000)
