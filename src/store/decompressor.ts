/**
 * zstd frames read in place, by a decompressor that is kept.
 *
 * `Bun.zstdDecompressSync` makes memory for the result anew, and having its pages cleared takes up
 * to a third of the time. The handle below Node's zlib streams writes where it is told.
 * Invariant: nothing is written outside of the range that is given, whatever the frames hold, and
 * nothing is left in it of frames before.
 */
import { constants, createZstdDecompress } from 'node:zlib'
import { insideOf, type ZlibInside } from './zlib-handle.ts'

let open: ZlibInside | undefined

/**
 * Decompresses whole frames to the first `outBytes` of `into`.
 * @returns Whether they hold that much together; what is in `into` means nothing if not.
 */
export function inflateInto(frames: Uint8Array, into: Uint8Array, outBytes: number): boolean {
  open ??= insideOf(createZstdDecompress())
  const { handle, left } = open
  handle.reset()
  let fromLeft = frames.byteLength
  let roomLeft = outBytes
  while (fromLeft > 0) {
    const at = frames.byteLength - fromLeft
    const outAt = outBytes - roomLeft
    handle.writeSync(constants.ZSTD_e_continue, frames, at, fromLeft, into, outAt, roomLeft)
    const isStuck = left[1] === fromLeft
    roomLeft = left[0] ?? 0
    fromLeft = left[1] ?? 0
    if (open.failure !== undefined || isStuck) {
      open = undefined
      return false
    }
  }
  return roomLeft === 0
}
