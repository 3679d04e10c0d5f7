/** A kept decompressor: what it writes, where, and what it makes of frames that lie. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { inflateInto } from './decompressor.ts'

const contents = fc.array(
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 0, max: 3000 })),
  { maxLength: 5 },
)

/** Memory like the workers have, with bytes behind what may be written. */
function memory(outBytes: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(outBytes + 64)).fill(0xee)
}

test('property: frames come back whole, one after another, and nothing behind them changes', () => {
  fc.assert(
    fc.property(contents, (parts) => {
      const pieces = parts.map(([bytes, times]) => Buffer.concat(Array(times).fill(bytes)))
      const frames = Buffer.concat(pieces.map((piece) => Bun.zstdCompressSync(piece)))
      const whole = Buffer.concat(pieces)
      const into = memory(whole.byteLength)

      expect(inflateInto(frames, into, whole.byteLength)).toBe(true)

      expect(into.subarray(0, whole.byteLength).equals(whole)).toBe(true)
      expect(into.subarray(whole.byteLength).every((byte) => byte === 0xee)).toBe(true)
    }),
  )
})

test('frames that are cut, damaged or not as long as said are refused; the next are not', () => {
  const whole = Buffer.from('what a layer may hold, '.repeat(500))
  const frame = Bun.zstdCompressSync(whole)
  const damaged = Buffer.from(frame)
  damaged.fill(0xff, 5, 9)
  const size = whole.byteLength
  const wrong: readonly (readonly [Uint8Array, number])[] = [
    [frame.subarray(0, -3), size],
    [damaged, size],
    [Buffer.from('not zstd at all, but long enough'), size],
    [frame, size - 1],
    [frame, size + 1],
    [Buffer.concat([frame, frame]), size],
  ]
  for (const [frames, outBytes] of wrong) {
    const into = memory(outBytes)
    expect(inflateInto(frames, into, outBytes)).toBe(false)
    expect(into.subarray(outBytes).every((byte) => byte === 0xee)).toBe(true)

    const next = memory(size)
    expect(inflateInto(frame, next, size)).toBe(true)
    expect(next.subarray(0, size).equals(whole)).toBe(true)
  }
})
