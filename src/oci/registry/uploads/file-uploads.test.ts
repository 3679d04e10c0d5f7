import { expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  type Bytes,
  digestOf,
  fixedClock,
  one,
  systemClock,
  temporaryFolder,
} from '#kernel/index.ts'
import { diskBlobs, memoryBlobs } from '#store/index.ts'
import { fileUploads } from './uploads.ts'

function open(dir: string, blobBytesMax = 1_000_000) {
  const blobs = diskBlobs(dir)
  const options = { dir: `${dir}/uploads`, blobs, clock: systemClock, blobBytesMax }
  return { blobs, uploads: fileUploads(options) }
}

async function* breaking(bytes: Uint8Array): Bytes {
  yield bytes
  throw new Error('the connection broke')
}

test('however an upload is cut and taken up again, its bytes become the blob', async () => {
  const step = fc.record({
    bytes: fc.uint8Array({ minLength: 0, maxLength: 200 }),
    breaks: fc.boolean(),
    restarts: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 8 }),
      fc.constantFrom('sha256' as const, 'sha512' as const),
      async (steps, algorithm) => {
        using folder = temporaryFolder()
        let { uploads, blobs } = open(folder.path)
        const id = await uploads.start('r', 'sha256')
        const whole: Uint8Array[] = []
        for (const { bytes, breaks, restarts } of steps) {
          if (restarts) ({ uploads, blobs } = open(folder.path))
          const start = await uploads.size('r', id)
          const chunks = breaks ? breaking(bytes) : one(bytes)
          const added = uploads.append('r', id, { chunks, start })
          if (breaks) await expect(added).rejects.toThrow('broke')
          else expect(await added).toBe(start + bytes.byteLength)
          whole.push(bytes)
        }
        const want = digestOf(Buffer.concat(whole), algorithm)
        expect((await uploads.finish('r', id, want)).digest).toBe(want)
        expect(await blobs.size(want)).toBe(Buffer.concat(whole).byteLength)
        await expect(uploads.size('r', id)).rejects.toMatchObject({ code: 'oci/upload-unknown' })
      },
    ),
    { numRuns: 60 },
  )
})

test('a newer request takes over from one that hangs', async () => {
  using folder = temporaryFolder()
  const { uploads } = open(folder.path)
  const id = await uploads.start('r', 'sha256')
  const hang = Promise.withResolvers<void>()
  const hanging = uploads.append('r', id, {
    chunks: (async function* () {
      yield new Uint8Array(10)
      await hang.promise
      yield new Uint8Array(10)
    })(),
  })
  const fault = hanging.catch((error: unknown) => error)
  const bytes = new TextEncoder().encode('the rest')
  expect(await uploads.append('r', id, { chunks: one(bytes), start: 0 })).toBe(8)
  hang.resolve()
  expect(await fault).toMatchObject({ code: 'oci/upload-invalid' })
  expect((await uploads.finish('r', id, digestOf(bytes))).sizeBytes).toBe(8)
})

test('nothing can be added to an upload while it becomes a blob', async () => {
  using folder = temporaryFolder()
  const { uploads, blobs } = open(folder.path)
  for (let round = 0; round < 20; round += 1) {
    const id = await uploads.start('r', 'sha256')
    const bytes = new TextEncoder().encode(`round ${round}`)
    await uploads.append('r', id, { chunks: one(bytes) })
    const late = { chunks: one(new Uint8Array(5)) }
    const outcomes = await Promise.allSettled([
      uploads.append('r', id, late),
      uploads.finish('r', id, digestOf(bytes)),
      uploads.append('r', id, late),
      uploads.finish('r', id, digestOf(bytes)),
    ])
    const statuses = outcomes.map(({ status }) => status)
    expect(statuses).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
    const stored = await Array.fromAsync(blobs.read(digestOf(bytes)))
    expect(Buffer.concat(stored).toString()).toBe(`round ${round}`)
  }
})

test('whatever runs at once, a blob is what its name says', async () => {
  const step = fc.record({
    kind: fc.constantFrom('append' as const, 'finish' as const, 'cancel' as const),
    turns: fc.integer({ min: 0, max: 8 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      using folder = temporaryFolder()
      const { uploads, blobs } = open(folder.path)
      const id = await uploads.start('r', 'sha256')
      const first = new TextEncoder().encode('first')
      await uploads.append('r', id, { chunks: one(first) })
      const outcomes = await Promise.allSettled(
        steps.map(async ({ kind, turns }) => {
          for (let turn = 0; turn < turns; turn += 1)
            await new Promise((resolve) => setImmediate(resolve))
          if (kind === 'append') await uploads.append('r', id, { chunks: one(first), start: 5 })
          if (kind === 'finish') await uploads.finish('r', id, digestOf('first'))
          if (kind === 'cancel') await uploads.cancel('r', id)
          return kind
        }),
      )
      const finished = outcomes.some(
        (outcome) => outcome.status === 'fulfilled' && outcome.value === 'finish',
      )
      for await (const { digest } of blobs.list()) await Array.fromAsync(blobs.read(digest))
      expect((await blobs.size(digestOf('first'))) !== undefined).toBe(finished)
    }),
    { numRuns: 150 },
  )
})

test('an upload belongs to the repository that began it', async () => {
  using folder = temporaryFolder()
  const { uploads } = open(folder.path)
  const id = await uploads.start('mine', 'sha256')
  for (const [name, other] of [
    ['yours', id],
    ['mine', '../../x'],
    ['mine', ''],
  ] as const)
    await expect(uploads.size(name, other)).rejects.toMatchObject({ code: 'oci/upload-unknown' })
})

test('more than a blob may have, or than was announced, is not taken', async () => {
  using folder = temporaryFolder()
  const { uploads } = open(folder.path, 100)
  const id = await uploads.start('r', 'sha256')
  const large = { chunks: one(new Uint8Array(101)) }
  await expect(uploads.append('r', id, large)).rejects.toMatchObject({ code: 'kernel/too-large' })
  const more = { chunks: one(new Uint8Array(6)), start: 0, sizeBytes: 5 }
  await expect(uploads.append('r', id, more)).rejects.toMatchObject({ code: 'kernel/too-large' })
  expect(await uploads.size('r', id)).toBe(0)
})

test('uploads that nobody goes on with are removed, others stay', async () => {
  using folder = temporaryFolder()
  const { uploads, blobs } = open(folder.path)
  const id = await uploads.start('r', 'sha256')
  expect(await uploads.removeStale(60_000)).toBe(0)
  const later = fileUploads({
    dir: `${folder.path}/uploads`,
    blobs,
    clock: fixedClock(Date.now() + 120_000),
    blobBytesMax: 10,
  })
  expect(await later.removeStale(60_000)).toBe(1)
  await expect(uploads.size('r', id)).rejects.toMatchObject({ code: 'oci/upload-unknown' })
})

test('blobs that are no files are written by their store', async () => {
  using folder = temporaryFolder()
  const blobs = memoryBlobs()
  const options = { dir: `${folder.path}/uploads`, blobs, clock: systemClock, blobBytesMax: 100 }
  const uploads = fileUploads(options)
  const id = await uploads.start('r', 'sha256')
  await uploads.append('r', id, { chunks: one(new Uint8Array(7)) })
  const digest = digestOf(new Uint8Array(7))
  await uploads.finish('r', id, digest)
  expect(await blobs.size(digest)).toBe(7)
})
