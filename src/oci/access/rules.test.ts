import { afterAll, expect, test } from 'bun:test'
import { digestOf, one, systemClock, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../test/outside.ts'
import { postgresPrograms, sharedPostgres, stopPostgres } from '../../../test/postgres.ts'
import type { Registry } from '../registry/contract.ts'
import { openRegistry } from '../registry/registry.ts'
import { type NamespaceRules, ruled } from './rules.ts'

afterAll(stopPostgres)

/** A registry with rules; `plain` is the same without them. */
async function registryWith(rules: NamespaceRules, postgres?: { readonly url: string }) {
  const folder = temporaryFolder()
  const plain = await openRegistry({ dir: folder.path, postgres })
  return {
    plain,
    registry: ruled(plain, rules, systemClock),
    [Symbol.asyncDispose]: async () => {
      await plain.close()
      folder[Symbol.dispose]()
    },
  }
}

const bytesOf = (text: string) => new TextEncoder().encode(text)

async function push(registry: Registry, repository: string, text: string): Promise<void> {
  const id = await registry.startUpload(repository)
  await registry.appendUpload(repository, id, { chunks: one(bytesOf(text)) })
  await registry.finishUpload(repository, id, digestOf(text))
}

const artifact = (name: string) =>
  bytesOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      artifactType: `application/x-${name}`,
      manifests: [],
    }),
  )
const put = (registry: Registry, repository: string, tag: string, name = tag) =>
  registry.putManifest(repository, { reference: tag, mediaType: undefined, bytes: artifact(name) })
const none: readonly string[] = []
const overQuota = { code: 'oci/over-quota' }
const immutable = { code: 'oci/tag-immutable' }

const drivers = [
  ['SQLite', async () => undefined, test],
  [
    'PostgreSQL',
    async () => {
      return { url: await (await sharedPostgres()).fresh() }
    },
    outside(postgresPrograms),
  ],
] as const

