/** Large uploads: past the page cache, hashed by a thread, and back where that cannot be. */
import { afterAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bytes, digestOf, systemClock, temporaryFolder } from '#kernel/index.ts'
import { diskBlobs } from '#store/index.ts'
import { mountedDisk, onDisk } from '../../../../test/disks.ts'
import { fileUploads } from './file-uploads.ts'
import { takeLane, giveBack, type Lane } from './write-lane.ts'

const blobBytesMax = 64 * 1024 * 1024
const whole = new Uint8Array(21_000_000).map((_, at) => at * 31 + (at >> 16))
const digest = digestOf(whole)

function uploadsIn(path: string) {
  const blobs = diskBlobs(path)
  const dir = join(path, 'uploads')
  return {
    blobs,
    uploads: fileUploads({ dir, blobs: () => blobs, clock: systemClock, blobBytesMax }),
  }
}

/** As a connection brings it; `pieceBytes` is no multiple of anything. */
async function* arriving(bytes: Uint8Array, pieceBytes = 65_537): Bytes {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    yield bytes.subarray(at, at + pieceBytes)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

type Place = ReturnType<typeof uploadsIn>

async function finished({ blobs, uploads }: Place, id: string): Promise<void> {
  const settle = (arrived: { storeIn(generation: number): Promise<void> }) => arrived.storeIn(0)
  expect(await uploads.finish('r', id, { digest, settle })).toEqual({
    digest,
    sizeBytes: whole.byteLength,
  })
  const path = blobs.pathOf?.(digest) ?? ''
  expect(Buffer.compare(readFileSync(path), whole)).toBe(0)
}

const taken: Lane[] = []
afterAll(() => taken.splice(0).forEach(giveBack))

test('in parts that end anywhere, each taken up by the next', async () => {
  using folder = temporaryFolder()
  const place = uploadsIn(folder.path)
  const id = await place.uploads.start('r', 'sha256')
  const cuts = [0, 4096, 5_000_001, 5_000_002, 9_003_008, 13_000_001, 13_000_003, whole.byteLength]
  for (const [index, end] of cuts.slice(1).entries()) {
    const start = cuts[index] ?? 0
    const chunks = arriving(whole.subarray(start, end))
    expect(await place.uploads.append('r', id, { chunks, start })).toBe(end)
  }
  await finished(place, id)
})

test('a newer request takes over from one that hangs, wherever that is', async () => {
  using folder = temporaryFolder()
  const place = uploadsIn(folder.path)
  const { uploads } = place
  const id = await uploads.start('r', 'sha256')
  for (const hangsAfter of [4_500_001, 9_000_011]) {
    const start = await uploads.size('r', id)
    const [hanging, went] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const older = uploads
      .append('r', id, {
        start,
        chunks: (async function* () {
          yield* arriving(whole.subarray(start, hangsAfter))
          hanging.resolve()
          await went.promise
          yield whole.subarray(hangsAfter, hangsAfter + 1_000_000)
        })(),
      })
      .catch((error: unknown) => error)
    await hanging.promise
    const none = (async function* (): Bytes {})()
    await uploads.append('r', id, { chunks: none })
    went.resolve()
    expect(await older).toMatchObject({ code: 'oci/upload-invalid' })
    expect(await uploads.size('r', id)).toBeLessThanOrEqual(hangsAfter)
  }
  const start = await uploads.size('r', id)
  await uploads.append('r', id, { chunks: arriving(whole.subarray(start)), start })
  await finished(place, id)
})

test('more at once than there are lanes, and some of them given up', async () => {
  using folder = temporaryFolder()
  const place = uploadsIn(folder.path)
  const { uploads } = place
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const id = await uploads.start('r', 'sha256')
      const adding = uploads
        .append('r', id, { chunks: arriving(whole, 60_000 + index) })
        .catch((error: unknown) => error)
      if (index % 4 !== 3) {
        expect(await adding).toBe(whole.byteLength)
        await finished(place, id)
        return 'finished'
      }
      while ((await uploads.size('r', id)) < 6_000_000)
        await new Promise((resolve) => setImmediate(resolve))
      await uploads.cancel('r', id)
      expect(await adding).toMatchObject({ code: 'oci/upload-invalid' })
      return 'cancelled'
    }),
  )
  expect(outcomes.filter((outcome) => outcome === 'finished')).toHaveLength(9)
  for (let lane = takeLane(); lane !== undefined; lane = takeLane()) taken.push(lane)
  expect(taken).toHaveLength(8)
  taken.splice(0).forEach(giveBack)
})

onDisk('ramfs')('where everything goes through the page cache', async () => {
  using disk = mountedDisk({ type: 'ramfs', sizeBytes: 2 * whole.byteLength })
  const place = uploadsIn(disk.path)
  const id = await place.uploads.start('r', 'sha256')
  await place.uploads.append('r', id, { chunks: arriving(whole) })
  await finished(place, id)
})

onDisk('tmpfs')('a disk that becomes full makes the upload way', async () => {
  using disk = mountedDisk({ type: 'tmpfs', sizeBytes: 10_000_000 })
  const { uploads } = uploadsIn(disk.path)
  const id = await uploads.start('r', 'sha256')
  const fault = await uploads
    .append('r', id, { chunks: arriving(whole) })
    .catch((error: unknown) => error)
  expect(fault).toMatchObject({ code: 'kernel/no-space' })
  await expect(uploads.size('r', id)).rejects.toMatchObject({ code: 'oci/upload-unknown' })
})
