/** Looking after a registry, on every storage. */
import { SQL } from 'bun'
import { Database } from 'bun:sqlite'
import { afterAll, expect, test as plain } from 'bun:test'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestOf, one, readAll } from '#kernel/index.ts'
import { diskBlobs } from '#store/index.ts'
import {
  sharedS3,
  type StorageKind,
  stopStorages,
  storageKinds,
} from '../../../../test/storages.ts'
import { mediaTypes } from '../../media-types.ts'
import { accessMigrations } from '../../access/accounts.ts'
import { listAudit } from '../../access/audit.ts'
import { referrersTag } from '../../reference.ts'
import type { Registry } from '../contract.ts'
import type { OpenRegistryOptions } from '../options.ts'
import { openRegistry } from '../registry.ts'
import { migrateStorage } from '../upkeep.ts'

afterAll(stopStorages)

const dayMs = 86_400_000
const startMs = 1_700_000_000_000

/** A clock that is set forward. */
function setClock() {
  let nowMs = startMs
  return { nowMs: () => nowMs, pass: (ms: number) => void (nowMs += ms) }
}

async function opened(kind: StorageKind) {
  const place = await kind.open()
  const clock = setClock()
  const options: OpenRegistryOptions = { ...place.options, clock }
  const registry = await openRegistry(options)
  return {
    clock,
    options,
    registry,
    [Symbol.asyncDispose]: async () => {
      await registry.close()
      await place[Symbol.asyncDispose]()
    },
  }
}

async function pushBlob(registry: Registry, repository: string, text: string): Promise<Digest> {
  const bytes = new TextEncoder().encode(text)
  const id = await registry.startUpload(repository)
  await registry.appendUpload(repository, id, { chunks: one(bytes) })
  return (await registry.finishUpload(repository, id, digestOf(bytes))).digest
}

interface Image {
  readonly repository: string
  readonly reference?: string
  readonly layers: readonly string[]
  readonly subject?: Digest
}

async function pushImage(registry: Registry, image: Image): Promise<Digest> {
  const { repository, layers, reference } = image
  for (const layer of layers) await pushBlob(registry, repository, layer)
  const [config, ...rest] = layers.map((text) => ({
    mediaType: 'application/octet-stream',
    digest: digestOf(text),
    size: text.length,
  }))
  const subject =
    image.subject === undefined
      ? {}
      : { subject: { mediaType: mediaTypes.manifest, digest: image.subject, size: 1 } }
  const manifest = { schemaVersion: 2, config, layers: rest, ...subject }
  const bytes = new TextEncoder().encode(JSON.stringify(manifest))
  const put = { reference: reference ?? digestOf(bytes), mediaType: mediaTypes.manifest, bytes }
  return (await registry.putManifest(repository, put)).digest
}

/** An index of manifests that are there. */
async function pushIndex(
  registry: Registry,
  {
    repository,
    manifests,
    tag,
  }: { repository: string; manifests: readonly Digest[]; tag?: string },
): Promise<Digest> {
  const named = await Promise.all(manifests.map((name) => registry.manifest(repository, name)))
  const descriptors = named.flatMap((found) =>
    found === undefined
      ? []
      : [{ mediaType: found.mediaType, digest: found.digest, size: found.bytes.byteLength }],
  )
  const mediaType = mediaTypes.index
  const index = { schemaVersion: 2, mediaType, manifests: descriptors }
  const bytes = new TextEncoder().encode(JSON.stringify(index))
  const put = { reference: tag ?? digestOf(bytes), mediaType, bytes }
  return (await registry.putManifest(repository, put)).digest
}

async function readBlob(registry: Registry, repository: string, digest: Digest): Promise<string> {
  const blob = await registry.blob(repository, digest)
  if (blob === undefined) return 'absent'
  return new TextDecoder().decode(await readAll(registry.readBlob(blob), 1_000_000, digest))
}

