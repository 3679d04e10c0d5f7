/** Two collections and a push in PostgreSQL, in the one order that could take a blob from it. */
import { SQL } from 'bun'
import { afterAll, expect } from 'bun:test'
import { type Digest, digestOf, one, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../../test/outside.ts'
import { postgresPrograms, startPostgres } from '../../../../test/postgres.ts'
import { until } from '../../../../test/until.ts'
import { openRegistry } from '../registry.ts'
import { openUpkeep } from '../upkeep.ts'

let running: ReturnType<typeof startPostgres> | undefined
afterAll(async () => await (await running)?.[Symbol.asyncDispose]())

const dayMs = 86_400_000
const test = outside(postgresPrograms)
const waiting = `SELECT 1 FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'`

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
  running ??= startPostgres()
  const url = await (await running).fresh()
  let nowMs = 1_700_000_000_000
  const options = { dir: folder.path, postgres: { url }, clock: { nowMs: () => nowMs } }
  await using upkeep = await openUpkeep(options)
  await using beside = await openUpkeep(options)
  const registry = await openRegistry(options)
  const push = async (text: string): Promise<Digest> => {
    const bytes = new TextEncoder().encode(text)
    const id = await registry.startUpload('r')
    await registry.appendUpload('r', id, { chunks: one(bytes) })
    return (await registry.finishUpload('r', id, digestOf(bytes))).digest
  }
  const [needed, needless] = [await push('needed'), await push('needless')]
  const layer = { mediaType: 'a/b', digest: needed, size: 6 }
  const bytes = new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, config: layer, layers: [] }),
  )
  const put = { reference: 't', mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes }
  const { digest } = await registry.putManifest('r', put)
  await registry.removeManifest('r', digest)
  nowMs += 1000

  await using look = new SQL({ url, max: 1 })
  await using holder = new SQL({ url, max: 1 })
  await using pusher = new SQL({ url, max: 1 })
  const waiters = async () => (await look.unsafe(waiting)).length
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
  running ??= startPostgres()
  const url = await (await running).fresh()
  const options = { dir: folder.path, postgres: { url } }
  await using upkeep = await openUpkeep(options)
  const registry = await openRegistry(options)
  const push = async (text: string): Promise<Digest> => {
    const bytes = new TextEncoder().encode(text)
    const id = await registry.startUpload('r')
    await registry.appendUpload('r', id, { chunks: one(bytes) })
    return (await registry.finishUpload('r', id, digestOf(bytes))).digest
  }
  const still = await push('still')
  await using look = new SQL({ url, max: 1 })
  await using holder = new SQL({ url, max: 1 })
  await holder.unsafe('BEGIN')
  await holder.unsafe('SELECT 1 FROM blob WHERE digest = $1 FOR KEY SHARE', [still])
  const collecting = upkeep.collect({ graceMs: 10 * dayMs })
  await until(async () => (await look.unsafe(waiting)).length === 1)
  const pushed = await push('another')
  expect(await registry.blob('r', pushed)).toBeDefined()
  await holder.unsafe('COMMIT')
  expect(await collecting).toMatchObject({ unlinkedBlobs: 0, removedBlobs: 0 })
  await registry.close()
})

test('what is restored while the bin is emptied returns whole, or not at all', async () => {
  using folder = temporaryFolder()
  running ??= startPostgres()
  const url = await (await running).fresh()
  const options = { dir: folder.path, postgres: { url } }
  const registry = await openRegistry(options)
  const id = await registry.startUpload('r')
  await registry.appendUpload('r', id, { chunks: one(new TextEncoder().encode('layer')) })
  const layer = await registry.finishUpload('r', id, digestOf('layer'))
  const config = { mediaType: 'a/b', digest: layer.digest, size: layer.sizeBytes }
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config, layers: [] }))
  const put = { reference: 't', mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes }
  const { digest } = await registry.putManifest('r', put)
  await registry.removeManifest('r', digest)

  await using look = new SQL({ url, max: 1 })
  await using holder = new SQL({ url, max: 1 })
  // As a collection does that finds the time of the manifest over.
  await holder.unsafe('BEGIN')
  await holder.unsafe('SELECT 1 FROM recycled_manifest FOR UPDATE')
  const restoring = registry.upkeep.restore('r', { digest })
  await until(async () => (await look.unsafe(waiting)).length === 1)
  await holder.unsafe('DELETE FROM need')
  await holder.unsafe('DELETE FROM recycled_manifest')
  await holder.unsafe('COMMIT')
  expect(await restoring).toEqual({ manifests: [], tags: [] })
  expect(await registry.manifest('r', digest)).toBeUndefined()
  await registry.close()
})
