/**
 * zstd frames without compression: bytes as they are, and runs of zeros as one.
 *
 * A tar header is mostly zeros, and every file has one: writing its frame by hand costs a fraction
 * of a call of the compressor, for a few bytes more.
 * Source: RFC 8878, 3.1.1 (frames) and 3.1.1.2 (raw and RLE blocks).
 */
import type { Aligned, ByteRange } from './aligned.ts'

/** The most that one frame may hold; far below the 128 KiB that a block may have. */
export const plainBytesMax = 16 * 1024

/** A run is a block of four bytes and ends the raw block before it, which has three of its own. */
const runBytesMin = 8
const blockKind = { raw: 0, run: 1 } as const

/**
 * Writes a frame of `from[start, end)`, at most `plainBytesMax` bytes, to `into` at `at`.
 * @returns The offset after it, at most 10 bytes more than the content.
 */
export function plainFrame(from: Aligned, range: ByteRange, into: Buffer, at: number): number {
  const { start, end } = range
  const { bytes, words } = from
  if (end - start > plainBytesMax) throw new RangeError('The content is too long for a plain frame')
  let next = writeFrameHeader(into, at, end - start)
  let rawStart = start
  for (let index = start; index < end; ) {
    const runEnd = endOfZeros(from, index, end)
    if (runEnd - index >= runBytesMin) {
      if (index > rawStart) next = writeRaw(bytes, { start: rawStart, end: index }, into, next)
      next = writeBlockHeader(into, next, blockKind.run, runEnd - index)
      into[next] = 0
      next += 1
      rawStart = runEnd
    }
    index = endOfWord(runEnd)
    while (index + 4 <= end && words[index >>> 2] !== 0) index += 4
  }
  // An empty raw block ends a frame whose last block is a run: three bytes, and no look ahead.
  const last = next
  next = writeRaw(bytes, { start: rawStart, end }, into, next)
  into[last] = (into[last] ?? 0) | 1
  return next
}

/** Where the zeros end that begin at `index`: there, if there are none. */
function endOfZeros({ bytes, words }: Aligned, index: number, end: number): number {
  let at = index
  while (at % 4 !== 0 && at < end && bytes[at] === 0) at += 1
  if (at % 4 === 0) while (at + 4 <= end && words[at >>> 2] === 0) at += 4
  while (at < end && bytes[at] === 0) at += 1
  return at
}

/** The next multiple of four. */
function endOfWord(index: number): number {
  return (index & ~3) + 4
}

/** Magic number, descriptor (a single segment without checksum) and the size of the content. */
function writeFrameHeader(into: Buffer, at: number, sizeBytes: number): number {
  const isShort = sizeBytes < 256
  const size = isShort ? sizeBytes : sizeBytes - 256
  into[at] = 0x28
  into[at + 1] = 0xb5
  into[at + 2] = 0x2f
  into[at + 3] = 0xfd
  into[at + 4] = isShort ? 0x20 : 0x60
  into[at + 5] = size & 0xff
  if (isShort) return at + 6
  into[at + 6] = size >> 8
  return at + 7
}

function writeBlockHeader(into: Buffer, at: number, kind: number, sizeBytes: number): number {
  const word = (sizeBytes << 3) | (kind << 1)
  into[at] = word & 0xff
  into[at + 1] = (word >> 8) & 0xff
  into[at + 2] = word >> 16
  return at + 3
}

function writeRaw(from: Buffer, { start, end }: ByteRange, into: Buffer, at: number): number {
  const next = writeBlockHeader(into, at, blockKind.raw, end - start)
  from.copy(into, next, start, end)
  return next + end - start
}
