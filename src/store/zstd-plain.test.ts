/** Frames written by hand are read back by the library, by our walker and by zstd. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { outside } from '../../test/outside.ts'
import { aligned } from './aligned.ts'
import { frameWalker } from './zstd-frames.ts'
import { plainBytesMax, plainFrame } from './zstd-plain.ts'

/** The content is surrounded by zeros, which are not its own. */
function frameOf(content: Uint8Array, start = 0): Buffer {
  const from = aligned(new ArrayBuffer(content.byteLength + 16))
  from.bytes.set(content, start)
  const into = Buffer.alloc(content.byteLength + 10)
  return into.subarray(0, plainFrame(from, { start, end: start + content.byteLength }, into, 0))
}

/** Runs of bytes, as a tar header has them. */
const contents = fc
  .array(fc.tuple(fc.nat(255), fc.oneof(fc.integer({ min: 1, max: 12 }), fc.nat(700))), {
    maxLength: 20,
  })
  .map((runs) => Buffer.concat(runs.map(([byte, length]) => Buffer.alloc(length, byte))))

test('property: any content comes back, and the walker knows where its frame ends', () => {
  fc.assert(
    fc.property(contents, fc.uint8Array({ maxLength: 600 }), fc.nat(7), (runs, mixed, start) => {
      const content = Buffer.concat([runs, mixed]).subarray(0, plainBytesMax)
      const frame = frameOf(content, start)
      if (content.byteLength > 0) expect(Bun.zstdDecompressSync(frame).equals(content)).toBe(true)
      expect(frameWalker().push(frame)).toEqual([
        {
          start: 0,
          end: frame.byteLength,
          contentBytes: content.byteLength,
          isSkippable: false,
        },
      ])
    }),
  )
})

test('a header of zeros is small, and content over the bound is refused', () => {
  expect(frameOf(Buffer.alloc(1024)).byteLength).toBe(14)
  expect(() => frameOf(Buffer.alloc(plainBytesMax + 1))).toThrow(RangeError)
})

outside(['zstd'])('zstd reads frames at every size around the borders of the header', () => {
  const sizes = [0, 1, 7, 8, 9, 255, 256, 257, 511, 512, plainBytesMax]
  const samples = sizes.flatMap((size) => [
    Buffer.alloc(size),
    Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251)),
  ])

  const done = Bun.spawnSync(['zstd', '-dc'], {
    stdin: Buffer.concat(samples.map((one) => frameOf(one))),
  })

  expect(done.stderr.toString()).toBe('')
  expect(done.stdout.equals(Buffer.concat(samples))).toBe(true)
})
