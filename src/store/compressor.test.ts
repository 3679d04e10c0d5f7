/** A kept compressor against one that is new for every frame. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { compressor, frameBytesMax } from './compressor.ts'

/** Content that repeats itself here and there, up to several blocks of a frame. */
const contents = fc
  .array(
    fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 90 }), fc.integer({ min: 1, max: 4000 })),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array(times).fill(bytes))))

for (const level of [1, 2]) {
  const compress = compressor(level)

  test(`property: a frame of level ${level} depends on its content alone`, () => {
    fc.assert(
      fc.property(contents, fc.nat(9), fc.nat(9), (content, start, at) => {
        const from = Buffer.from(new SharedArrayBuffer(start + content.byteLength + 1))
        from.set(content, start)
        const into = Buffer.alloc(at + frameBytesMax(content.byteLength))
        const end = compress(from, { start, end: start + content.byteLength }, into, at)
        expect(into.subarray(at, end).equals(Bun.zstdCompressSync(content, { level }))).toBe(true)
        expect(into.subarray(0, at).equals(Buffer.alloc(at))).toBe(true)
      }),
    )
  })
}

test('noise fits into the room said to be enough, and a frame without room is refused', () => {
  const compress = compressor(1)
  for (const sizeBytes of [0, 1, 1000, 300_000]) {
    const noise = Buffer.alloc(sizeBytes)
    crypto.getRandomValues(noise.subarray(0, 60_000))
    const range = { start: 0, end: sizeBytes }
    const into = Buffer.alloc(frameBytesMax(sizeBytes))
    const end = compress(noise, range, into, 0)
    expect(Bun.zstdDecompressSync(into.subarray(0, end)).equals(noise)).toBe(true)
    expect(() => compress(noise, range, Buffer.alloc(end - 1), 0)).toThrow(RangeError)
    // What failed leaves nothing behind.
    expect(compress(noise, range, into, 0)).toBe(end)
  }
})