for (const kind of storageKinds) {
  const { name, test } = kind

  test(`${name}: what no manifest names goes after the grace, the rest stays`, async () => {
    await using place = await opened(kind)
    const { registry, clock } = place
    const kept = { repository: 'a/kept', reference: 'v1', layers: ['config', 'shared'] }
    await pushImage(registry, kept)
    const loose = await pushBlob(registry, 'a/loose', 'loose')
    await pushBlob(registry, 'b/loose', 'shared')
    expect(await registry.upkeep.collect()).toMatchObject({ unlinkedBlobs: 0, removedBlobs: 0 })
    clock.pass(2 * dayMs)
    const young = await pushBlob(registry, 'a/loose', 'young')
    const foreseen = await registry.upkeep.collect({ dryRun: true })
    expect(foreseen).toMatchObject({ unlinkedBlobs: 2, removedBlobs: 1, freedBytes: 5 })
    const report = await registry.upkeep.collect()
    expect(report).toMatchObject({ unlinkedBlobs: 2, removedBlobs: 1, freedBytes: 5 })
    expect(await readBlob(registry, 'a/loose', loose)).toBe('absent')
    expect(await readBlob(registry, 'a/loose', young)).toBe('young')
    expect(await readBlob(registry, 'a/kept', digestOf('shared'))).toBe('shared')
    expect(await pushBlob(registry, 'a/loose', 'loose')).toBe(loose)
    expect(await readBlob(registry, 'a/loose', loose)).toBe('loose')
  })

  test(`${name}: what is deleted can be restored until it is purged`, async () => {
    await using place = await opened(kind)
    const { registry, clock } = place
    const image = { repository: 'r', layers: ['config', 'layer'] }
    const digest = await pushImage(registry, { ...image, reference: 'one' })
    await pushImage(registry, { ...image, reference: 'two' })
    await registry.removeManifest('r', 'one')
    expect(await registry.upkeep.restore('r', { tag: 'one' })).toEqual({
      manifests: [],
      tags: ['one'],
    })
    await registry.removeManifest('r', digest)
    clock.pass(3 * dayMs)
    expect(await registry.upkeep.collect()).toMatchObject({ removedBlobs: 0 })
    const bin = await registry.upkeep.recycled('r')
    expect(bin.map(({ tag, reason }) => [tag, reason])).toEqual([
      ['one', 'deleted'],
      ['two', 'deleted'],
      [undefined, 'deleted'],
    ])
    const back = await registry.upkeep.restore('r', { digest })
    expect(back).toEqual({ manifests: [digest], tags: ['one', 'two'] })
    expect((await registry.manifest('r', 'two'))?.digest).toBe(digest)
    expect(await readBlob(registry, 'r', digestOf('layer'))).toBe('layer')
    expect(await registry.upkeep.recycled()).toEqual([])

    await registry.removeManifest('r', digest)
    clock.pass(8 * dayMs)
    const report = await registry.upkeep.collect()
    expect(report).toMatchObject({ purgedManifests: 1, removedBlobs: 2 })
    expect(await registry.upkeep.restore('r', { digest })).toEqual({ manifests: [], tags: [] })
    expect(await registry.upkeep.usage(1)).toMatchObject({ storedBlobs: 0, storedBytes: 0 })
  })

  test(`${name}: an image for several platforms returns from the bin whole`, async () => {
    await using place = await opened(kind)
    const { registry, clock } = place
    const repository = 'r'
    const child = await pushImage(registry, { repository, layers: ['amd64'] })
    const inner = await pushIndex(registry, { repository, manifests: [child] })
    const index = await pushIndex(registry, { repository, manifests: [inner], tag: 'v1' })
    const sbom = await pushImage(registry, { repository, layers: ['sbom'], subject: child })
    await registry.database.migrate('access', accessMigrations)
    const beside = `${referrersTag(index)}.sig`
    await pushImage(registry, { repository, layers: ['signature'], reference: beside })
    clock.pass(10 * dayMs)
    await pushImage(registry, { repository, layers: ['new'], reference: 'v2' })
    const rules = [{ repositories: ['**'], tags: ['*'], protect: [], keepLast: 1 }]
    await registry.upkeep.retain(rules, true)
    await registry.upkeep.retain(rules, false)
    expect((await registry.tags(repository))?.items).toEqual(['v2'])
    expect(await registry.manifest(repository, child)).toBeUndefined()

    const back = await registry.upkeep.restore(repository, { tag: 'v1' })
    expect(back.tags.toSorted()).toEqual([beside, 'v1'])
    expect(back.manifests).toHaveLength(5)
    expect(back.manifests).toEqual(expect.arrayContaining([index, inner, child, sbom]))
    expect(await registry.upkeep.recycled()).toEqual([])
    expect((await registry.referrers(repository, child)).items).toHaveLength(1)
    const log = await listAudit(registry.database, { limit: 99 })
    expect(log.map(({ action }) => action).toSorted()).toEqual([
      ...Array.from({ length: 5 }, () => 'manifest.expire'),
      ...Array.from({ length: 5 }, () => 'manifest.restore'),
      'tag.expire',
      'tag.expire',
      'tag.restore',
      'tag.restore',
    ])
    expect(log).toContainEqual(
      expect.objectContaining({ who: 'retention', repository, subject: `v1 ${index}` }),
    )
    clock.pass(10 * dayMs)
    await registry.upkeep.collect()
    expect(await readBlob(registry, repository, digestOf('amd64'))).toBe('amd64')
    expect((await registry.upkeep.check()).damage).toEqual([])
  })

  test(`${name}: usage tells shared bytes from a namespace’s own`, async () => {
    await using place = await opened(kind)
    const { registry } = place
    await pushImage(registry, { repository: 'a/x', reference: 't', layers: ['base', 'of a'] })
    await pushImage(registry, { repository: 'a/y', reference: 't', layers: ['base', 'of a'] })
    await pushImage(registry, { repository: 'b', reference: 't', layers: ['base', 'only b'] })
    const { namespaces, ...stored } = await registry.upkeep.usage(1)
    const shared = { tags: 2, manifests: 2, blobs: 2, bytes: 8, ownBytes: 4, sharedBytes: 4 }
    expect(namespaces).toEqual([
      { namespace: 'a', repositories: 2, ...shared, recycledManifests: 0 },
      {
        namespace: 'b',
        repositories: 1,
        tags: 1,
        manifests: 1,
        blobs: 2,
        bytes: 10,
        ownBytes: 6,
        sharedBytes: 4,
        recycledManifests: 0,
      },
    ])
    expect(stored).toEqual({ storedBytes: 14, storedBlobs: 3 })
  })

  test(`${name}: retention says why, and does what it said`, async () => {
    await using place = await opened(kind)
    const { registry, clock } = place
    const digests: Digest[] = []
    for (const tag of ['v1', 'v2', 'v3', 'v4', 'latest']) {
      digests.push(await pushImage(registry, { repository: 'r', reference: tag, layers: [tag] }))
      clock.pass(dayMs)
    }
    const [v1, v2] = digests
    if (v1 === undefined || v2 === undefined) throw new Error('Nothing was pushed')
    const about = { repository: 'r', layers: ['sbom'], subject: v2 }
    await pushImage(registry, about)
    clock.pass(40 * dayMs)
    registry.noteManifestPull('r', v1)
    await registry.flushPulls()
    clock.pass(dayMs)
    const rules = [
      {
        repositories: ['**'],
        tags: ['*'],
        protect: ['latest'],
        keepLast: 2,
        keepPulledMs: 30 * dayMs,
      },
    ]
    const foreseen = await registry.upkeep.retain(rules, true)
    expect(foreseen.verdicts.map(({ tag, keep, reason }) => [tag ?? '-', keep, reason])).toEqual([
      ['latest', true, 'it is protected'],
      ['v1', true, 'it was pulled a day ago'],
      ['v2', false, 'no rule keeps it'],
      ['v3', false, 'no rule keeps it'],
      ['v4', true, 'it is one of the last 2'],
      ['-', false, 'its tags go'],
      ['-', false, 'its tags go'],
      ['-', false, 'the manifest that it is about goes'],
    ])
    expect((await registry.tags('r'))?.items).toHaveLength(5)
    const done = await registry.upkeep.retain(rules, false)
    expect(done).toMatchObject({ removedTags: 2, removedManifests: 3 })
    expect((await registry.tags('r'))?.items).toEqual(['latest', 'v1', 'v4'])
    expect(await registry.manifest('r', v2)).toBeUndefined()
    expect(await registry.upkeep.recycled('r')).toHaveLength(5)
  })

  test(`${name}: a check finds what is missing, damaged, orphaned and dangling`, async () => {
    await using place = await opened(kind)
    const { registry, clock } = place
    await pushImage(registry, { repository: 'r', reference: 't', layers: ['whole', 'cut', 'bent'] })
    const files = await filesOf(place.options)
    expect(await registry.upkeep.check()).toMatchObject({ blobs: 3, manifests: 1, damage: [] })
    clock.pass(dayMs)
    rmSync(files.path(digestOf('cut')))
    writeFileSync(files.path(digestOf('bent')), 'BENT') // The same size.
    await registry.removeBlob('r', digestOf('whole'))
    writeFileSync(files.path(digestOf('orphan')), 'orphan')
    clock.pass(Date.now() - startMs + 10 * dayMs) // So that the file is old.
    const kindsOf = async (options: {
      quick?: boolean
      repair?: boolean
    }): Promise<readonly string[]> =>
      (await registry.upkeep.check(options)).damage.map((damage) => damage.kind).toSorted()
    expect(await kindsOf({ quick: true })).toEqual(['dangling manifest', 'missing', 'orphaned'])
    expect(await readBlob(registry, 'r', digestOf('bent')).catch(() => 'refused')).toBe('refused')
    const all: readonly string[] = ['damaged', 'dangling manifest', 'missing', 'orphaned']
    expect(await kindsOf({ repair: true })).toEqual(all)
    expect(await readBlob(registry, 'r', digestOf('bent'))).toBe('absent')
    // Its size is right, which says nothing of its bytes.
    expect(await kindsOf({ quick: true })).toEqual(['damaged', 'dangling manifest', 'missing'])
    expect(await readBlob(registry, 'r', digestOf('bent'))).toBe('absent')
    expect(existsSync(files.path(digestOf('orphan')))).toBe(false)

    for (const text of ['whole', 'cut', 'bent', 'orphan']) {
      await pushBlob(registry, 'r', text)
      expect(await readBlob(registry, 'r', digestOf(text))).toBe(text)
    }
    expect(await kindsOf({})).toEqual([])
  })

  test(`${name}: a check reads manifests, too, and a push mends what it finds`, async () => {
    await using place = await opened(kind)
    const { registry, options } = place
    const image = { repository: 'r', reference: 't', layers: ['layer'] }
    const digest = await pushImage(registry, image)
    await damaged(options, ["UPDATE content SET bytes = CAST('{}' AS BYTEA)"])
    const found = [{ kind: 'damaged manifest', digest, repositories: ['r'] }]
    expect(await registry.upkeep.check()).toMatchObject({ manifests: 1, damage: found })
    await pushImage(registry, image)
    expect((await registry.upkeep.check()).damage).toEqual([])

    // What a copy of the database that is older than its tables would lack.
    await damaged(options, ['DELETE FROM content', 'DELETE FROM stored'])
    const lost = { kind: 'missing', digest: digestOf('layer'), repositories: ['r'] }
    expect((await registry.upkeep.check()).damage).toEqual(expect.arrayContaining([...found, lost]))
    await pushImage(registry, image)
    expect((await registry.upkeep.check()).damage).toEqual([])
    expect((await registry.manifest('r', 't'))?.digest).toBe(digest)
    await damaged(options, ['DELETE FROM content'])
    expect(await registry.upkeep.check({ repair: true })).toMatchObject({ damage: found })
    expect((await registry.upkeep.check()).damage).toEqual([])
    expect((await registry.tags('r'))?.items).toEqual([])
  })

  test(`${name}: of several servers one takes the turn`, async () => {
    await using place = await opened(kind)
    const { registry, clock } = place
    const turn = { name: 'collect', everyMs: dayMs }
    const all = await Promise.all([1, 2, 3].map(() => registry.isMyTurn(turn)))
    expect(all.filter(Boolean)).toEqual([true])
    clock.pass(dayMs)
    expect(await registry.isMyTurn(turn)).toBe(true)
    // That clock was years ahead, and is set right.
    clock.pass(-1000 * dayMs)
    expect(await registry.isMyTurn(turn)).toBe(true)
    expect(await registry.isMyTurn(turn)).toBe(false)
  })
}

