/**
 * Upstreams that lie, send elsewhere, and want to be believed: nothing of it reaches the cache's
 * clients, its network or its credentials.
 */
import { expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { digestOf } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { mediaTypes, type Upstream } from '#oci/index.ts'
import { blobOf, manifestOf, seededBytes } from './content.ts'
import { listening } from './listening.ts'
import { cacheOf, upstreamAt } from './proxied.ts'
import { ourRegistry } from './servers.ts'

const layer = blobOf(seededBytes(1000, 5))
const image = manifestOf([layer])

type Handler = (request: Request, path: string) => Response | Promise<Response>

function upstream(handler: Handler) {
  const asked: string[] = []
  const authorizations: (string | null)[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname } = new URL(request.url)
      asked.push(`${request.method} ${pathname}`)
      authorizations.push(request.headers.get('authorization'))
      return await handler(request, pathname)
    },
  })
  return {
    registry: `127.0.0.1:${server.port}`,
    asked,
    authorizations,
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

function manifestAnswer(bytes: Uint8Array = image.bytes, headers: Record<string, string> = {}) {
  const digest = digestOf(image.bytes)
  const usual = { 'content-type': mediaTypes.manifest, 'docker-content-digest': digest }
  return new Response(bytes.slice(), { headers: { ...usual, ...headers } })
}

const ada: Partial<Upstream> = {
  accounts: [
    { name: 'ada', credential: { kind: 'password', username: 'ada', password: 'secret' } },
  ],
}

test('an upstream at a private address is refused unless it is said to be private', async () => {
  await using server = upstream(() => manifestAnswer())
  await using cache = await cacheOf([upstreamAt(server.registry, { privateHosts: [] })])
  const answer = await cache.get('up/a/manifests/1')
  expect(answer.status).toBe(502)
  expect(await answer.text()).toContain('not a public address')
  expect(server.asked).toEqual([])
})

test('a redirect to a private address, by number or by name, is not followed', async () => {
  await using inner = upstream(() => new Response('the secret of the network'))
  const port = inner.registry.split(':')[1]
  let location = `http://${inner.registry}/`
  await using server = upstream(() => new Response(null, { status: 307, headers: { location } }))
  const places = [
    `http://${inner.registry}/`,
    `http://localhost:${port}/`,
    `http://[::1]:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://2130706433:${port}/`,
    `http://0x7f.1:${port}/`,
    `http://0.0.0.0:${port}/`,
    `http://[::]:${port}/`,
    `http://rebind.example:${port}/`,
    'https://169.254.169.254/latest/meta-data/',
    'https://metadata.example/',
    'file:///etc/passwd',
  ]
  const addresses = async (host: string) => [host.startsWith('rebind') ? '127.0.0.1' : '10.0.0.1']
  const plainHosts = [server.registry, ...places.map((place) => new URL(place).host)]
  await using cache = await cacheOf([upstreamAt(server.registry, { plainHosts, absentMs: 0 })], {
    addresses,
  })
  for (location of places) {
    const blob = await cache.get(`up/a/blobs/${layer.descriptor.digest}`)
    expect([location, blob.status]).toEqual([location, 502])
    const manifest = await cache.get('up/a/manifests/1')
    expect(manifest.status).toBe(502)
    // Neither what is there, nor what a name means in this network.
    for (const answer of [blob, manifest])
      expect(await answer.text()).not.toMatch(/secret|10\.0\.0\.1|127\.0\.0\.1 /)
  }
  expect(inner.asked).toEqual([])
})

test('a redirect to a host that is named is followed, without credentials', async () => {
  await using storage = upstream(() => new Response(layer.bytes.slice()))
  await using server = upstream((request, path) => {
    if (request.headers.get('authorization') === null)
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } })
    if (request.method === 'HEAD')
      return new Response(null, { headers: { 'content-length': '1000' } })
    return Response.redirect(`http://${storage.registry}${path}`, 307)
  })
  const hosts = [server.registry, storage.registry]
  const more = { ...ada, privateHosts: hosts, plainHosts: hosts }
  await using cache = await cacheOf([upstreamAt(server.registry, more)])
  const answer = await cache.get(`up/a/blobs/${layer.descriptor.digest}`)
  expect(Buffer.compare(await answer.bytes(), layer.bytes)).toBe(0)
  expect(storage.authorizations).toEqual([null])
})

