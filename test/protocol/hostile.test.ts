/**
 * The client against registries that fail, lie, stall, redirect and stop half-way.
 */
import { expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { registryClient, type RegistryClientOptions } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { blobOf, bytesOf, seededBytes } from './content.ts'
import { listening } from './listening.ts'

type Handler = (request: Request, path: string) => Response | Promise<Response>

const blob = blobOf(seededBytes(3 * 1024 * 1024 + 5, 7))
const blobPath = `/v2/r/blobs/${blob.descriptor.digest}`

function hostile(handler: Handler) {
  const asked: string[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 5,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url)
      asked.push(`${request.method} ${pathname}${search}`)
      return handler(request, pathname)
    },
  })
  const registry = `127.0.0.1:${server.port}`
  return {
    registry,
    repository: { registry, repository: 'r' },
    asked,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

/** A client that does not wait long. */
function hasty(options: RegistryClientOptions = {}) {
  return registryClient({ ...options, retry: { firstDelayMs: 1, delayMsMax: 2, ...options.retry } })
}

test('a server error is asked again, and told with a hint when it stays', async () => {
  let failures = 2
  await using server = hostile(() =>
    failures-- > 0 ? new Response('oh', { status: 503 }) : Response.json({}),
  )
  await hasty().ping(server.registry)
  expect(server.asked).toHaveLength(3)
  failures = Number.POSITIVE_INFINITY
  await expect(hasty({ retry: { attempts: 4 } }).ping(server.registry)).rejects.toMatchObject({
    code: 'oci/registry-failed',
    message: expect.stringMatching(/answered 503 to «say hello»: oh/),
    retryable: true,
  })
  expect(server.asked).toHaveLength(7)
})

test('Retry-After is honoured, and one that is too long ends the attempts', async () => {
  let after = '0'
  await using server = hostile((_request, path) =>
    server.asked.length === 1 || path === '/v2/r/tags/list'
      ? new Response('slow down', { status: 429, headers: { 'retry-after': after } })
      : Response.json({}),
  )
  await hasty().ping(server.registry)
  expect(server.asked).toHaveLength(2)
  after = '100000'
  await expect(hasty().tags(server.repository)).rejects.toMatchObject({
    code: 'oci/too-many-requests',
    hints: [expect.stringContaining('log in'), expect.stringContaining('docker login')],
  })
  expect(server.asked).toHaveLength(3)
})

test('nobody listens: a sentence and a hint after the attempts', async () => {
  const closed = hostile(() => new Response())
  await closed[Symbol.asyncDispose]()
  await expect(hasty().ping(closed.registry)).rejects.toMatchObject({
    code: 'oci/unreachable',
    hints: [expect.stringContaining('network')],
  })
})

test('one token for many requests, credentials to the token service only', async () => {
  const seen: (string | null)[] = []
  await using server = hostile((request, path) => {
    const header = request.headers.get('authorization')
    if (path === '/token') {
      seen.push(header)
      return Response.json({ access_token: 'TOKEN', expires_in: 300 })
    }
    if (header === 'Bearer TOKEN') return Response.json({ tags: ['a'] })
    const service = `realm="http://${server.registry}/token",service="s"`
    const realm = `Bearer ${service},scope="repository:r:pull"`
    return new Response(null, { status: 401, headers: { 'www-authenticate': realm } })
  })
  const credentials = async () =>
    ({ kind: 'password', username: 'ada', password: 'secret' }) as const
  const client = hasty({ credentials })
  expect(await client.tags(server.repository)).toEqual(['a'])
  expect(await client.tags(server.repository)).toEqual(['a'])
  expect(seen).toEqual([`Basic ${btoa('ada:secret')}`])
  expect(server.asked).toEqual([
    'GET /v2/r/tags/list?n=1000',
    'GET /token?service=s&scope=repository%3Ar%3Apull',
    'GET /v2/r/tags/list?n=1000',
    'GET /v2/r/tags/list?n=1000',
  ])
})

test('a token for two repositories is refused: the blob is sent, not mounted', async () => {
  const service = 'Bearer realm="REALM",service="s"'
  await using server = hostile(async (request, path) => {
    const { searchParams, origin } = new URL(request.url)
    if (path === '/token') {
      if (searchParams.getAll('scope').length > 1) return new Response('no', { status: 403 })
      return Response.json({ token: '', access_token: 't', expires_in: null })
    }
    if (request.headers.get('authorization') === null) {
      const headers = { 'www-authenticate': service.replace('REALM', `${origin}/token`) }
      return new Response(null, { status: 401, headers })
    }
    await request.arrayBuffer()
    const headers = { location: '/v2/r/blobs/uploads/1' }
    if (request.method === 'POST') return new Response(null, { status: 202, headers })
    if (request.method === 'PATCH') return new Response(null, { status: 202, headers })
    return new Response(null, { status: request.method === 'PUT' ? 201 : 404 })
  })

  const pushed = hasty().pushBlob(server.repository, blob.descriptor, blob.source, {
    mountFrom: 'other',
  })

  expect(await pushed).toBe('uploaded')
})

test('an expired token is fetched anew, and a refused one is not asked for for ever', async () => {
  let nowMs = 0
  let accepted = 'Bearer 1'
  let tokens = 0
  await using server = hostile((request, path) => {
    if (path === '/token') return Response.json({ token: `${++tokens}`, expires_in: 100 })
    if (request.headers.get('authorization') === accepted) return Response.json({})
    const realm = `Bearer realm="http://${server.registry}/token"`
    return new Response(null, { status: 401, headers: { 'www-authenticate': realm } })
  })
  const client = hasty({ clock: { nowMs: () => nowMs } })
  await client.ping(server.registry)
  accepted = 'Bearer 2'
  nowMs = 101_000
  await client.ping(server.registry)
  expect(tokens).toBe(2)
  accepted = 'nothing'
  await expect(client.ping(server.registry)).rejects.toMatchObject({ code: 'oci/unauthorized' })
  expect(tokens).toBe(3)
})

test('wrong credentials are an error that names the log-in, not a loop', async () => {
  await using server = hostile(() => {
    const headers = { 'www-authenticate': 'Basic realm="r"' }
    return new Response(null, { status: 401, headers })
  })
  const credentials = async () => ({ kind: 'password', username: 'a', password: 'b' }) as const
  await expect(hasty({ credentials }).ping(server.registry)).rejects.toMatchObject({
    code: 'oci/unauthorized',
    hints: [expect.stringContaining(`docker login ${server.registry}`)],
  })
  expect(server.asked).toHaveLength(2)
})

test('a token service without TLS elsewhere gets no credentials', async () => {
  await using server = hostile(() => {
    const headers = { 'www-authenticate': 'Bearer realm="http://example.invalid/token"' }
    return new Response(null, { status: 401, headers })
  })
  await expect(hasty().ping(server.registry)).rejects.toMatchObject({ code: 'oci/plain-http' })
})

test('403 and 404 have their own codes; a page that is no registry is told as such', async () => {
  await using server = hostile((_request, path) =>
    path === '/v2/' ? new Response('<html>', { status: 404 }) : new Response('no', { status: 403 }),
  )
  await expect(hasty().ping(server.registry)).rejects.toMatchObject({ code: 'oci/bad-answer' })
  await expect(hasty().tags(server.repository)).rejects.toMatchObject({ code: 'oci/denied' })
})

test('a redirect to another host gets no Authorization', async () => {
  const elsewhere: (string | null)[] = []
  await using storage = hostile((request) => {
    elsewhere.push(request.headers.get('authorization'))
    return new Response(blob.bytes.slice())
  })
  await using server = hostile((request) => {
    if (request.headers.get('authorization') === null)
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } })
    const headers = { location: `http://${storage.registry}/signed?x=1` }
    return new Response(null, { status: 307, headers })
  })
  const credentials = async () => ({ kind: 'password', username: 'a', password: 'b' }) as const
  const client = hasty({ credentials })
  expect(await bytesOf(client.pullBlob(server.repository, blob.descriptor))).toEqual(blob.bytes)
  expect(elsewhere).toEqual([null])
})