for (const [name, place, on] of drivers) {
  on(`${name}: bytes of a namespace are counted once, however often they are shared`, async () => {
    const rules = { lab: { immutableTags: none, bytesMax: 120 } }
    await using at = await registryWith(rules, await place())
    const { registry, plain } = at
    await push(registry, 'lab/a', 'x'.repeat(60))
    await push(registry, 'lab/b', 'x'.repeat(60))
    expect(await plain.usage('lab')).toEqual({ bytes: 60, tags: 0 })
    expect(await plain.usage('lab/b')).toEqual({ bytes: 60, tags: 0 })
    await expect(push(registry, 'lab/a', 'y'.repeat(61))).rejects.toMatchObject(overQuota)
    await push(registry, 'lab/a', 'y'.repeat(60))
    await push(registry, 'lab-else/a', 'z'.repeat(500))
    await push(registry, 'other', 'z'.repeat(500))
    expect(await plain.usage('lab')).toEqual({ bytes: 120, tags: 0 })
    await expect(registry.startUpload('lab/a')).rejects.toMatchObject(overQuota)
    // What the namespace has already may be mounted, what others have may not.
    const mount = (text: string) =>
      registry.mount('lab/c', { digest: digestOf(text), mayRead: () => true })
    expect(await mount('x'.repeat(60))).toMatchObject({ sizeBytes: 60 })
    await expect(mount('z'.repeat(500))).rejects.toMatchObject(overQuota)
    expect(await plain.blob('lab/c', digestOf('z'.repeat(500)))).toBeUndefined()
    await plain.removeBlob('lab/a', digestOf('y'.repeat(60)))
    await push(registry, 'lab/a', 'w'.repeat(60))
  })

  on(`${name}: tags are counted, and manifests are bytes`, async () => {
    const rules = { lab: { immutableTags: none, tagsMax: 3, bytesMax: 1000 } }
    await using at = await registryWith(rules, await place())
    const { registry, plain } = at
    for (const tag of ['1', '2', '3', '2']) await put(registry, 'lab/a', tag)
    await expect(put(registry, 'lab/b', '4')).rejects.toMatchObject(overQuota)
    await put(registry, 'lab/a', '3', 'other')
    const { tags, bytes } = await plain.usage('lab')
    expect(tags).toBe(3)
    expect(bytes).toBeGreaterThan(400)
    await plain.removeManifest('lab/a', '1')
    await put(registry, 'lab/b', '4')
    await expect(put(registry, 'lab/b', '4', 'y'.repeat(900))).rejects.toMatchObject(overQuota)
  })

  on(`${name}: an immutable tag is set once, by one of many, and stays`, async () => {
    const rules = { '*': { immutableTags: ['v*', 'latest-release'] } }
    await using at = await registryWith(rules, await place())
    const { registry } = at
    const names = Array.from({ length: 8 }, (_, index) => `n${index}`)
    const races = await Promise.allSettled(names.map((each) => put(registry, 'lab/a', 'v1', each)))
    expect(races.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const found = await registry.manifest('lab/a', 'v1')
    const digest = found?.digest ?? digestOf('')
    await expect(put(registry, 'lab/a', 'v1', 'else')).rejects.toMatchObject(immutable)
    const again = { reference: 'v1', mediaType: undefined, bytes: found?.bytes ?? bytesOf('') }
    expect(await registry.putManifest('lab/a', { ...again, tags: ['moving'] })).toEqual({ digest })
    for (const reference of ['v1', digest])
      await expect(registry.removeManifest('lab/a', reference)).rejects.toMatchObject(immutable)
    expect(await registry.removeManifest('lab/a', 'v404')).toBe(false)
    await put(registry, 'lab/a', 'moving', 'else')
    expect(await registry.removeManifest('lab/a', 'moving')).toBe(true)
    // Nor does a part of it go: the index that it is, a manifest of that, a blob of that.
    await push(registry, 'lab/a', '{}')
    const blob = { mediaType: 'a/b', digest: digestOf('{}'), size: 2 }
    const image = bytesOf(JSON.stringify({ schemaVersion: 2, config: blob, layers: [] }))
    const type = 'application/vnd.oci.image.manifest.v1+json'
    const child = { reference: digestOf(image), mediaType: type, bytes: image }
    await registry.putManifest('lab/a', child)
    const entry = { mediaType: type, digest: child.reference, size: image.byteLength }
    const index = { schemaVersion: 2, manifests: [entry] }
    const whole = { mediaType: undefined, bytes: bytesOf(JSON.stringify(index)) }
    await registry.putManifest('lab/a', { ...whole, reference: 'v2' })
    await expect(registry.removeManifest('lab/a', child.reference)).rejects.toMatchObject(immutable)
    await expect(registry.removeBlob('lab/a', blob.digest)).rejects.toMatchObject(immutable)
    await push(registry, 'lab/b', '{}')
    await registry.putManifest('lab/b', { ...child, tags: ['moving'] })
    expect(await registry.removeBlob('lab/b', blob.digest)).toBe(true)
    expect(await registry.removeManifest('lab/b', child.reference)).toBe(true)
    // With several tags none is moved when one of them may not be.
    const both = { reference: 'free', tags: ['v1'], mediaType: undefined, bytes: artifact('third') }
    await expect(registry.putManifest('lab/a', both)).rejects.toMatchObject(immutable)
    expect(await registry.manifest('lab/a', 'free')).toBeUndefined()
    expect((await registry.manifest('lab/a', 'v1'))?.digest).toBe(digest)
  })
}

for (const [name, place, on] of drivers) {
  on(`${name}: pushes at once, from several servers, are never over a quota`, async () => {
    const postgres = await place()
    const rules = { lab: { immutableTags: none, bytesMax: 10_000, tagsMax: 4 } }
    await using first = await registryWith(rules, postgres)
    // Two servers where the storage can have them; each remembers sums of its own.
    await using second = postgres === undefined ? undefined : await registryWith(rules, postgres)
    const other = second?.registry ?? first.registry
    await push(other, 'lab/0', 'x'.repeat(500))
    await push(first.registry, 'lab/0', 'x'.repeat(500))
    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 30 }, (_, index) =>
        push(
          index % 2 === 0 ? first.registry : other,
          `lab/${index % 5}`,
          `${index}`.padEnd(1000, '.'),
        ),
      ),
      ...Array.from({ length: 8 }, (_, index) =>
        put(index % 2 === 0 ? first.registry : other, 'lab/t', `tag${index}`),
      ),
    ])
    const failed = outcomes.filter(({ status }) => status === 'rejected')
    for (const refusal of failed) expect(refusal).toMatchObject({ reason: overQuota })
    const used = await first.plain.usage('lab')
    expect(used.bytes).toBeLessThanOrEqual(10_000)
    expect(used.bytes).toBeGreaterThan(8000)
    expect(used.tags).toBeLessThanOrEqual(4)
    // What was refused is not there, and left nothing behind.
    if (second === undefined) expect((await first.plain.upkeep.check()).damage).toEqual([])
    // What is deleted makes room at once, on both.
    await first.plain.removeBlob('lab/0', digestOf('x'.repeat(500)))
    const room = 10_000 - (await first.plain.usage('lab')).bytes
    await push(other, 'lab/0', 'y'.repeat(room))
    await expect(push(first.registry, 'lab/0', 'z')).rejects.toMatchObject(overQuota)
  })

  on(
    `${name}: what is pushed below counts above, and what returns from the bin counts`,
    async () => {
      const rules = {
        lab: { immutableTags: none, bytesMax: 1000, tagsMax: 2 },
        'lab/ci': { immutableTags: none },
      }
      await using at = await registryWith(rules, await place())
      await push(at.registry, 'lab/a', 'a'.repeat(100))
      await push(at.registry, 'lab/ci', 'b'.repeat(850))
      await expect(push(at.registry, 'lab/a', 'c'.repeat(60))).rejects.toMatchObject(overQuota)
      await push(at.registry, 'lab/a', 'c'.repeat(50))
      await push(at.registry, 'lab/ci', 'd'.repeat(5000))
      await at.plain.removeBlob('lab/ci', digestOf('d'.repeat(5000)))
      await at.plain.removeBlob('lab/ci', digestOf('b'.repeat(850)))
      await put(at.registry, 'lab/a', 'one')
      await put(at.registry, 'lab/a', 'two')
      await at.registry.removeManifest('lab/a', 'one')
      await put(at.registry, 'lab/a', 'three')
      await at.plain.upkeep.restore('lab/a', { tag: 'one' })
      await expect(put(at.registry, 'lab/a', 'four')).rejects.toMatchObject(overQuota)
    },
  )
}

