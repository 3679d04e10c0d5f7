/** Names, digests, ids, ranges and encodings that try to leave where they belong. */
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { digestOf } from '#kernel/index.ts'
import { ourRegistry, type TestRegistry } from './servers.ts'

const secret = 'the bytes of a blob'
const digest = digestOf(secret)
const hex = digest.slice('sha256:'.length)

/** The answer to a request line as it is: `fetch` would tidy the path. */
async function raw({ url }: TestRegistry, line: string, headers: readonly string[] = []) {
  const done = Promise.withResolvers<string>()
  let said = ''
  const text = [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n')
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
  socket.on('data', (data) => (said += data.toString('latin1')))
  socket.on('error', done.reject)
  socket.on('close', () => done.resolve(said))
  const answer = await done.promise
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), answer }
}

async function withBlob() {
  const server = await ourRegistry()
  const push = `${server.url}/v2/a/b/blobs/uploads/?digest=${digest}`
  expect((await fetch(push, { method: 'POST', body: secret })).status).toBe(201)
  return server
}

test('paths that lead elsewhere find nothing', async () => {
  await using server = await withBlob()
  const lines = [
    'GET /v2/../../etc/passwd',
    'GET /v2/a/b/blobs/../../../../etc/passwd',
    'GET /v2/a/b/blobs/..%2f..%2fregistry.db',
    'GET /v2/a/b/blobs/%2e%2e/%2e%2e/registry.db',
    `GET /v2/a/b/blobs/sha256:${'../'.repeat(20)}etc/passwd`,
    `GET /v2/a/b/blobs/sha256:..%2f${hex}`,
    `GET /v2/a/b/blobs/sha256%00:${hex}`,
    `GET /v2/a/b/blobs/sha256:${hex}%00`,
    `GET /v2/a/b/blobs/sha256:${hex}/`,
    `GET /v2/a/b/blobs/sha256:${hex.toUpperCase()}`,
    `GET /v2/a/b/blobs/SHA256:${hex}`,
    `GET /v2/a/b/blobs/md5:${hex.slice(0, 32)}`,
    `GET /v2/a/b/blobs/sha256:${hex.slice(1)}`,
    `GET /v2/a/b/blobs/sha512:${hex}`,
    `GET /v2/a/b/manifests/${digest}`,
    'GET /v2/a/b/manifests/..',
    'GET /v2/a/b/manifests/%2e%2e%2fregistry.db',
    `GET /v2/a/./b/blobs/${digest}x`,
    `GET /v2//a/b/blobs/${digest}`,
    `GET /v2/a//b/blobs/${digest}`,
    `GET /v2/A/B/blobs/${digest}`,
    `GET /v2/a/b%20/blobs/${digest}`,
    `GET /v2/a/b%0d%0aX:%20y/blobs/${digest}`,
    `GET /v2/%61%2f..%2f..%2fb/blobs/${digest}`,
    `GET /v2/a/b/blobs/uploads/../../../../${hex}`,
    'GET /v2/a/b/blobs/uploads/..%2f..%2fregistry.db',
    'GET /v2/a/b/blobs/uploads/00000000-0000-0000-0000-000000000000',
    'DELETE /v2/a/b/blobs/uploads/..%2f..%2fregistry.lock',
    'DELETE /v2/a/b/blobs/..%2f..%2f..%2fregistry.db',
    'GET /v2/%ff%fe/tags/list',
    'GET /v2/a/b/tags/list/..',
    'GET //v2/a/b/tags/list',
    'GET /v2/a/b/tags/list%3fn=1',
    'GET \\v2\\a\\b\\tags\\list',
  ]
  for (const line of lines) {
    const { status, answer } = await raw(server, line)
    expect([line, status >= 400 && status < 500]).toEqual([line, true])
    expect(answer).not.toContain(secret)
    expect(answer).not.toContain(server.dir)
    expect(answer).not.toMatch(/^X: y/m)
  }
  for (const name of ['registry.db', 'registry.lock'])
    expect(existsSync(join(server.dir, name))).toBe(true)
})