test('redirects in a circle end', async () => {
  await using server = hostile(
    () => new Response(null, { status: 302, headers: { location: '/v2/' } }),
  )
  await expect(hasty().ping(server.registry)).rejects.toMatchObject({ code: 'oci/bad-answer' })
})

test('a download that stops half-way goes on from the last byte', async () => {
  await using server = hostile((request) => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.get('range') ?? '')?.[1] ?? 0)
    const end = Math.min(start + 1_000_000, blob.bytes.byteLength)
    return broken(blob.bytes, { start, end, status: start === 0 ? 200 : 206 })
  })
  const client = hasty()
  expect(await bytesOf(client.pullBlob(server.repository, blob.descriptor))).toEqual(blob.bytes)
  expect(client.traffic().blobBytesReceived).toBe(blob.bytes.byteLength)
  expect(server.asked.length).toBeGreaterThan(3)
})

test('a connection that is cut in the middle is taken up again', async () => {
  using server = await hangingUp(1_000_000)
  const client = hasty()
  expect(await bytesOf(client.pullBlob(server.repository, blob.descriptor))).toEqual(blob.bytes)
  expect(client.traffic().requests).toBeGreaterThan(2)
})

test('a registry without ranges: the beginning is skipped', async () => {
  let half = true
  await using server = hostile(() => {
    const end = half ? 1_500_000 : blob.bytes.byteLength
    half = false
    return broken(blob.bytes, { start: 0, end, status: 200 })
  })
  expect(await bytesOf(hasty().pullBlob(server.repository, blob.descriptor))).toEqual(blob.bytes)
})