test('without TLS an upstream may send to hosts that are named, and to no others', async () => {
  await using storage = upstream(() => new Response(layer.bytes.slice()))
  await using server = upstream((request, path) =>
    request.method === 'HEAD'
      ? new Response(null, { headers: { 'content-length': '1000' } })
      : Response.redirect(`http://${storage.registry}${path}`, 307),
  )
  const own = { registry: server.registry, private: true, 'plain-http': true }
  const upstreams = {
    named: { ...own, 'private-hosts': storage.registry },
    mirrored: { ...own, 'private-hosts': storage.registry, mirrors: storage.registry },
    unnamed: own,
  }
  const config = parseRegistryConfig(JSON.stringify({ upstreams }), 'registry.yaml')
  await using cache = await ourRegistry({ config })
  const status = async (prefix: string) => {
    const answer = await fetch(`${cache.url}/v2/${prefix}/a/blobs/${layer.descriptor.digest}`)
    await answer.arrayBuffer()
    return answer.status
  }
  expect(await status('named')).toBe(200)
  expect(storage.asked).toHaveLength(1)
  expect([await status('mirrored'), await status('unnamed')]).toEqual([502, 502])
  expect(storage.asked).toHaveLength(1)
})

test('redirects in a circle end', async () => {
  await using server = upstream(
    (_request, path) => new Response(null, { status: 302, headers: { location: path } }),
  )
  await using cache = await cacheOf([upstreamAt(server.registry)])
  expect((await cache.get('up/a/manifests/1')).status).toBe(502)
  expect(server.asked.length).toBeLessThan(20)
})

test('a challenge that names another host gets no password', async () => {
  await using thief = upstream(() => Response.json({ token: 'T' }))
  await using server = upstream(
    () =>
      new Response(null, {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${thief.registry}/token"` },
      }),
  )
  const hosts = [server.registry, thief.registry]
  const more = { ...ada, privateHosts: hosts, plainHosts: hosts }
  await using cache = await cacheOf([upstreamAt(server.registry, more)])
  expect((await cache.get('up/a/manifests/1')).status).toBe(404)
  expect(thief.asked.length).toBeGreaterThan(0)
  expect(thief.authorizations.filter((header) => header !== null)).toEqual([])
  await using trusting = await cacheOf([
    upstreamAt(server.registry, { ...more, tokenHosts: [thief.registry] }),
  ])
  await trusting.get('up/a/manifests/1')
  expect(thief.authorizations.at(-1)).toStartWith('Basic ')
})

test('a challenge that names a private address is not followed', async () => {
  await using inner = upstream(() => Response.json({ token: 'T' }))
  await using server = upstream(
    () =>
      new Response(null, {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${inner.registry}/token"` },
      }),
  )
  const plainHosts = [server.registry, inner.registry]
  await using cache = await cacheOf([upstreamAt(server.registry, { plainHosts })])
  expect((await cache.get('up/a/manifests/1')).status).toBe(502)
  expect(inner.asked).toEqual([])
})

test('a manifest with another digest than was said, by tag or by digest, is not kept', async () => {
  await using server = upstream((request) =>
    request.method === 'HEAD'
      ? manifestAnswer(image.bytes, { 'content-length': `${image.bytes.byteLength}` })
      : manifestAnswer(manifestOf([]).bytes),
  )
  await using cache = await cacheOf([upstreamAt(server.registry)])
  for (const reference of ['1', image.digest]) {
    expect((await cache.get(`up/a/manifests/${reference}`)).status).toBe(502)
    expect(await cache.local.manifest('up/a', reference)).toBeUndefined()
  }
})

test.each([
  ['no JSON', new TextEncoder().encode('not json')],
  ['HTML', new TextEncoder().encode('<html>')],
  ['a list', new TextEncoder().encode('[]')],
  ['deep nesting', new TextEncoder().encode('['.repeat(100_000))],
  ['a layer without a digest', new TextEncoder().encode('{"schemaVersion":2,"layers":[{}]}')],
])('a manifest that is %s is not kept', async (_, bytes) => {
  const digest = digestOf(bytes)
  await using server = upstream(
    () =>
      new Response(bytes.slice(), {
        headers: { 'content-type': mediaTypes.manifest, 'docker-content-digest': digest },
      }),
  )
  await using cache = await cacheOf([upstreamAt(server.registry)])
  expect((await cache.get(`up/a/manifests/${digest}`)).status).toBe(502)
  expect((await cache.get('up/a/manifests/1')).status).toBe(502)
})

test('a manifest of 100 MB is let go', async () => {
  let sent = 0
  await using server = upstream(
    (request) =>
      new Response(
        request.method === 'HEAD'
          ? null
          : new ReadableStream({
              pull: (controller) => {
                sent += 1_000_000
                controller.enqueue(new Uint8Array(1_000_000).fill(32))
                if (sent >= 100_000_000) controller.close()
              },
            }),
        { headers: { 'content-type': mediaTypes.manifest } },
      ),
  )
  await using cache = await cacheOf([upstreamAt(server.registry)])
  expect((await cache.get(`up/a/manifests/${image.digest}`)).status).toBeGreaterThanOrEqual(400)
  expect(sent).toBeLessThan(90_000_000)
})

