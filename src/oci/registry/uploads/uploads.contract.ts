/**
 * What every driver of `Uploads` must do; a driver's test is one line that calls this.
 */
import { expect, test as always } from 'bun:test'
import fc from 'fast-check'
import { type Bytes, type Clock, type Digest, digestOf, fixedClock, one } from '#kernel/index.ts'
import type { BlobStore } from '#store/index.ts'
import type { Arrived, Uploads } from './contract.ts'

export interface UploadsPlace extends AsyncDisposable {
  readonly blobs: BlobStore
  /** Opens the same uploads, as a server does that was started anew, or another one. */
  uploads(options?: { readonly blobBytesMax?: number; readonly clock?: Clock }): Promise<Uploads>
}

interface Suite {
  readonly open: () => Promise<UploadsPlace>
  readonly test?: typeof always
  /** How many cases a property is tried with. */
  readonly runs: number
}

const finish = (uploads: Uploads, id: string, digest: Digest) =>
  uploads.finish('r', id, { digest, settle: (arrived) => arrived.storeIn(0) })

async function* breaking(bytes: Uint8Array): Bytes {
  yield bytes
  throw new Error('the connection broke')
}

/** Registers the suite for one driver. */
export function uploadsContract(name: string, { open, runs, test = always }: Suite): void {
  test(`${name}: cut and taken up again anyhow, an upload becomes the blob`, async () => {
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
          await using place = await open()
          let uploads = await place.uploads()
          const { blobs } = place
          const id = await uploads.start('r', 'sha256')
          const whole: Uint8Array[] = []
          for (const { bytes, breaks, restarts } of steps) {
            if (restarts) uploads = await place.uploads()
            const start = await uploads.size('r', id)
            const chunks = breaks ? breaking(bytes) : one(bytes)
            const added = uploads.append('r', id, { chunks, start })
            if (breaks) await expect(added).rejects.toThrow('broke')
            else expect(await added).toBe(start + bytes.byteLength)
            whole.push(bytes)
          }
          const want = digestOf(Buffer.concat(whole), algorithm)
          expect((await finish(uploads, id, want)).digest).toBe(want)
          expect(await blobs.size(want)).toBe(Buffer.concat(whole).byteLength)
          await expect(uploads.size('r', id)).rejects.toMatchObject({ code: 'oci/upload-unknown' })
        },
      ),
      { numRuns: runs },
    )
  })

  test(`${name}: another server knows all that was answered, at any moment`, async () => {
    await using place = await open()
    const options = { blobBytesMax: 40_000_000 }
    const [uploads, another] = [await place.uploads(options), await place.uploads(options)]
    const id = await uploads.start('r', 'sha256')
    // More than the part of a bucket, and too little to be made one and begin the next.
    const answered = new Uint8Array(13_000_000).fill(1)
    const more = new Uint8Array(500_000).fill(2)
    expect(await uploads.append('r', id, { chunks: one(answered) })).toBe(answered.byteLength)
    const sizes: number[] = []
    const chunks = (async function* () {
      for (let at = 0; at < 4; at += 1) {
        yield more
        sizes.push(await another.size('r', id))
      }
    })()
    expect(await uploads.append('r', id, { chunks })).toBe(15_000_000)
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(answered.byteLength)
    const whole = digestOf(Buffer.concat([answered, more, more, more, more]))
    expect((await finish(another, id, whole)).sizeBytes).toBe(15_000_000)
  })

  test(`${name}: a newer request takes over from one that hangs`, async () => {
    await using place = await open()
    const uploads = await place.uploads()
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
    expect((await finish(uploads, id, digestOf(bytes))).sizeBytes).toBe(8)
  })

  test(`${name}: nothing can be added to an upload while it becomes a blob`, async () => {
    await using place = await open()
    const { blobs } = place
    const uploads = await place.uploads()
    for (let round = 0; round < 20; round += 1) {
      const id = await uploads.start('r', 'sha256')
      const bytes = new TextEncoder().encode(`round ${round}`)
      await uploads.append('r', id, { chunks: one(bytes) })
      const late = { chunks: one(new Uint8Array(5)) }
      const outcomes = await Promise.allSettled([
        uploads.append('r', id, late),
        finish(uploads, id, digestOf(bytes)),
        uploads.append('r', id, late),
        finish(uploads, id, digestOf(bytes)),
      ])
      const statuses = outcomes.map(({ status }) => status)
      expect(statuses).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
      const stored = await Array.fromAsync(blobs.read(digestOf(bytes)))
      expect(Buffer.concat(stored).toString()).toBe(`round ${round}`)
    }
  })

  test(`${name}: whatever runs at once, a blob is what its name says`, async () => {
    const step = fc.record({
      kind: fc.constantFrom('append' as const, 'finish' as const, 'cancel' as const),
      turns: fc.integer({ min: 0, max: 8 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
        await using place = await open()
        const { blobs } = place
        const uploads = await place.uploads()
        const id = await uploads.start('r', 'sha256')
        const first = new TextEncoder().encode('first')
        await uploads.append('r', id, { chunks: one(first) })
        const outcomes = await Promise.allSettled(
          steps.map(async ({ kind, turns }) => {
            for (let turn = 0; turn < turns; turn += 1)
              await new Promise((resolve) => setImmediate(resolve))
            if (kind === 'append') await uploads.append('r', id, { chunks: one(first), start: 5 })
            if (kind === 'finish') await finish(uploads, id, digestOf('first'))
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
      { numRuns: 2 * runs },
    )
  })

  test(`${name}: what comes while a whole upload goes away does not reach the blob`, async () => {
    await using place = await open()
    const uploads = await place.uploads()
    for (let round = 0; round < 20; round += 1) {
      const id = await uploads.start('r', 'sha256')
      const bytes = new TextEncoder().encode(`round ${round}`)
      await uploads.append('r', id, { chunks: one(bytes) })
      const over = finish(uploads, id, digestOf(bytes))
      const late: Promise<unknown>[] = []
      while (Bun.peek.status(over) === 'pending' && late.length < 1000) {
        late.push(uploads.append('r', id, { chunks: one(bytes) }).catch(() => undefined))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all([over, ...late])
      await Array.fromAsync(place.blobs.read(digestOf(bytes)))
    }
  })

  test(`${name}: a crash between blob and metadata lets nobody change the blob`, async () => {
    await using place = await open()
    const uploads = await place.uploads()
    const id = await uploads.start('r', 'sha256')
    const bytes = new TextEncoder().encode('the blob')
    await uploads.append('r', id, { chunks: one(bytes) })
    const digest = digestOf(bytes)
    const settle = async (arrived: Arrived) => {
      await arrived.storeIn(0)
      throw new Error('no metadata')
    }
    await expect(uploads.finish('r', id, { digest, settle })).rejects.toThrow('no metadata')
    for (const server of [uploads, await place.uploads()]) {
      await server.append('r', id, { chunks: one(bytes) }).catch(() => undefined)
      await Array.fromAsync(place.blobs.read(digest))
    }
  })

  test(`${name}: an upload belongs to the repository that began it`, async () => {
    await using place = await open()
    const uploads = await place.uploads()
    const id = await uploads.start('mine', 'sha256')
    for (const [repository, other] of [
      ['yours', id],
      ['mine', '../../x'],
      ['mine', ''],
    ] as const)
      await expect(uploads.size(repository, other)).rejects.toMatchObject({
        code: 'oci/upload-unknown',
      })
  })

  test(`${name}: more than a blob may have, or than was announced, is not taken`, async () => {
    await using place = await open()
    const uploads = await place.uploads({ blobBytesMax: 100 })
    const id = await uploads.start('r', 'sha256')
    const large = { chunks: one(new Uint8Array(101)) }
    await expect(uploads.append('r', id, large)).rejects.toMatchObject({ code: 'kernel/too-large' })
    const more = { chunks: one(new Uint8Array(6)), start: 0, sizeBytes: 5 }
    await expect(uploads.append('r', id, more)).rejects.toMatchObject({ code: 'kernel/too-large' })
    expect(await uploads.size('r', id)).toBe(0)
  })

  test(`${name}: uploads that nobody goes on with are removed, others stay`, async () => {
    await using place = await open()
    const uploads = await place.uploads()
    const id = await uploads.start('r', 'sha256')
    expect(await uploads.removeStale(60_000)).toBe(0)
    const later = await place.uploads({ clock: fixedClock(Date.now() + 120_000) })
    expect(await later.removeStale(60_000)).toBe(1)
    await expect(uploads.size('r', id)).rejects.toMatchObject({ code: 'oci/upload-unknown' })
  })

  test(`${name}: what is larger than any buffer arrives in pieces, also later`, async () => {
    await using place = await open()
    const bytes = new Uint8Array(21_000_000).map((_, at) => at * 31 + (at >> 16))
    const first = await place.uploads({ blobBytesMax: 30_000_000 })
    const id = await first.start('r', 'sha512')
    const cut = first.append('r', id, { chunks: breaking(bytes.subarray(0, 13_000_001)) })
    await expect(cut).rejects.toThrow('broke')
    const second = await place.uploads({ blobBytesMax: 30_000_000 })
    const start = await second.size('r', id)
    expect(start).toBe(13_000_001)
    await second.append('r', id, { chunks: one(bytes.subarray(start)), start })
    const want = digestOf(bytes, 'sha512')
    const settled: number[] = []
    const settle = async () => void settled.push(1)
    expect(await second.finish('r', id, { digest: want, settle })).toMatchObject({
      sizeBytes: bytes.byteLength,
    })
    expect(settled).toEqual([1])
    expect(await place.blobs.size(want)).toBeUndefined()
  })

  test(`${name}: a blob that cannot be settled can be asked for again`, async () => {
    await using place = await open()
    const uploads = await place.uploads()
    const id = await uploads.start('r', 'sha256')
    await uploads.append('r', id, { chunks: one(new Uint8Array(9)) })
    const digest = digestOf(new Uint8Array(9))
    const failing = uploads.finish('r', id, {
      digest,
      settle: async () => {
        throw new Error('no metadata')
      },
    })
    await expect(failing).rejects.toThrow('no metadata')
    expect((await finish(uploads, id, digest)).sizeBytes).toBe(9)
    expect(await place.blobs.size(digest)).toBe(9)
  })
}
