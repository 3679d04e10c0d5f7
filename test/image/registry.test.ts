/**
 * Baking into registries: which bytes move, and what is there afterwards.
 */
import { expect } from 'bun:test'
import { type ImagePackage, imageToRegistry, indexToRegistry, loadBase } from '#image/index.ts'
import { limits, readAll } from '#kernel/index.ts'
import { parseIndex, parseReference, registryClient } from '#oci/index.ts'
import { memoryBlobs } from '#store/index.ts'
import { outside } from '../outside.ts'
import { debianRegistry, ourRegistry } from '../protocol/servers.ts'
import { bake, fakeBuild, type Fixture, fixture } from './fixture.ts'

const drivers = [
  { name: 'our registry', open: ourRegistry, needs: [] },
  { name: "Debian's registry", open: debianRegistry, needs: ['docker-registry'] },
] as const

/** Builds that lie in repositories of their own, as `publish` puts them. */
async function published(fixed: Fixture, registry: string): Promise<readonly ImagePackage[]> {
  const client = registryClient({})
  const packages: ImagePackage[] = []
  for (const name of ['imath', 'openexr']) {
    const one = await fakeBuild(fixed, name, { [`usr/local/lib/${name}`]: name.repeat(5000) })
    const place = { registry, repository: `vfx/${name}` }
    const read = (): ReturnType<typeof fixed.store.blobs.read> =>
      fixed.store.blobs.read(one.layer.digest)
    await client.pushBlob(place, one.layer, { read })
    packages.push({ ...one, publishedAt: place })
  }
  return packages
}

for (const { name, open, needs } of drivers) {
  outside(needs)(
    `${name}: builds that are published are mounted, no layer byte moves`,
    async () => {
      using fixed = fixture()
      await using server = await open()
      const packages = await published(fixed, server.registry)
      const image = await bake(fixed, packages)
      const client = registryClient({})
      const reference = `${server.registry}/shows/pilot:1`
      // Nothing may be read here: the registry has it all.
      const target = { client, reference, from: memoryBlobs() }
      const first = await imageToRegistry(image, target)
      expect(first).toEqual({
        digest: image.digest,
        payloadBytes: 0,
        existed: 0,
        mounted: 2,
        copied: 0,
      })
      expect(client.traffic().blobBytesSent).toBe(image.config.byteLength)
      const again = await imageToRegistry(image, target)
      expect(again).toMatchObject({ payloadBytes: 0, existed: 2, mounted: 0 })
      const pulled = await client.pullManifest(parseReference(reference))
      expect(pulled.digest).toBe(image.digest)
      expect(Buffer.from(pulled.bytes).equals(image.manifest)).toBe(true)
    },
  )

  outside(needs)(`${name}: several targets under one tag, and as a base`, async () => {
    using fixed = fixture()
    await using server = await open()
    const packages = await published(fixed, server.registry)
    const client = registryClient({})
    const reference = `${server.registry}/shows/both:1`
    const target = { client, reference, from: fixed.store.blobs }
    const amd = await bake(fixed, packages)
    const arm = await bake(fixed, packages, { target: 'linux-aarch64' })
    const { digest } = await indexToRegistry([amd, arm], target)
    const pulled = await client.pullManifest(parseReference(reference))
    expect(pulled.digest).toBe(digest)
    const index = parseIndex(pulled.bytes, 'the index')
    expect(index.manifests.map((entry) => entry.digest)).toEqual([arm.digest, amd.digest])
    const base = await loadBase({ kind: 'registry', client, reference }, 'linux-aarch64')
    expect(base.digest).toBe(arm.digest)
    const image = await bake(fixed, [], { base, target: 'linux-aarch64' })
    const copied = { ...target, reference: `${server.registry}/shows/copy:1` }
    expect(await imageToRegistry(image, copied)).toMatchObject({ payloadBytes: 0, mounted: 2 })
    const blob = await readAll(
      client.pullBlob(parseReference(copied.reference), {
        digest: image.configDigest,
        size: image.config.byteLength,
      }),
      limits.configBytesMax,
      'configuration',
    )
    expect(Buffer.from(blob).equals(image.config)).toBe(true)
  })
}
