/**
 * zstd frames written in place, by a compressor that is kept.
 *
 * `Bun.zstdCompressSync` makes a context and memory for the result anew for every frame, which is a
 * seventh of the work on a file of a few kilobytes. The handle below Node's zlib streams keeps its
 * context and writes where it is told; one call with `ZSTD_e_end` gives a whole frame.
 *
 * Invariant: the bytes of a frame depend on its content and level alone, and are those of
 * `Bun.zstdCompressSync`, whatever was compressed before.
 * Source: zstd.h, `ZSTD_compressStream2`. Not here: the handle (`zlib-handle.ts`).
 */
import { constants, createZstdCompress } from 'node:zlib'
import type { ByteRange } from './aligned.ts'
import { insideOf, type ZlibInside } from './zlib-handle.ts'

/**
 * Writes `from[start, end)` as one frame to `into` at `at`.
 * @returns The offset after it.
 * @throws RangeError where `into` has too little room
 */
export type Compressor = (from: Buffer, range: ByteRange, into: Buffer, at: number) => number

/** The most that a frame may be longer than its content (zstd.h, ZSTD_COMPRESSBOUND, and a header). */
export function frameBytesMax(contentBytes: number): number {
  return contentBytes + (contentBytes >> 8) + 128
}

/** A compressor of one level, 1 to 22. It takes its memory when it is first used. */
export function compressor(level: number): Compressor {
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  let open: ZlibInside | undefined
  return (from, { start, end }, into, at) => {
    open ??= insideOf(createZstdCompress({ params }))
    const room = into.byteLength - at
    open.handle.writeSync(constants.ZSTD_e_end, from, start, end - start, into, at, room)
    const { left, failure } = open
    const roomLeft = left[0] ?? 0
    if (failure !== undefined || roomLeft === 0) {
      open = undefined // The rest of this frame is still in it.
      if (failure !== undefined) throw new TypeError(`zstd cannot compress: ${failure}`)
      throw new RangeError(`A zstd frame does not fit into ${room} bytes`)
    }
    return at + room - roomLeft
  }
}
