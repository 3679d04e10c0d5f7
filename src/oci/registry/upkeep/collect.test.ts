/** Collections in PostgreSQL beside pushes and a restore, in the orders that could harm them. */
import { SQL } from 'bun'
import { afterAll, expect } from 'bun:test'
import { digestOf, one, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../../test/outside.ts'
import {
  lockWaiters,
  postgresPrograms,
  sharedPostgres,
  stopPostgres,
} from '../../../../test/postgres.ts'
import { until } from '../../../../test/until.ts'
import type { ManifestPut, Registry, StoredBlob } from '../contract.ts'
import { openRegistry } from '../registry.ts'
import { openUpkeep } from '../upkeep.ts'

afterAll(stopPostgres)

const dayMs = 86_400_000
const test = outside(postgresPrograms)

async function pushBlob(registry: Registry, text: string): Promise<StoredBlob> {
  const id = await registry.startUpload('r')
  await registry.appendUpload('r', id, { chunks: one(new TextEncoder().encode(text)) })
  return await registry.finishUpload('r', id, digestOf(text))
}

/** An image that needs the blob, as it is put under a tag. */
function imageOf({ digest, sizeBytes }: StoredBlob): ManifestPut {
  const config = { mediaType: 'a/b', digest, size: sizeBytes }
  const image = { schemaVersion: 2, config, layers: [] }
  const bytes = new TextEncoder().encode(JSON.stringify(image))
  return { reference: 't', mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes }
}

/** Whether a promise was settled, as far as is known by now. */
function settledness(promise: Promise<unknown>): () => boolean {
  let settled = false
  void (async () => {
    await Promise.allSettled([promise])
    settled = true
  })()
  return () => settled
}

test('no collection takes a blob that a push has found, whatever another one does', async () => {
  using folder = temporaryFolder()
  const url = await (await sharedPostgres()).fresh()
  let nowMs = 1_700_000_000_000
  const options = { dir: folder.path, postgres: { url }, clock: { nowMs: () => nowMs } }
  await using upkeep = await openUpkeep(options)
  await using beside = await openUpkeep(options)
  const registry = await openRegistry(options)
  const layer = await pushBlob(registry, 'needed')
  const [needed, needless] = [layer.digest, (await pushBlob(registry, 'needless')).digest]
  const { digest } = await registry.putManifest('r', imageOf(layer))
  await registry.removeManifest('r', digest)
  nowMs += 1000

  await using look = new SQL({ url, max: 1 })
  await using holder = new SQL({ url, max: 1 })
  await using pusher = new SQL({ url, max: 1 })
  const waiters = () => lockWaiters(look)
  // The first collection waits for a push that has found a blob that nobody needs.
  await holder.unsafe('BEGIN')
  await holder.unsafe('SELECT 1 FROM blob WHERE digest = $1 FOR KEY SHARE', [needless])
  const unlinking = upkeep.collect({ graceMs: 0, recycleMs: 7 * dayMs })
  await until(async () => (await waiters()) === 1)
  // The second empties the bin, and with it goes what kept the other blob.
  const purging = beside.collect({ graceMs: 10 * dayMs, recycleMs: 0 })
  const isPurged = settledness(purging)
  await until(async () => isPurged() || (await waiters()) === 2)
  // A push looks whether that blob is there, and needs it then, as `putManifest` does.
  const looked = Promise.withResolvers<void>()
  const mayEnd = Promise.withResolvers<void>()
  const pushed = pusher.begin(async (within) => {
    const held = await within.unsafe<readonly unknown[]>(
      'SELECT 1 FROM blob WHERE digest = $1 FOR KEY SHARE',
      [needed],
    )
    await within.unsafe(
      'INSERT INTO need SELECT repository, digest, $1, 1 FROM blob WHERE digest = $2',
      ['sha256:pushed', needed],
    )
    looked.resolve()
    await mayEnd.promise
    return held.length === 1
  })
  const hasLooked = settledness(looked.promise)
  await until(async () => hasLooked() || (await waiters()) === 3)
  await holder.unsafe('COMMIT')
  const isUnlinked = settledness(unlinking)
  await until(async () => isUnlinked() || (await waiters()) > 0)
  mayEnd.resolve()
  await unlinking
  expect((await purging).purgedManifests).toBe(1)
  expect((await registry.blob('r', needed)) !== undefined).toBe(await pushed)
  expect(await registry.blob('r', needless)).toBeUndefined()
  await registry.close()
})

test('a push that stands still holds up a collection, and nobody else', async () => {
  using folder = temporaryFolder()
  const url = await (await sharedPostgres()).fresh()
  const options = { dir: folder.path, postgres: { url } }
  await using upkeep = await openUpkeep(options)
  const registry = await openRegistry(options)
  const { digest: still } = await pushBlob(registry, 'still')
  await using look = new SQL({ url, max: 1 })
  await using holder = new SQL({ url, max: 1 })
  await holder.unsafe('BEGIN')
  await holder.unsafe('SELECT 1 FROM blob WHERE digest = $1 FOR KEY SHARE', [still])
  const collecting = upkeep.collect({ graceMs: 10 * dayMs })
  await until(async () => (await lockWaiters(look)) === 1)
  const pushed = await pushBlob(registry, 'another')
  expect(await registry.blob('r', pushed.digest)).toBeDefined()
  await holder.unsafe('COMMIT')
  expect(await collecting).toMatchObject({ unlinkedBlobs: 0, removedBlobs: 0 })
  await registry.close()
})

test('what is restored while the bin is emptied returns whole, or not at all', async () => {
  using folder = temporaryFolder()
  const url = await (await sharedPostgres()).fresh()
  const options = { dir: folder.path, postgres: { url } }
  const registry = await openRegistry(options)
  const layer = await pushBlob(registry, 'layer')
  const { digest } = await registry.putManifest('r', imageOf(layer))
  await registry.removeManifest('r', digest)

  await using look = new SQL({ url, max: 1 })
  await using holder = new SQL({ url, max: 1 })
  // As a collection does that finds the time of the manifest over.
  await holder.unsafe('BEGIN')
  await holder.unsafe('SELECT 1 FROM recycled_manifest FOR UPDATE')
  const restoring = registry.upkeep.restore('r', { digest })
  await until(async () => (await lockWaiters(look)) === 1)
  await holder.unsafe('DELETE FROM need')
  await holder.unsafe('DELETE FROM recycled_manifest')
  await holder.unsafe('COMMIT')
  expect(await restoring).toEqual({ manifests: [], tags: [] })
  expect(await registry.manifest('r', digest)).toBeUndefined()
  await registry.close()
})
