/** Names of pulled repositories: prefixes, `?ns=`, Docker's names without a prefix; read-only. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { registryClient } from '#oci/index.ts'
import { until } from '../until.ts'
import { blobOf, emptyConfig, manifestOf, seededBytes } from './content.ts'
import { dockerHub } from './hub.ts'
import { cacheOf, movableClock, pushImage, upstreamAt } from './proxied.ts'
import { ourRegistry } from './servers.ts'

const layer = blobOf(seededBytes(10_000, 3))

test('containerd asks by ?ns=, and is told the namespace', async () => {
  await using origin = await ourRegistry()
  await using cache = await cacheOf([upstreamAt(origin.registry, { namespaces: ['docker.io'] })])
  await pushImage(origin.registry, 'library/debian', '12', [layer])
  const found = await cache.get('library/debian/manifests/12?ns=docker.io')
  expect([found.status, found.headers.get('oci-namespace')]).toEqual([200, 'docker.io'])
  const tags = await cache.get('library/debian/tags/list?ns=docker.io&n=1')
  expect(await tags.json()).toEqual({ name: 'library/debian', tags: ['12'] })
  expect(
    (await cache.get('up/library/debian/manifests/12')).headers.get('oci-namespace'),
  ).toBeNull()
  const unknown = await cache.get('library/debian/manifests/12?ns=quay.io')
  expect([unknown.status, await unknown.json()]).toMatchObject([
    404,
    { errors: [{ code: 'NAME_UNKNOWN' }] },
  ])
  const own = await cache.get(`library/debian/manifests/12?ns=${cache.registry}`)
  expect(own.status).toBe(404)
})

test('pages go on by the name and the namespace that they were asked by', async () => {
  await using origin = await ourRegistry()
  await using cache = await cacheOf([upstreamAt(origin.registry, { unprefixed: ['bare/**'] })])
  for (const name of ['a/b', 'bare/b'])
    for (const tag of ['v1', 'v2', 'v3']) await pushImage(origin.registry, name, tag, [layer])
  for (const first of [
    'a/b/tags/list?ns=docker.io&n=2',
    'up/a/b/tags/list?n=2',
    'bare/b/tags/list?n=2',
  ]) {
    const page = await cache.get(first)
    const name = first.replace(/\/tags.*/, '')
    expect(await page.json()).toEqual({ name, tags: ['v1', 'v2'] })
    const next = /<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1] ?? ''
    expect(await (await fetch(`${cache.url}${next}`)).json()).toEqual({ name, tags: ['v3'] })
  }
})

test('of an upstream’s own host, the part that is shown is part of the name', async () => {
  await using origin = await ourRegistry()
  const host = origin.registry
  const shown = { privateHosts: [host], plainHosts: [host] }
  const at = (path: string) => upstreamAt(`${host}/${path}`, { ...shown, prefix: path })
  await using cache = await cacheOf([
    { ...at('one'), namespaces: [host] },
    { ...at('two'), namespaces: [host, 'hub.test'] },
  ])
  for (const name of ['one/a', 'two/a', 'three/a']) await pushImage(host, name, '1', [layer])
  const status = async (path: string) => (await cache.get(path)).status
  expect(await status(`one/a/manifests/1?ns=${host}`)).toBe(200)
  expect(await status(`two/a/manifests/1?ns=${host}`)).toBe(200)
  expect(await status('a/manifests/1?ns=hub.test')).toBe(200)
  const other = await cache.get(`three/a/manifests/1?ns=${host}`)
  expect([other.status, await other.json()]).toMatchObject([
    404,
    { errors: [{ code: 'NAME_UNKNOWN' }] },
  ])
})

test('Docker Hub’s short names are short at a mirror of it, too', async () => {
  await using origin = await ourRegistry()
  const upstream = upstreamAt(origin.registry, { prefix: 'docker.io', namespaces: ['docker.io'] })
  await using cache = await cacheOf([upstream, upstreamAt(origin.registry, { namespaces: [] })])
  await pushImage(origin.registry, 'library/debian', '12', [layer])
  for (const path of ['docker.io/debian/manifests/12', 'debian/manifests/12?ns=docker.io'])
    expect((await cache.get(path)).status).toBe(200)
  expect((await cache.get('up/debian/manifests/12')).status).toBe(404)
})

