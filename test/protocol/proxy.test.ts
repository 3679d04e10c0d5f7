/**
 * The pull-through cache before a second server of ours and Debian's, behind Docker Hub's habits.
 */
import { expect, test } from 'bun:test'
import { outside } from '../outside.ts'
import { blobOf, seededBytes } from './content.ts'
import { dockerHub } from './hub.ts'
import { cacheOf, movableClock, pushImage, upstreamAt } from './proxied.ts'
import { debianRegistry, ourRegistry } from './servers.ts'

const layer = blobOf(seededBytes(300_000, 1))
const otherLayer = blobOf(seededBytes(200_000, 2))
const status = 'cache-status'

/** The registries that may have the content. */
const backings = [
  ['backlot', test, ourRegistry],
  ['docker-registry', outside(['docker-registry']), debianRegistry],
] as const

for (const [kind, testIt, backing] of backings) {
  testIt(`${kind}: a pull by tag is fetched once, and then served from here`, async () => {
    await using origin = await backing()
    await using hub = dockerHub({ backing: origin.url })
    await using cache = await cacheOf([upstreamAt(hub.registry)])
    const image = await pushImage(origin.registry, 'library/debian', '12', [layer])

    for (const [round, outcome] of ['uri-miss', 'hit', 'hit'].entries()) {
      const answer = await cache.get('up/library/debian/manifests/12')
      expect(answer.headers.get(status)).toContain(outcome)
      expect(Buffer.compare(await answer.bytes(), image.bytes)).toBe(0)
      expect(answer.headers.get('docker-content-digest')).toBe(image.digest)
      const path = `up/library/debian/blobs/${layer.descriptor.digest}`
      const blob = await cache.get(path)
      expect(Buffer.compare(await blob.bytes(), layer.bytes)).toBe(0)
      if (round > 0) expect(blob.headers.get(status)).toBe('backlot; hit')
    }
    expect(hub.pulls).toEqual({ '': 1 })
    expect(hub.count('HEAD /v2/library/debian/manifests/12')).toBeLessThanOrEqual(2)
    expect(hub.count('GET /v2/library/debian/blobs/')).toBe(1)
    expect(hub.tokens()).toBe(1)
  })

  testIt(`${kind}: tags are looked after by HEAD, which costs no pull`, async () => {
    const clock = movableClock()
    await using origin = await backing()
    await using hub = dockerHub({ backing: origin.url })
    await using cache = await cacheOf([upstreamAt(hub.registry, { freshMs: 60_000 })], { clock })
    const path = 'up/app/manifests/latest'
    await pushImage(origin.registry, 'app', 'latest', [layer])
    await (await cache.get(path)).text()
    const heads = () => hub.count('HEAD /v2/app/manifests/latest')
    const before = heads()
    clock.pass(59_000)
    expect((await cache.get(path)).headers.get(status)).toBe('backlot; hit')
    expect(heads()).toBe(before)
    clock.pass(2000)
    expect((await cache.get(path)).headers.get(status)).toContain('REVALIDATED')
    expect(heads()).toBe(before + 1)
    expect(hub.pulls).toEqual({ '': 1 })
    const changed = await pushImage(origin.registry, 'app', 'latest', [otherLayer])
    clock.pass(61_000)
    const answer = await cache.get(path)
    expect(answer.headers.get('docker-content-digest')).toBe(changed.digest)
    expect(hub.pulls).toEqual({ '': 2 })
  })
}