test('bombs of gzip are not unpacked, in manifests, lists and tokens', async () => {
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(300_000_000, ' ')))
  const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json' }
  await using server = upstream((_request, path) => {
    if (path.startsWith('/v2/b/'))
      return new Response(null, {
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="http://${server.registry}/token"` },
      })
    return new Response(bomb, { headers })
  })
  await using cache = await cacheOf([upstreamAt(server.registry)])
  const before = process.memoryUsage.rss()
  expect((await cache.get(`up/a/manifests/${image.digest}`)).status).toBe(502)
  expect((await cache.get('up/a/tags/list')).status).toBe(502)
  expect((await cache.get('up/b/manifests/1')).status).toBe(502)
  expect(process.memoryUsage.rss() - before).toBeLessThan(200_000_000)
})

test('headers without end are not read to theirs', async () => {
  let sent = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      const line = `x-more: ${'a'.repeat(1000)}\r\n`.repeat(64)
      const more = () => {
        if (socket.destroyed || sent > 200_000_000) return socket.destroy()
        sent += line.length
        return socket.write(line) ? setImmediate(more) : socket.once('drain', more)
      }
      socket.write('HTTP/1.1 200 OK\r\n')
      more()
    })
  })
  await using cache = await cacheOf([upstreamAt(await listening(server))])
  expect((await cache.get('up/a/manifests/1')).status).toBe(502)
  expect(sent).toBeLessThan(50_000_000)
  server.close()
})

test('lists of tags without end, and pages in a circle, end', async () => {
  let page = 0
  let next = () => `/v2/a/tags/list?page=${(page += 1)}`
  await using server = upstream(() =>
    Response.json(
      { tags: Array.from({ length: 50_000 }, (_, at) => `${'t'.repeat(100)}-${page}-${at}`) },
      { headers: { link: `<${next()}>; rel="next"` } },
    ),
  )
  await using cache = await cacheOf([upstreamAt(server.registry)])
  expect((await cache.get('up/a/tags/list')).status).toBe(502)
  expect(page).toBeLessThan(20)
  next = () => '/v2/a/tags/list'
  expect((await cache.get('up/a/tags/list')).status).toBe(502)
})

test('an upstream that says nothing is given up', async () => {
  await using server = upstream(() => new Promise<Response>(() => undefined))
  await using cache = await cacheOf([upstreamAt(server.registry)], { idleTimeoutMs: 50 })
  expect((await cache.get('up/a/manifests/1')).status).toBe(502)
  expect((await cache.get(`up/a/blobs/${layer.descriptor.digest}`)).status).toBe(502)
})

test('headers of an upstream do not get through, whatever is in them', async () => {
  await using server = upstream(() =>
    manifestAnswer(image.bytes, {
      'set-cookie': 'a=b',
      'ratelimit-remaining': '-5; w=<script>',
      'docker-ratelimit-source': '<script>'.repeat(100),
      'content-length': `${image.bytes.byteLength}`,
    }),
  )
  await using cache = await cacheOf([upstreamAt(server.registry)])
  const answer = await cache.get('up/a/manifests/1')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('set-cookie')).toBeNull()
  const [state] = cache.proxy.state()
  expect(state?.sources[0]?.remaining).toBeUndefined()
  expect(state?.sources[0]?.countedBy?.length).toBeLessThanOrEqual(100)
})

test.each([405, 501])('an upstream that answers HEAD with %d is asked by GET', async (status) => {
  const noHead = (request: Request) =>
    request.method === 'HEAD' ? new Response(null, { status }) : undefined
  await using server = upstream((request, path) => {
    if (path.includes('/blobs/') && request.method === 'GET') {
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get('range') ?? '')
      if (range === null) return new Response(layer.bytes.slice())
      const [from, to] = [Number(range[1]), Math.min(Number(range[2]), 999)]
      return new Response(layer.bytes.slice(from, to + 1), {
        status: 206,
        headers: { 'content-range': `bytes ${from}-${to}/1000` },
      })
    }
    return noHead(request) ?? manifestAnswer()
  })
  await using cache = await cacheOf([upstreamAt(server.registry)])
  const head = await cache.head(`up/a/blobs/${layer.descriptor.digest}`)
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '1000'])
  expect((await cache.get('up/a/manifests/1')).status).toBe(200)
  const blob = await cache.get(`up/a/blobs/${layer.descriptor.digest}`)
  expect(await blob.bytes()).toEqual(layer.bytes)
})
