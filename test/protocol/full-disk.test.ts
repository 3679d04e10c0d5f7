/** The registry on a full disk: refused with a reason, nothing acknowledged is lost, and it heals. */
import { expect } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { openUpkeep, registryClient } from '#oci/index.ts'
import { serve } from '#server/index.ts'
import { mountedDisk, onDisk } from '../disks.ts'
import { blobOf, bytesOf, emptyConfig, manifestOf, seededBytes } from './content.ts'
import { pushImage } from './proxied.ts'
import { ourRegistry } from './servers.ts'

onDisk('tmpfs')(
  'a full disk: told as such, nothing is lost, and with space it goes on',
  async () => {
    using disk = mountedDisk({ type: 'tmpfs', sizeBytes: 6 * 1024 * 1024 })
    const dir = join(disk.path, 'registry')
    await using server = await serve({ dir, port: 0 })
    const to = { registry: server.registry, repository: 'r' }
    const client = registryClient({ retry: { attempts: 2, firstDelayMs: 1 } })
    const small = blobOf(seededBytes(100_000, 51))
    for (const blob of [small, emptyConfig]) await client.pushBlob(to, blob.descriptor, blob.source)
    const manifest = manifestOf([small])
    await client.pushManifest(to, { ...manifest, tag: 'before' })

    const large = blobOf(seededBytes(8_000_000, 52))
    const medium = blobOf(seededBytes(4_100_000, 53))
    for (const blob of [large, large])
      await expect(client.pushBlob(to, blob.descriptor, blob.source)).rejects.toMatchObject({
        code: 'oci/registry-failed',
        hints: [expect.stringContaining('free space')],
        message: expect.stringMatching(/507.*disk of the registry is full/),
      })
    const filler = join(disk.path, 'filler')
    try {
      writeFileSync(filler, new Uint8Array(8 * 1024 * 1024))
    } catch {
      // As full as it can be, which is what was wanted.
    }
    await expect(
      client.pushManifest(to, { ...manifestOf([small, small]), tag: 'during' }),
    ).rejects.toMatchObject({ code: 'oci/registry-failed' })
    expect((await client.resolve({ ...to, tag: 'before' }))?.digest).toBe(manifest.digest)
    expect(await bytesOf(client.pullBlob(to, small.descriptor))).toEqual(small.bytes)

    rmSync(filler)
    expect(await client.pushBlob(to, medium.descriptor, medium.source)).toBe('uploaded')
    await client.pushManifest(to, { ...manifestOf([small, medium]), tag: 'after' })
    expect(await client.tags(to)).toEqual(['after', 'before'])
  },
)

onDisk('tmpfs')('a disk that pushes have filled can be emptied by deleting', async () => {
  using disk = mountedDisk({ type: 'tmpfs', sizeBytes: 24 * 1024 * 1024 })
  const dir = join(disk.path, 'registry')
  await using server = await serve({ dir, port: 0 })
  const to = { registry: server.registry, repository: 'r' }
  const client = registryClient({ retry: { attempts: 1 } })
  await client.pushBlob(to, emptyConfig.descriptor, emptyConfig.source)
  const pushed: Digest[] = []
  // Until not even the smallest fits.
  for (const sizeBytes of [1_000_000, 100_000, 1000])
    for (;;) {
      const blob = blobOf(seededBytes(sizeBytes, 100 + pushed.length))
      const manifest = { ...manifestOf([blob]), tag: `t${pushed.length}` }
      try {
        await client.pushBlob(to, blob.descriptor, blob.source)
        await client.pushManifest(to, manifest)
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringContaining('507') })
        break
      }
      pushed.push(manifest.digest)
    }
  expect(pushed.length).toBeGreaterThan(10)
  for (const digest of pushed.slice(0, 5)) {
    const url = `${server.url}/v2/r/manifests/${digest}`
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(202)
  }
  const inAnHour = { nowMs: () => Date.now() + 3_600_000 }
  await using upkeep = await openUpkeep({ dir, clock: inAnHour })
  const report = await upkeep.collect({ graceMs: 0, recycleMs: 0 })
  expect(report.freedBytes).toBeGreaterThanOrEqual(5_000_000)
  const blob = blobOf(seededBytes(1_000_000, 99))
  expect(await client.pushBlob(to, blob.descriptor, blob.source)).toBe('uploaded')
})

onDisk('tmpfs')('a cache whose disk is too small for a blob lets go of it at once', async () => {
  await using origin = await ourRegistry()
  const large = blobOf(seededBytes(8_000_000, 54))
  await pushImage(origin.registry, 'a', '1', [large])
  using disk = mountedDisk({ type: 'tmpfs', sizeBytes: 6 * 1024 * 1024 })
  const up = `{ registry: '${origin.registry}', private: true, plain-http: true }`
  const config = parseRegistryConfig(`upstreams: { up: ${up} }`, 'registry.yaml')
  await using server = await serve({ dir: join(disk.path, 'registry'), port: 0, config })
  const answer = await fetch(`${server.url}/v2/up/a/blobs/${large.descriptor.digest}`)
  await expect(answer.arrayBuffer()).rejects.toThrow()
  const own = blobOf(seededBytes(4_100_000, 55))
  const client = registryClient({ retry: { attempts: 1 } })
  const to = { registry: server.registry, repository: 'own' }
  expect(await client.pushBlob(to, own.descriptor, own.source)).toBe('uploaded')
})
