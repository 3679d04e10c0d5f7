/** Deleting on one server what a push on another one is about to need, in PostgreSQL. */
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
import { openRegistry } from '../registry.ts'

afterAll(stopPostgres)

const test = outside(postgresPrograms)
const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const keeps = (tag: string) => tag === 'kept'
const immutable = { code: 'oci/tag-immutable' }

/** A repository with a blob and an image of it, and what opens its registry at two servers. */
async function twoServers() {
  const [first, second] = [temporaryFolder(), temporaryFolder()]
  const url = await (await sharedPostgres()).fresh()
  const postgres = { url }
  const here = await openRegistry({ dir: first.path, postgres })
  const there = await openRegistry({ dir: second.path, postgres })
  const id = await here.startUpload('r')
  await here.appendUpload('r', id, { chunks: one(json({})) })
  const blob = await here.finishUpload('r', id, digestOf('{}'))
  const config = { mediaType: 'a/b', digest: blob.digest, size: blob.sizeBytes }
  const image = json({ schemaVersion: 2, config, layers: [] })
  const { digest } = await here.putManifest('r', {
    reference: 'free',
    mediaType,
    bytes: image,
  })
  const [look, holder] = [new SQL({ url, max: 1 }), new SQL({ url, max: 1 })]
  return {
    here,
    there,
    blob,
    config,
    image: { mediaType, digest, size: image.byteLength },
    holder,
    waiters: () => lockWaiters(look),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([look.close(), holder.close(), here.close(), there.close()])
      for (const folder of [first, second]) folder[Symbol.dispose]()
    },
  }
}

test('what an immutable tag needs that another server sets just now is not deleted', async () => {
  await using place = await twoServers()
  const { here, there, blob, config, image, holder, waiters } = place
  const index = json({ schemaVersion: 2, manifests: [image] })
  const other = json({ schemaVersion: 2, config, layers: [config] })
  for (const [bytes, remove] of [
    [index, () => there.removeManifest('r', image.digest, { keeps })],
    [other, () => there.removeBlob('r', blob.digest, keeps)],
  ] as const) {
    // The push has looked at what it needs, and waits for another one to store the same bytes.
    await holder.unsafe('BEGIN')
    await holder.unsafe('INSERT INTO content (digest, bytes) VALUES ($1, $2)', [
      digestOf(bytes),
      bytes,
    ])
    const pushed = here.putManifest('r', { reference: 'kept', mediaType: undefined, bytes })
    await until(async () => (await waiters()) === 1)
    const removed = Promise.allSettled([remove()])
    await until(async () => (await waiters()) === 2)
    await holder.unsafe('ROLLBACK')
    expect(await pushed).toMatchObject({ digest: digestOf(bytes) })
    expect(await removed).toMatchObject([{ status: 'rejected', reason: immutable }])
  }
  expect(await here.manifest('r', image.digest)).toBeDefined()
  expect(await here.blob('r', blob.digest)).toBeDefined()
})

test('a push that comes after a delete on another server finds that its blob is gone', async () => {
  await using place = await twoServers()
  const { here, there, blob, config, holder, waiters } = place
  const bytes = json({ schemaVersion: 2, config, layers: [config] })
  await holder.unsafe('BEGIN')
  await holder.unsafe('SELECT 1 FROM blob WHERE digest = $1 FOR KEY SHARE', [blob.digest])
  const removed = there.removeBlob('r', blob.digest, keeps)
  await until(async () => (await waiters()) === 1)
  const pushed = Promise.allSettled([
    here.putManifest('r', { reference: 'kept', mediaType, bytes }),
  ])
  await until(async () => (await waiters()) === 2)
  await holder.unsafe('COMMIT')
  expect(await removed).toBe(true)
  const missing = { code: 'oci/manifest-blob-unknown' }
  expect(await pushed).toMatchObject([{ status: 'rejected', reason: missing }])
})