test('a host is the same however it is written', async () => {
  await using origin = await ourRegistry()
  await pushImage(origin.registry, 'one/a', '1', [layer])
  const [, port] = origin.registry.split(':')
  await using hub = dockerHub({
    backing: origin.url,
    accounts: { ada: { password: 'secret', limit: 7 } },
  })
  using folder = temporaryFolder()
  await Bun.write(join(folder.path, 'password'), 'secret')
  const [, hubPort] = hub.registry.split(':')
  const config = parseRegistryConfig(
    JSON.stringify({
      upstreams: {
        plain: { registry: `LocalHost:${port}/one`, private: true, 'plain-http': true },
        login: {
          registry: `127.0.00.1:${hubPort}`,
          private: true,
          'plain-http': true,
          accounts: { username: 'ada', 'password-file': 'password' },
        },
      },
    }),
    'registry.yaml',
  )
  await using server = await ourRegistry({ config, folder: folder.path })
  const pulled = async (path: string) => (await fetch(`${server.url}/v2/${path}`)).status
  expect(await pulled('plain/a/manifests/1')).toBe(200)
  expect(await pulled(`one/a/manifests/1?ns=localhost:${port}`)).toBe(200)
  expect(await pulled('login/one/a/manifests/1')).toBe(200)
  // The password went to the token service of the host that it is for, and its quota was read.
  expect(hub.pulls).toEqual({ ada: 1 })
  const state = await (await fetch(`${server.url}/api/v1/upstreams`)).json()
  expect(state).toMatchObject({ upstreams: [{}, { sources: [{ limit: 7, remaining: 6 }] }] })
})

test('a repository that the upstream does not have has no list of tags', async () => {
  await using origin = await ourRegistry()
  const clock = movableClock()
  await using cache = await cacheOf([upstreamAt(origin.registry)], { clock })
  const status = async () => (await cache.get('up/new/tags/list')).status
  expect(await status()).toBe(404)
  await pushImage(origin.registry, 'new', '1', [layer])
  expect(await status()).toBe(404)
  clock.pass(31_000)
  expect(await status()).toBe(200)
})

test('names that are the upstream’s by pattern need no prefix, others stay ours', async () => {
  await using origin = await ourRegistry()
  await using cache = await cacheOf([upstreamAt(origin.registry, { unprefixed: ['library/**'] })])
  for (const name of ['library/debian', 'other'])
    await pushImage(origin.registry, name, '1', [layer])
  expect((await cache.get('library/debian/manifests/1')).status).toBe(200)
  const blob = await cache.get(`library/debian/blobs/${layer.descriptor.digest}`)
  expect(blob.status).toBe(200)
  expect((await cache.get('other/manifests/1')).status).toBe(404)
  expect((await cache.get('library/debian/manifests/1', { method: 'DELETE' })).status).toBe(405)
  await pushImage(cache.registry, 'other', '1', [layer])
  expect((await cache.get('other/manifests/1')).status).toBe(200)
})

test('nothing can be pushed to or deleted from a pulled repository', async () => {
  await using origin = await ourRegistry()
  await using cache = await cacheOf([upstreamAt(origin.registry)])
  const image = await pushImage(origin.registry, 'a', '1', [layer])
  await cache.get('up/a/manifests/1')
  const requests: readonly (readonly [string, string])[] = [
    ['POST', 'up/a/blobs/uploads/'],
    ['PUT', 'up/a/manifests/1'],
    ['DELETE', 'up/a/manifests/1'],
    ['DELETE', `up/a/manifests/${image.digest}`],
    ['DELETE', `up/a/blobs/${layer.descriptor.digest}`],
    ['GET', 'up/a/blobs/uploads/00000000-0000-0000-0000-000000000000'],
  ]
  for (const [method, path] of requests) {
    const answer = await cache.get(path, { method })
    expect([method, answer.status]).toEqual([method, method === 'GET' ? 404 : 405])
    if (method === 'GET') continue
    expect(answer.headers.get('allow')).toBe(method === 'POST' ? '' : 'GET, HEAD')
    expect(await answer.json()).toMatchObject({
      errors: [{ code: 'UNSUPPORTED', detail: { code: 'oci/pulled-repository' } }],
    })
  }
  expect((await cache.get('up/a/manifests/1')).status).toBe(200)
})

test('names that cannot be theirs are not asked for', async () => {
  await using origin = await ourRegistry()
  await using cache = await cacheOf([upstreamAt(origin.registry)])
  expect((await cache.get('up/manifests/1')).status).toBe(404)
  expect((await cache.get('up/../a/manifests/1')).status).toBe(404)
  expect((await cache.get(`up/${'a/'.repeat(126)}a/manifests/1`)).status).toBe(400)
  expect((await cache.get('upper/a/manifests/1')).status).toBe(404)
})

