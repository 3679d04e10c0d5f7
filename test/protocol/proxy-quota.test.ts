/**
 * Quotas, accounts, mirrors and outages of upstreams: what clients of the cache get, and are told.
 */
import { expect, test } from 'bun:test'
import { registryClient, type Upstream } from '#oci/index.ts'
import { until } from '../until.ts'
import { blobOf, manifestOf, seededBytes, type TestManifest } from './content.ts'
import { dockerHub, type HubOptions } from './hub.ts'
import { cacheOf, movableClock, pushImage, upstreamAt } from './proxied.ts'
import { ourRegistry } from './servers.ts'

const layers = Array.from({ length: 6 }, (_, at) => blobOf(seededBytes(5000, at + 10)))
const layerAt = (at: number) => layers.slice(at, at + 1)

function manifestAt(images: readonly TestManifest[], at: number): TestManifest {
  const found = images[at]
  if (found === undefined) throw new TypeError(`No image ${at}`)
  return found
}

/** An origin with images a:1 … a:6, behind the limits, before which is a cache. */
async function limited(
  options: Omit<HubOptions, 'backing'>,
  more: (hub: string) => Partial<Upstream> = () => ({}),
  how: Parameters<typeof cacheOf>[1] = {},
) {
  const stack = new AsyncDisposableStack()
  const clock = movableClock()
  const origin = stack.use(await ourRegistry())
  const hub = stack.use(dockerHub({ backing: origin.url, ...options }))
  const upstream = upstreamAt(hub.registry, { freshMs: 1000, ...more(hub.registry) })
  const cache = stack.use(await cacheOf([upstream], { clock, ...how }))
  const images: TestManifest[] = []
  for (const at of layers.keys())
    images.push(await pushImage(origin.registry, 'a', `${at + 1}`, layerAt(at)))
  return {
    origin,
    hub,
    cache,
    clock,
    images,
    pull: async (tag: string) => {
      const answer = await cache.get(`up/a/manifests/${tag}`)
      await answer.arrayBuffer()
      return answer
    },
    condition: () => cache.proxy.state()[0]?.condition,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test('close to the limit what is here is served as stale, what is not is fetched', async () => {
  await using place = await limited({ limit: 5 }, () => ({ spareBelow: 0.6 }))
  const { pull, origin, clock, images, condition } = place
  await pull('1')
  await pull('2')
  expect(condition()).toBe('sparing')
  await pushImage(origin.registry, 'a', '1', layerAt(5))
  clock.pass(2000)
  const stale = await pull('1')
  expect(stale.headers.get('docker-content-digest')).toBe(images[0]?.digest ?? '')
  expect(stale.headers.get('cache-status')).toContain('STALE')
  expect(stale.headers.get('warning')).toMatch(/^299 - "1 may have changed at .*few of its pulls/)
  expect(stale.headers.get('age')).toBe('2')
  const head = await place.cache.head('up/a/manifests/1')
  expect(head.headers.get('docker-content-digest')).toBe(images[0]?.digest ?? '')
  expect((await pull('3')).status).toBe(200)
  expect(place.cache.proxy.state()).toMatchObject([
    { sources: [{ limit: 5, remaining: 2, windowSeconds: 21_600, countedBy: '192.0.2.1' }] },
  ])
})

test('over the limit: what is here is served, the rest is refused with Retry-After', async () => {
  await using place = await limited({ limit: 2, retryAfterSeconds: 40 })
  const { pull, hub, condition } = place
  await pull('1')
  await pull('4')
  const refused = await pull('2')
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30)
  expect(condition()).toBe('waiting')
  const asked = hub.count('GET /v2/a/manifests/')
  expect((await pull('1')).status).toBe(200)
  expect((await pull('3')).status).toBe(429)
  expect(hub.count('GET /v2/a/manifests/')).toBe(asked)
  hub.reset()
  place.clock.pass(41_000)
  expect((await pull('2')).status).toBe(200)
  expect(condition()).toBe('good')
})

test('a refusal of pulls does not stop questions and blobs', async () => {
  await using place = await limited({ limit: 1 })
  await place.pull('1')
  await place.pull('2')
  const path = `up/a/blobs/${layerAt(0)[0]?.descriptor.digest}`
  expect((await place.cache.get(path)).status).toBe(200)
  expect((await place.cache.head('up/a/manifests/3')).status).toBe(200)
})

test('a client waits for a quota that comes back soon', async () => {
  await using origin = await ourRegistry()
  await using hub = dockerHub({ backing: origin.url, limit: 1, retryAfterSeconds: 1 })
  await using cache = await cacheOf([upstreamAt(hub.registry, { waitMsMax: 5000 })])
  for (const tag of ['1', '2']) await pushImage(origin.registry, 'a', tag, layerAt(Number(tag)))
  await (await cache.get('up/a/manifests/1')).arrayBuffer()
  let pulls = 0
  hub.instead = (request) => {
    pulls += Number(request.method === 'GET' && request.url.includes('/manifests/'))
    if (pulls === 2) hub.reset()
    return undefined
  }
  const answer = await cache.get('up/a/manifests/2')
  expect([answer.status, pulls]).toEqual([200, 2])
})

test('an upstream that is busy until then is left alone, and has no pulls used up', async () => {
  await using place = await limited({ limit: 50 })
  const { pull, cache, hub, clock, images, condition } = place
  await pull('1')
  await pull('4')
  const asDate = () => new Date(clock.nowMs() + 40_000).toUTCString()
  for (const retryAfter of [() => '40', asDate]) {
    clock.pass(2000)
    const down = { status: 503, headers: { 'retry-after': retryAfter() } }
    hub.instead = () => new Response('busy', down)
    const stale = await pull('1')
    expect(stale.headers.get('warning')).toContain('it is busy')
    const asked = hub.asked.length
    const refused = await pull('2')
    expect(refused.status).toBe(503)
    const seconds = Number(refused.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(30)
    expect(seconds).toBeLessThanOrEqual(40)
    const blob = await cache.get(`up/a/blobs/${layers[1]?.descriptor.digest}`)
    expect([blob.status, hub.asked.length]).toEqual([503, asked])
    expect((await pull(images[0]?.digest ?? '')).headers.get('cache-status')).toContain('hit')
    expect(condition()).toBe('waiting')
    expect(cache.proxy.state()[0]?.sources[0]?.remaining).toBe(48)
    hub.instead = undefined
    clock.pass(41_000)
    expect((await pull('1')).headers.get('cache-status')).toContain('REVALIDATED')
    expect(condition()).toBe('good')
  }
  // Whatever it asks for, it is looked after in a quarter of an hour.
  hub.instead = () => new Response('busy', { status: 503, headers: { 'retry-after': '999999999' } })
  expect((await pull('3')).headers.get('retry-after')).toBe('900')
  clock.pass(901_000)
  hub.instead = undefined
  expect((await pull('3')).status).toBe(200)
})

test('a blob of a busy upstream is asked for once, and again when it may be', async () => {
  await using place = await limited({})
  const { cache, clock, hub, pull } = place
  const path = `up/a/blobs/${layers[0]?.descriptor.digest}`
  await pull('1')
  let refusals = 0
  hub.instead = (request) => {
    if (!request.url.includes('/blobs/')) return undefined
    refusals += 1
    return new Response('busy', { status: 503, headers: { 'retry-after': '600' } })
  }
  const refused = await cache.get(path)
  expect([refused.status, refusals]).toEqual([503, 1])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(590)
  hub.instead = undefined
  clock.pass(601_000)
  expect((await cache.get(path)).status).toBe(200)
})

test('a pool of accounts is drained evenly, and only then refused', async () => {
  const accounts = { ada: { password: 'a', limit: 2 }, bob: { password: 'b', limit: 2 } }
  await using place = await limited({ accounts }, () => ({
    accounts: Object.entries(accounts).map(([name, { password }]) => ({
      name,
      credential: { kind: 'password', username: name, password },
    })),
    spareBelow: 0,
  }))
  for (const tag of ['1', '2', '3', '4']) expect((await place.pull(tag)).status).toBe(200)
  expect(place.hub.pulls).toEqual({ ada: 2, bob: 2 })
  expect((await place.pull('5')).status).toBe(429)
  expect(place.cache.proxy.state()[0]?.sources.map(({ account }) => account)).toEqual([
    'ada',
    'bob',
  ])
})

test('over the limit a mirror is asked, and it gets no credentials', async () => {
  const seen: (string | null)[] = []
  await using origin = await ourRegistry()
  await using mirror = dockerHub({ backing: origin.url })
  mirror.instead = (request) => {
    seen.push(request.headers.get('authorization'))
    return undefined
  }
  await using place = await limited(
    { accounts: { ada: { password: 'secret', limit: 1 } } },
    (hub) => ({
      mirrors: [mirror.registry],
      privateHosts: [hub, mirror.registry],
      plainHosts: [hub, mirror.registry],
      accounts: [
        { name: 'ada', credential: { kind: 'password', username: 'ada', password: 'secret' } },
      ],
    }),
  )
  for (const tag of ['1', '2']) await pushImage(origin.registry, 'a', tag, layerAt(Number(tag) - 1))
  await place.pull('1')
  expect((await place.pull('2')).status).toBe(200)
  expect(place.hub.pulls).toEqual({ ada: 1 })
  expect(mirror.pulls).toEqual({ '': 1 })
  expect(seen.filter((header) => header?.startsWith('Basic'))).toEqual([])
})

test('an expired token is fetched anew, one for many requests', async () => {
  await using place = await limited({})
  await place.pull('1')
  await place.pull('2')
  expect(place.hub.tokens()).toBe(1)
  place.hub.expire()
  expect((await place.pull('3')).status).toBe(200)
  expect(place.hub.tokens()).toBe(2)
})

test('wrong credentials: what is here is served, the rest is as if it did not exist', async () => {
  await using place = await limited({ accounts: { ada: { password: 'right', limit: 9 } } }, () => ({
    accounts: [
      { name: 'ada', credential: { kind: 'password', username: 'ada', password: 'wrong' } },
    ],
  }))
  const answer = await place.pull('1')
  expect(answer.status).toBe(404)
  expect(place.cache.proxy.state()[0]?.sources[0]?.lastFailure).toMatch(/401.*incorrect username/)
})

test('offline: tags, digests, blobs, lists and referrers are served from here', async () => {
  await using place = await limited({})
  const { cache, hub, clock, images, pull, origin } = place
  const [image] = images
  const subject = image?.descriptor ?? layers[0]?.descriptor
  const signature = manifestOf([], { artifactType: 'application/x-signature', subject })
  await registryClient().pushManifest({ registry: origin.registry, repository: 'a' }, signature)
  const blobPath = `up/a/blobs/${layers[0]?.descriptor.digest}`
  await pull('1')
  await pull(signature.digest)
  await (await cache.get(blobPath)).arrayBuffer()
  hub.instead = () => new Response('down', { status: 503 })
  clock.pass(3_600_000)
  const stale = await pull('1')
  expect(stale.headers.get('warning')).toMatch(/1 may have changed at .*: it failed/)
  expect(stale.headers.get('age')).toBe('3600')
  expect((await pull(image?.digest ?? '')).headers.get('cache-status')).toBe('backlot; hit')
  expect((await cache.get(blobPath)).status).toBe(200)
  const tags = await cache.get('up/a/tags/list')
  expect(await tags.json()).toEqual({ name: 'up/a', tags: ['1'] })
  expect(tags.headers.get('warning')).toContain('may have changed')
  const referrers = await cache.get(`up/a/referrers/${image?.digest}`)
  expect(await referrers.json()).toMatchObject({ manifests: [{ digest: signature.digest }] })
  expect((await pull('2')).status).toBe(502)
  expect(place.condition()).toBe('failing')
  hub.instead = undefined
  expect((await pull('2')).status).toBe(200)
  expect(place.condition()).toBe('good')
})

test('an upstream that says nothing lets nobody wait long for what is here', async () => {
  await using place = await limited({}, () => ({}), { patienceMs: 50, idleTimeoutMs: 60_000 })
  const { clock, hub, images, origin, pull } = place
  await pull('1')
  const speaking = Promise.withResolvers<undefined>()
  hub.instead = () => speaking.promise
  clock.pass(2000)
  for (let round = 0; round < 3; round += 1) {
    const stale = await pull('1')
    expect([stale.status, stale.headers.get('cache-status')]).toEqual([
      200,
      'backlot; hit; detail=STALE',
    ])
  }
  // One question, which goes on; its answer counts.
  expect(hub.count('HEAD /v2/a/manifests/1')).toBe(3) // The first of all was answered 401.
  await registryClient().pushManifest(
    { registry: origin.registry, repository: 'a' },
    { ...manifestAt(images, 1), tag: '1' },
  )
  speaking.resolve(undefined)
  await until(async () => {
    const answer = await pull('1')
    return answer.headers.get('docker-content-digest') === manifestAt(images, 1).digest
  })
})

test('what is not there is not asked for again for a while', async () => {
  await using place = await limited({})
  const { pull, hub, clock, origin } = place
  for (let round = 0; round < 5; round += 1) expect((await pull('7')).status).toBe(404)
  expect(hub.count('HEAD /v2/a/manifests/7')).toBe(2) // The first one was answered 401.
  await pushImage(origin.registry, 'a', '7', layerAt(0))
  expect((await pull('7')).status).toBe(404)
  clock.pass(31_000)
  expect((await pull('7')).status).toBe(200)
})

test('a tag that the upstream removed is gone here; its digest stays', async () => {
  await using place = await limited({})
  const { pull, clock, origin, images } = place
  await pull('1')
  const reference = { registry: origin.registry, repository: 'a', tag: '1' }
  await registryClient().deleteManifest(reference)
  clock.pass(2000)
  expect((await pull('1')).status).toBe(404)
  expect((await pull(images[0]?.digest ?? '')).status).toBe(200)
})

test('a clock that was ahead keeps nothing young, and nothing blocked', async () => {
  await using place = await limited({ limit: 1 })
  const { clock, hub, images, origin, pull, condition } = place
  expect((await pull('1')).status).toBe(200)
  expect((await pull('2')).status).toBe(429)
  expect(condition()).toBe('waiting')
  hub.reset()
  clock.pass(-365 * 86_400_000)
  await registryClient().pushManifest(
    { registry: origin.registry, repository: 'a' },
    { ...manifestAt(images, 2), tag: '1' },
  )
  const moved = await pull('1')
  expect(moved.headers.get('docker-content-digest')).toBe(manifestAt(images, 2).digest)
})

test('HEAD of a tag and GET of its digest, as Docker does it, keep the tag', async () => {
  await using place = await limited({})
  const { cache, hub, images, pull } = place
  const head = await cache.head('up/a/manifests/1')
  expect(head.headers.get('docker-content-digest')).toBe(images[0]?.digest ?? '')
  expect(head.headers.get('content-length')).toBe(`${images[0]?.bytes.byteLength}`)
  expect(hub.pulls).toEqual({})
  await pull(images[0]?.digest ?? '')
  expect(hub.pulls).toEqual({ '': 1 })
  hub.instead = () => new Response('down', { status: 503 })
  expect((await pull('1')).status).toBe(200)
})

test('a tag that was moved, and its manifest removed, since it was looked at', async () => {
  await using place = await limited({}, () => ({ freshMs: 600_000 }))
  const { cache, origin, images, pull } = place
  const client = registryClient()
  const at = { registry: origin.registry, repository: 'a' }
  const named = (answer: Response) => answer.headers.get('docker-content-digest')
  const replace = async (tag: string, to: number) => {
    const before = manifestAt(images, Number(tag) - 1)
    await client.pushManifest(at, { ...manifestAt(images, to), tag })
    await client.deleteManifest({ ...at, digest: before.digest })
    return before
  }
  // Found out by who asks for the tag …
  await cache.head('up/a/manifests/1')
  await replace('1', 3)
  expect(named(await pull('1'))).toBe(manifestAt(images, 3).digest)
  // … and by who asks for the digest that it named.
  await cache.head('up/a/manifests/2')
  const before = await replace('2', 3)
  expect((await pull(before.digest)).status).toBe(404)
  expect(named(await cache.head('up/a/manifests/2'))).toBe(manifestAt(images, 3).digest)
})

test('a manifest that comes late does not move back the tag that named it', async () => {
  await using place = await limited({})
  const { cache, clock, hub, images, origin, pull } = place
  await cache.head('up/a/manifests/1')
  await registryClient().pushManifest(
    { registry: origin.registry, repository: 'a' },
    { ...manifestAt(images, 1), tag: '1' },
  )
  clock.pass(2000)
  await pull('1')
  await pull(manifestAt(images, 0).digest)
  hub.instead = () => new Response('down', { status: 503 })
  clock.pass(2000)
  const answer = await pull('1')
  expect(answer.headers.get('docker-content-digest')).toBe(manifestAt(images, 1).digest)
})

test('an upstream that names what it does not have has failed; the tag stays here', async () => {
  await using place = await limited({})
  const { clock, hub, images, pull } = place
  const digest = `sha256:${'0'.repeat(64)}`
  await pull('1')
  hub.instead = ({ method, url }) => {
    if (!url.includes('/manifests/')) return undefined
    if (method === 'GET') return new Response(null, { status: 404 })
    const { mediaType } = manifestAt(images, 0)
    const headers = { 'content-type': mediaType, 'docker-content-digest': digest }
    return new Response(null, { headers: { ...headers, 'content-length': '9' } })
  }
  clock.pass(2000)
  const stale = await pull('1')
  expect([stale.status, stale.headers.get('cache-status')]).toEqual([
    200,
    'backlot; hit; detail=STALE',
  ])
  expect((await pull('2')).status).toBe(502)
})

test('a hundred clients that ask for a tag at once cost one question and one pull', async () => {
  await using place = await limited({})
  const answers = await Promise.all(Array.from({ length: 100 }, () => place.pull('1')))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(place.hub.pulls).toEqual({ '': 1 })
  expect(place.hub.count('HEAD /v2/a/manifests/1')).toBe(2)
})
