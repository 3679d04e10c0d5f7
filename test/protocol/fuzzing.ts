/**
 * The fuzzers of the HTTP surface: the short form is a test, the long one a command.
 *
 * Each throws with fast-check's report, which names the seed and the smallest request that fails.
 */
import { expect } from 'bun:test'
import { connect } from 'node:net'
import fc from 'fast-check'
import { digestOf, digestParts, isDigest } from '#kernel/index.ts'
import { initOf, pathOf, request, secret, secretDigest } from './requests.ts'
import { guardedRegistry, type GuardedRegistry, ourApp, ourRegistry } from './servers.ts'

export interface FuzzOptions {
  readonly seed: number
  readonly numRuns: number
}

/** Where everybody may do everything: an answer of the specification's form to any request. */
export async function fuzzOpen(options: FuzzOptions): Promise<void> {
  await using app = await ourApp()
  const push = `/v2/kept/blobs/uploads/?digest=${secretDigest}`
  expect((await app.ask('POST', push, { body: secret })).status).toBe(201)
  await fc.assert(
    fc.asyncProperty(request, async (one) => {
      const path = pathOf(one)
      if (path === undefined) return
      const answer = await app.ask(one.method, path, initOf(one))
      expect(answer.status).toBeLessThan(500)
      const text = await answer.text()
      if (answer.status >= 400 && answer.status !== 416 && one.method !== 'HEAD')
        expect(JSON.parse(text)).toMatchObject({ errors: [{}] })
      // Whoever got a blob got its bytes.
      const digest = answer.headers.get('docker-content-digest')
      if (answer.status === 200 && one.method === 'GET' && digest !== null)
        expect(isDigest(digest) && digestOf(text, digestParts(digest).algorithm) === digest).toBe(
          true,
        )
    }),
    options,
  )
  const still = await app.ask('GET', `/v2/kept/blobs/${secretDigest}`)
  expect([still.status, await still.text()]).toEqual([200, secret])
}

/**
 * Where access is restricted: two registries, of which one has a repository that the client may not
 * read and the other has not, give the same answers to the same requests.
 */
export async function fuzzGuarded(options: FuzzOptions): Promise<void> {
  await using full = await guardedRegistry("access: { anonymous: ['public/**'] }")
  await using empty = await guardedRegistry("access: { anonymous: ['public/**'] }")
  const owner = [{ repositories: ['**'], actions: ['admin'] as const }]
  const mine = [
    { repositories: ['a/**', 'public/**'], actions: ['pull', 'push', 'delete'] as const },
  ]
  const root = await full.accounts.add({ name: 'root', kind: 'token', grants: owner })
  const path = `/v2/secret/blobs/uploads/?digest=${secretDigest}`
  const headers = { authorization: `Bearer ${root.secret}` }
  const pushed = await fetch(full.url + path, { method: 'POST', headers, body: secret })
  expect(pushed.status).toBe(201)
  const eves = await Promise.all(
    [full, empty].map(async (server) => {
      const { secret: token } = await server.accounts.add({
        name: 'eve',
        kind: 'token',
        grants: mine,
      })
      return { server, authorization: `Bearer ${token}` }
    }),
  )
  await fc.assert(
    fc.asyncProperty(request, fc.boolean(), async (one, known) => {
      const at = pathOf(one)
      if (at === undefined) return
      const answers = eves.map(async ({ server, authorization }) => {
        const given = known ? { authorization, ...one.headers } : one.headers
        return await comparable(server, at, { ...initOf(one), headers: given })
      })
      const [there, nowhere] = await Promise.all(answers)
      expect(there).toEqual(nowhere)
      expect(JSON.stringify(there)).not.toContain(secret)
    }),
    options,
  )
  const still = await fetch(`${full.url}/v2/secret/blobs/${secretDigest}`, { headers })
  expect([still.status, await still.text()]).toEqual([200, secret])
}

/** An answer without what differs between any two servers. */
async function comparable({ url, registry }: GuardedRegistry, path: string, init: RequestInit) {
  const answer = await fetch(url + path, { ...init, redirect: 'manual' })
  const even = (text: string) =>
    text
      .replaceAll(registry, 'registry')
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'uuid')
      .replaceAll(/eyJ[A-Za-z0-9._-]+/g, 'token')
      .replaceAll(/"issued_at":"[^"]*"/g, '"issued_at":""')
  const headers = [...answer.headers]
    .filter(([name]) => name !== 'date' && name !== 'content-length')
    .map(([name, value]) => `${name}: ${even(value)}`)
    .sort()
  return { status: answer.status, headers, text: even(await answer.text()) }
}

const line = fc.constantFrom(
  'GET /v2/ HTTP/1.1',
  'GET http://else.example/v2/ HTTP/1.1',
  'GET /v2/../../etc/passwd HTTP/1.1',
  'POST /v2/a/blobs/uploads/ HTTP/1.1',
  'PUT /v2/a/manifests/1 HTTP/1.1',
  'GET /v2/ HTTP/9.9',
  'PRI * HTTP/2.0',
  'CONNECT a:1 HTTP/1.1',
  'G\0T / HTTP/1.1',
)
const head = fc.constantFrom(
  'Host: x',
  'Host: ',
  'Host: a\r\nHost: b',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 5\r\nContent-Length: 6',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: xchunked',
  'Range: bytes=0-0,1-1,2-2',
  'X: \u0001',
  ' folded',
  ': nameless',
)
const bytes = fc.oneof(
  fc
    .tuple(line, fc.array(head, { maxLength: 4 }), fc.string({ maxLength: 30 }))
    .map(([first, heads, body]) => `${[first, ...heads].join('\r\n')}\r\n\r\n${body}`),
  fc.string({ maxLength: 200, unit: 'binary' }),
  fc.constantFrom('\r\n\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', '\u0016\u0003\u0001\u0002'),
)

/** Bytes straight into the socket: the server goes on, and says nothing of what it has. */
export async function fuzzSocket(options: FuzzOptions): Promise<void> {
  await using server = await ourRegistry()
  const push = `${server.url}/v2/kept/blobs/uploads/?digest=${secretDigest}`
  expect((await fetch(push, { method: 'POST', body: secret })).status).toBe(201)
  await fc.assert(
    fc.asyncProperty(bytes, async (text) => {
      const said = await sent(Number(new URL(server.url).port), text)
      expect(said).not.toContain(secret)
      expect((await fetch(`${server.url}/v2/`)).status).toBe(200)
    }),
    options,
  )
  const still = await fetch(`${server.url}/v2/kept/blobs/${secretDigest}`)
  expect([still.status, await still.text()]).toEqual([200, secret])
}

/** What the server answers until it has said something, or closes. */
async function sent(port: number, text: string): Promise<string> {
  const done = Promise.withResolvers<string>()
  let said = ''
  const socket = connect(port, '127.0.0.1', () => socket.end(Buffer.from(text, 'latin1')))
  socket.on('data', (data) => {
    said += data.toString('latin1')
    socket.destroy()
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => done.resolve(said))
  return await done.promise
}