test('a layer that two images share is fetched once, and a third one does not get it', async () => {
  const asked: string[] = []
  await using origin = await ourRegistry()
  await using front = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const url = new URL(request.url)
      asked.push(`${request.method} ${url.pathname}`)
      const { method, headers } = request
      return await fetch(`${origin.url}${url.pathname}`, { method, headers, decompress: false })
    },
  })
  await using cache = await cacheOf([upstreamAt(`127.0.0.1:${front.port}`)])
  for (const name of ['a', 'b']) {
    await pushImage(origin.registry, name, '1', [layer])
    await (await cache.get(`up/${name}/manifests/1`)).arrayBuffer()
    const blob = await cache.get(`up/${name}/blobs/${layer.descriptor.digest}`)
    expect(Buffer.compare(await blob.bytes(), layer.bytes)).toBe(0)
  }
  const looks = asked.filter((line) => line.includes('/blobs/'))
  const { digest } = layer.descriptor
  expect(looks).toEqual([`GET /v2/a/blobs/${digest}`, `HEAD /v2/b/blobs/${digest}`])
  await pushImage(origin.registry, 'c', '1', [])
  const other = await cache.get(`up/c/blobs/${layer.descriptor.digest}`)
  expect(other.status).toBe(404)
})

test('a manifest that names a blob of another repository brings nothing of it', async () => {
  const config = parseRegistryConfig('namespaces: { open: { sparse: true } }', 'registry.yaml')
  await using origin = await ourRegistry({ config })
  await using hub = dockerHub({ backing: origin.url })
  await using cache = await cacheOf([upstreamAt(hub.registry)])
  const { digest } = layer.descriptor
  await pushImage(origin.registry, 'secret', '1', [layer])
  const [to, client] = [{ registry: origin.registry, repository: 'open/a' }, registryClient()]
  await client.pushManifest(to, { ...manifestOf([layer]), tag: '1' })
  const status = async (path: string) => {
    const answer = await cache.get(path)
    await answer.arrayBuffer()
    return answer.status
  }
  expect(await status('up/open/a/manifests/1')).toBe(200)
  // While it comes through the other repository …
  const gate = Promise.withResolvers<undefined>()
  hub.instead = ({ method, url }) =>
    method === 'GET' && url.endsWith(`/secret/blobs/${digest}`) ? gate.promise : undefined
  const coming = status(`up/secret/blobs/${digest}`)
  await until(() => hub.count(`GET /v2/secret/blobs/${digest}`) > 0)
  expect(await status(`up/open/a/blobs/${digest}`)).toBe(404)
  gate.resolve(undefined)
  expect(await coming).toBe(200)
  // … and when it is here.
  await until(async () => (await cache.local.blob('up/secret', digest)) !== undefined)
  await client.pushManifest({ ...to, repository: 'open/b' }, { ...manifestOf([layer]), tag: '1' })
  expect(await status('up/open/b/manifests/1')).toBe(200)
  expect(await status(`up/open/b/blobs/${digest}`)).toBe(404)
})

test('tags and referrers come in pages', async () => {
  await using origin = await ourRegistry()
  await using cache = await cacheOf([upstreamAt(origin.registry)])
  const image = await pushImage(origin.registry, 'a', 'v1', [layer])
  const to = { registry: origin.registry, repository: 'a' }
  const client = registryClient()
  for (const tag of ['v2', 'v3']) await client.pushManifest(to, { ...image, tag })
  await client.pushBlob(to, emptyConfig.descriptor, emptyConfig.source)
  for (const artifactType of ['application/x-sbom', 'application/x-signature'])
    await client.pushManifest(to, manifestOf([], { artifactType, subject: image.descriptor }))
  const first = await cache.get('up/a/tags/list?n=2')
  expect(await first.json()).toEqual({ name: 'up/a', tags: ['v1', 'v2'] })
  const next = /<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  expect(await (await fetch(`${cache.url}${next}`)).json()).toEqual({ name: 'up/a', tags: ['v3'] })
  const all = await cache.get(`up/a/referrers/${image.digest}`)
  expect(await all.json()).toMatchObject({ manifests: [{}, {}] })
  const sboms = await cache.get(`up/a/referrers/${image.digest}?artifactType=application/x-sbom`)
  expect(sboms.headers.get('oci-filters-applied')).toBe('artifactType')
  expect(await sboms.json()).toMatchObject({
    manifests: [{ artifactType: 'application/x-sbom' }],
  })
})

test('who may see nothing is not told which upstreams there are', async () => {
  await using server = await ourRegistry({
    config: parseRegistryConfig('access: {}\nupstreams: { docker.io: {} }', 'registry.yaml'),
  })
  const asked = ['docker.io', 'quay.io', 'no.such', 'a'].map(async (namespace) => {
    const path = `/v2/library/debian/manifests/12?ns=${namespace}`
    const answer = await fetch(server.url + path)
    return [answer.status, await answer.text()]
  })
  const [first, ...others] = await Promise.all(asked)
  expect(first?.[0]).toBe(401)
  for (const other of others) expect(other).toEqual(first ?? [])
})
