/**
 * What every driver of `BlobStore` must do; a driver's test is one line that calls this.
 *
 * Not here: how a driver behaves when its disk fails (`crash.test.ts`, `simulation.test.ts`).
 */
import { expect, test as always } from 'bun:test'
import { type Digest, digester, digestOf, measure, one, readAll } from '#kernel/index.ts'
import type { BlobStore } from './blobs.ts'

const bytes = new TextEncoder().encode('a layer')
const digest = digestOf(bytes)
const want = { maxBytes: 1024 }

/** Registers the suite for one driver. */
export function blobStoreContract(
  name: string,
  open: () => Promise<BlobStore>,
  test: typeof always = always,
): void {
  test(`${name}: an absent blob has no size and reading it says so`, async () => {
    const blobs = await open()

    expect(await blobs.size(digest)).toBeUndefined()
    await expect(readAll(blobs.read(digest), 1024, 'blob')).rejects.toMatchObject({
      code: 'store/blob-unknown',
    })
  })

  test(`${name}: what is written is read, listed, and gone when removed`, async () => {
    const blobs = await open()

    expect(await blobs.write(one(bytes), want)).toEqual({ digest, sizeBytes: 7 })
    expect(await blobs.size(digest)).toBe(7)
    expect(await readAll(blobs.read(digest), 1024, 'blob')).toEqual(bytes)
    expect((await Array.fromAsync(blobs.list())).map((blob) => blob.digest)).toEqual([digest])

    await blobs.remove(digest)
    await blobs.remove(digest)
    expect(await blobs.size(digest)).toBeUndefined()
  })

  test(`${name}: a range is read, and one past the end is cut`, async () => {
    const blobs = await open()
    await blobs.write(one(bytes), want)

    const middle = await readAll(blobs.read(digest, { start: 2, end: 5 }), 1024, 'blob')
    const past = await readAll(blobs.read(digest, { start: 5, end: 99 }), 1024, 'blob')

    expect(new TextDecoder().decode(middle)).toBe('lay')
    expect(new TextDecoder().decode(past)).toBe('er')
  })

  test(`${name}: wrong bytes and too many bytes are refused and leave nothing`, async () => {
    const blobs = await open()
    const other = digestOf('other')

    await expect(blobs.write(one(bytes), { ...want, digest: other })).rejects.toMatchObject({
      code: 'store/digest-mismatch',
    })
    await expect(blobs.write(one(bytes), { maxBytes: 3 })).rejects.toMatchObject({
      code: 'kernel/too-large',
    })
    expect(await Array.fromAsync(blobs.list())).toEqual([])
  })

  test(`${name}: sha512 names work, and writing twice at once is one blob`, async () => {
    const blobs = await open()
    const long: Digest = digestOf(bytes, 'sha512')

    await Promise.all([1, 2].map(() => blobs.write(one(bytes), { ...want, digest: long })))

    expect(await readAll(blobs.read(long), 1024, 'blob')).toEqual(bytes)
    expect(await Array.fromAsync(blobs.list())).toHaveLength(1)
  })

  test(`${name}: a source that fails half-way leaves nothing`, async () => {
    const blobs = await open()
    const failing = async function* () {
      yield bytes
      throw new Error('the line is cut')
    }

    await expect(blobs.write(failing(), want)).rejects.toThrow('the line is cut')
    expect(await Array.fromAsync(blobs.list())).toEqual([])
  })

  test(`${name}: what is larger than any buffer is stored, or refused if wrong`, async () => {
    const blobs = await open()
    const block = new Uint8Array(1_000_003).map((_, at) => at * 31)
    const many = async function* () {
      for (let index = 0; index < 20; index += 1) yield block
    }
    const hasher = digester()
    for await (const piece of many()) hasher.update(piece)
    const large = hasher.digest()
    const max = { maxBytes: 30_000_000 }

    await expect(blobs.write(many(), { ...max, digest })).rejects.toMatchObject({
      code: 'store/digest-mismatch',
    })
    expect(await Array.fromAsync(blobs.list())).toEqual([])
    for (const named of [{}, { digest: large }]) {
      expect(await blobs.write(many(), { ...max, ...named })).toEqual({
        digest: large,
        sizeBytes: 20 * block.byteLength,
      })
      expect(await measure(blobs.read(large), large)).toMatchObject({ digest: large })
      const part = { start: 999_999, end: 9_000_009 }
      expect((await measure(blobs.read(large, part), large)).sizeBytes).toBe(8_000_010)
      await blobs.remove(large)
    }
  })
}