test('an upload that grows past the quota is stopped while it streams', async () => {
  await using at = await registryWith({ lab: { immutableTags: none, bytesMax: 1_000_000 } })
  const id = await at.registry.startUpload('lab/a')
  let sent = 0
  const endless = (async function* () {
    for (;;) {
      sent += 100_000
      yield new Uint8Array(100_000)
    }
  })()
  const appended = at.registry.appendUpload('lab/a', id, { chunks: endless })
  await expect(appended).rejects.toMatchObject(overQuota)
  expect(sent).toBeLessThanOrEqual(1_200_000)
})

test('the longest name rules, and each first part for itself where only * does', async () => {
  await using at = await registryWith({
    aswf: { immutableTags: none, bytesMax: 10 },
    'aswf/ci': { immutableTags: none, bytesMax: 1000 },
    '*': { immutableTags: none, bytesMax: 50 },
  })
  const text = 'x'.repeat(40)
  await expect(push(at.registry, 'aswf/a', text)).rejects.toMatchObject(overQuota)
  await push(at.registry, 'aswf/ci/a', text)
  await push(at.registry, 'one/a', text)
  await push(at.registry, 'two/a', text)
  await expect(push(at.registry, 'two/b', 'y'.repeat(40))).rejects.toMatchObject(overQuota)
})
