/** The cache of several servers on one database and one bucket, which fetch for themselves. */
import { afterAll, expect } from 'bun:test'
import { parseRegistryConfig } from '#model/index.ts'
import { serve } from '#server/index.ts'
import { stopStorages, storageKinds } from '../storages.ts'
import { until } from '../until.ts'
import { blobOf, seededBytes } from './content.ts'
import { dockerHub } from './hub.ts'
import { pushImage } from './proxied.ts'
import { ourRegistry } from './servers.ts'

afterAll(stopStorages)

const layer = blobOf(seededBytes(9_000_000, 70))

for (const kind of storageKinds.filter(({ isShared }) => isShared))
  kind.test(
    `${kind.name}: two servers that fetch the same at once, and one that redirects`,
    async () => {
      await using origin = await ourRegistry()
      const image = await pushImage(origin.registry, 'a', '1', [layer])
      await using hub = dockerHub({ backing: origin.url })
      await using place = await kind.open()
      const { served } = place
      const up = `{ registry: '${hub.registry}', private: true, plain-http: true }`
      const own = parseRegistryConfig(`upstreams: { up: ${up} }`, 'registry.yaml')
      const config = { ...served.config, ...own }
      await using first = await serve({ ...served, config, port: 0 })
      await using second = await serve({ ...served, config, port: 0 })
      const both = [first, second]
      const { s3 } = config.storage ?? {}
      if (s3 === undefined) throw new TypeError('The storage has no bucket')
      const redirecting = {
        ...config,
        storage: { ...config.storage, s3: { ...s3, redirect: 60_000 } },
      }
      const path = `up/a/blobs/${layer.descriptor.digest}`
      const pulled = await Promise.all(
        [...both, ...both, ...both].map(async ({ url }) => {
          const manifest = await fetch(`${url}/v2/up/a/manifests/1`)
          const blob = await fetch(`${url}/v2/${path}`)
          return [manifest.headers.get('docker-content-digest'), Bun.hash(await blob.bytes())]
        }),
      )
      expect(new Set(pulled.map(String))).toEqual(
        new Set([String([image.digest, Bun.hash(layer.bytes)])]),
      )
      hub.instead = () => new Response('down', { status: 503 })
      for (const { url } of both) {
        const status = async () => (await fetch(`${url}/v2/${path}`)).headers.get('cache-status')
        await until(async () => (await status()) === 'backlot; hit')
        expect((await fetch(`${url}/v2/up/a/manifests/1`)).status).toBe(200)
        expect((await fetch(`${url}/v2/up/a/tags/list`)).status).toBe(200)
      }
      await using third = await serve({ ...served, config: redirecting, port: 0 })
      const sent = await fetch(`${third.url}/v2/${path}`, { redirect: 'manual' })
      expect([sent.status, sent.headers.get('cache-control')]).toEqual([307, null])
      const blob = await fetch(sent.headers.get('location') ?? '')
      expect(Bun.hash(await blob.bytes())).toBe(Bun.hash(layer.bytes))
    },
  )