test('a download that never gets further ends with what it got', async () => {
  await using server = hostile(() => broken(blob.bytes, { start: 0, end: 1000, status: 200 }))
  await expect(bytesOf(hasty().pullBlob(server.repository, blob.descriptor))).rejects.toMatchObject(
    { code: 'oci/unreachable', retryable: true },
  )
})

test('a registry that stalls is given up', async () => {
  await using server = hostile(() => new Promise<Response>(() => undefined))
  const client = hasty({ idleTimeoutMs: 30, retry: { attempts: 2 } })
  await expect(client.ping(server.registry)).rejects.toMatchObject({ code: 'oci/unreachable' })
  expect(server.asked).toHaveLength(2)
})

test('bytes with another digest never become a blob', async () => {
  const wrong = blob.bytes.slice()
  wrong[5] = (wrong[5] ?? 0) ^ 1
  await using server = hostile(() => new Response(wrong))
  using folder = temporaryFolder()
  const blobs = diskBlobs(folder.path)
  const chunks = hasty().pullBlob(server.repository, blob.descriptor)
  const { digest, size } = blob.descriptor
  await expect(blobs.write(chunks, { digest, maxBytes: size })).rejects.toMatchObject({
    code: 'oci/digest-invalid',
    hints: [expect.stringContaining('damaged'), expect.anything()],
  })
  expect(await blobs.size(digest)).toBeUndefined()
})

test('more bytes than announced are not taken', async () => {
  await using server = hostile(() => new Response(new Uint8Array(64 * 1024 * 1024)))
  const client = hasty()
  await expect(bytesOf(client.pullBlob(server.repository, blob.descriptor))).rejects.toMatchObject({
    code: 'oci/bad-answer',
  })
  expect(client.traffic().blobBytesReceived).toBeLessThanOrEqual(blob.bytes.byteLength)
})

test('a manifest that never ends is cut off; one with another digest is refused', async () => {
  const endless = () => new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1024 * 1024)) })
  await using server = hostile((_request, path) =>
    path.endsWith('endless') ? new Response(endless()) : new Response('{"schemaVersion":2}'),
  )
  const at = server.repository
  await expect(hasty().pullManifest({ ...at, tag: 'endless' })).rejects.toMatchObject({
    code: 'kernel/too-large',
  })
  await expect(hasty().pullManifest({ ...at, digest: digestOf('else') })).rejects.toMatchObject({
    code: 'oci/digest-invalid',
  })
  await expect(hasty().pullManifest({ ...at, tag: 'odd' })).rejects.toMatchObject({
    code: 'oci/bad-manifest',
  })
})

test('pages that never end are noticed', async () => {
  await using server = hostile(() =>
    Response.json({ tags: ['a'] }, { headers: { link: '</v2/r/tags/list?n=1000>; rel="next"' } }),
  )
  await expect(hasty().tags(server.repository)).rejects.toMatchObject({ code: 'oci/bad-answer' })
})

test('a cancelled pull ends at once', async () => {
  const controller = new AbortController()
  await using server = hostile(() => {
    controller.abort()
    return new Promise<Response>(() => undefined)
  })
  const { signal } = controller
  await expect(
    bytesOf(hasty().pullBlob(server.repository, blob.descriptor, { signal })),
  ).rejects.toMatchObject({ code: 'kernel/cancelled' })
  expect(server.asked).toEqual([`GET ${blobPath}`])
})

/** Sends some bytes of many, and ends as if that were all. */
function broken(
  bytes: Uint8Array,
  { start, end, status }: { start: number; end: number; status: 200 | 206 },
): Response {
  const range = `bytes ${start}-${bytes.byteLength - 1}/${bytes.byteLength}`
  const headers = status === 206 ? { 'content-range': range } : {}
  return new Response(bytes.slice(start, end), { status, headers })
}

/** A server that promises the rest of the blob, sends a part of it, and hangs up. */
async function hangingUp(partBytes: number) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (data) => {
      const start = Number(/range: bytes=(\d+)-/i.exec(data.toString('latin1'))?.[1] ?? 0)
      const { byteLength } = blob.bytes
      const head = [
        start === 0 ? 'HTTP/1.1 200 OK' : 'HTTP/1.1 206 Partial Content',
        `content-length: ${byteLength - start}`,
        `content-range: bytes ${start}-${byteLength - 1}/${byteLength}`,
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      socket.write(blob.bytes.subarray(start, start + partBytes), () => socket.destroy())
    })
  })
  const registry = await listening(server)
  return {
    repository: { registry, repository: 'r' },
    [Symbol.dispose]: () => server.close(),
  }
}