/** Runs statements that no program runs, with references set aside. */
async function damaged(
  { dir, postgres }: OpenRegistryOptions,
  statements: readonly string[],
): Promise<void> {
  if (postgres === undefined) {
    const database = new Database(join(dir, 'registry.db'))
    for (const text of statements) database.run(text.replace('AS BYTEA', 'AS BLOB'))
    database.close()
    return
  }
  await using database = new SQL({ url: postgres.url, max: 1 })
  await database.unsafe("SET session_replication_role = 'replica'")
  for (const text of statements) await database.unsafe(text)
}

/** Where the bytes of blobs lie, for damage. */
async function filesOf(options: OpenRegistryOptions) {
  const { bucket } = options
  if (bucket === undefined)
    return { path: (digest: Digest) => diskBlobs(options.dir).pathOf?.(digest) ?? '' }
  const { folder } = await sharedS3()
  const root = join(folder, bucket.bucket, bucket.prefix, 'blobs/sha256')
  return { path: (digest: Digest) => join(root, digest.slice(7)) }
}

const [local, shared] = storageKinds
for (const [from, to] of [
  [local, shared],
  [shared, local],
] as const)
  (shared?.test ?? plain)(`from ${from?.name} to ${to?.name}: everything moves`, async () => {
    if (from === undefined || to === undefined) throw new Error('Two storages are needed')
    await using source = await from.open()
    await using target = await to.open()
    const registry = await openRegistry(source.options)
    const digest = await pushImage(registry, {
      repository: 'a/b',
      reference: 't',
      layers: ['x', 'y'],
    })
    await pushImage(registry, { repository: 'c', layers: ['x'], subject: digest })
    await pushBlob(registry, 'c', 'z'.repeat(9_000_000))
    await registry.close()

    const stopped = new AbortController()
    const broken = migrateStorage(source.options, target.options, {
      signal: stopped.signal,
      onProgress: () => stopped.abort(),
    })
    await expect(broken).rejects.toMatchObject({ code: 'kernel/cancelled' })
    const report = await migrateStorage(source.options, target.options)
    expect(report).toMatchObject({
      repositories: 2,
      blobs: 4,
      copiedBlobs: 2,
      manifests: 2,
      tags: 1,
    })
    expect((await migrateStorage(source.options, target.options)).copiedBytes).toBe(0)

    const moved = await openRegistry(target.options)
    expect((await moved.manifest('a/b', 't'))?.digest).toBe(digest)
    expect(await readBlob(moved, 'a/b', digestOf('y'))).toBe('y')
    expect((await moved.referrers('c', digest)).items).toHaveLength(1)
    expect(await moved.upkeep.check()).toMatchObject({ blobs: 3, manifests: 2, damage: [] })
    await moved.close()
  })