test('an upload is found only by the repository that began it', async () => {
  await using server = await withBlob()
  const begun = await fetch(`${server.url}/v2/a/b/blobs/uploads/`, { method: 'POST' })
  const id = begun.headers.get('docker-upload-uuid') ?? ''
  for (const repository of ['a', 'b', 'a/c', 'a/b/c', 'other'])
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      const path = `${server.url}/v2/${repository}/blobs/uploads/${id}?digest=${digest}`
      expect((await fetch(path, { method })).status).toBe(404)
    }
  expect((await fetch(`${server.url}/v2/a/b/blobs/uploads/${id}`)).status).toBe(204)
})

test.each<[string, number, string | undefined]>([
  ['bytes=0-0', 206, secret.slice(0, 1)],
  ['bytes=-1', 206, secret.slice(-1)],
  ['bytes=0-99999', 206, secret],
  ['bytes=18-', 206, secret.slice(18)],
  ['bytes=19-', 416, undefined],
  ['bytes=5-4', 416, undefined],
  ['bytes=-0', 416, undefined],
  ['bytes=99999999999999-', 416, undefined],
  ['bytes=999999999999999999999999-', 416, undefined],
  ['bytes=0-999999999999999999999999', 206, secret],
  ['bytes=-999999999999999999999999', 206, secret],
  ['Bytes=0-0', 206, secret.slice(0, 1)],
  ['bytes=-1-5', 200, secret],
  ['bytes=0-1,3-4', 200, secret],
  ['bytes=0x1-2', 200, secret],
  ['bytes=1e1-', 200, secret],
  ['bits=0-1', 200, secret],
  ['bytes=', 200, secret],
  ['bytes=-', 200, secret],
])('Range: %s gets %d', async (range, status, body) => {
  await using server = await withBlob()
  const answer = await fetch(`${server.url}/v2/a/b/blobs/${digest}`, { headers: { range } })
  expect(answer.status).toBe(status)
  if (body !== undefined) expect(await answer.text()).toBe(body)
})

test.each<[string, number]>([
  [`"${digest}"`, 206],
  ['"else"', 200],
  [`W/"${digest}"`, 200],
  ['Sun, 22 Nov 2026 00:00:00 GMT', 200],
])('If-Range: %s gets %d', async (condition, status) => {
  await using server = await withBlob()
  const headers = { range: 'bytes=1-2', 'if-range': condition }
  const answer = await fetch(`${server.url}/v2/a/b/blobs/${digest}`, { headers })
  expect(answer.status).toBe(status)
  expect(await answer.text()).toBe(status === 206 ? secret.slice(1, 3) : secret)
})

test('requests without a host, with an odd one, or of an unclear length', async () => {
  await using server = await withBlob()
  const { port } = new URL(server.url)
  const statusOf = async (...head: readonly string[]) => {
    const done = Promise.withResolvers<string>()
    let said = ''
    const socket = connect(Number(port), '127.0.0.1', () =>
      socket.write(`${head.join('\r\n')}\r\n\r\n0\r\n\r\n`),
    )
    socket.on('data', (data) => {
      said += data.toString('latin1')
      socket.end()
    })
    socket.on('error', done.reject)
    socket.on('close', () => done.resolve(said))
    return Number(/^HTTP\/1\.1 (\d+)/.exec(await done.promise)?.[1])
  }
  expect(await statusOf('GET /v2/ HTTP/1.0')).toBe(200)
  expect(await statusOf('GET http://elsewhere/v2/ HTTP/1.1', 'Host: x')).toBe(200)
  for (const host of ['Host: a b', 'Host: [::::', 'Host: "<x>', 'X: no host'])
    expect([host, await statusOf('GET /v2/ HTTP/1.1', host)]).toEqual([host, 400])
  const post = ['POST /v2/a/b/blobs/uploads/ HTTP/1.1', 'Host: x', 'Connection: close'] as const
  for (const framing of [
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['Content-Length: 5', 'Content-Length: 0'],
    ['Content-Length: 5, 5'],
    ['Content-Length: -5'],
    ['Content-Length: 99999999999999999999'],
    ['Transfer-Encoding: xchunked'],
    ['Transfer-Encoding : chunked'],
    ['Transfer-Encoding: chunked, identity'],
  ])
    expect([framing, await statusOf(...post, ...framing)]).toEqual([framing, 400])
})
