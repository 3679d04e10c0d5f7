/**
 * CRC-64/GO-ISO, which tar-split keeps for every file.
 *
 * Four bytes at a time without a table: the polynomial is x^64 + x^4 + x^3 + x + 1, so the 32 bits
 * that leave the register come back as themselves shifted by 0, 1, 3 and 4.
 * Source: Go's hash/crc64; vbatts/tar-split, tar/storage.
 */
import type { Aligned, ByteRange } from './aligned.ts'

const scratch = Buffer.alloc(8)

/** A checksum being computed; the register starts as all ones. */
export interface Crc64 {
  high: number
  low: number
}

export function crc64(): Crc64 {
  return { high: -1, low: -1 }
}

/** Adds bytes; fast where they start at a multiple of four. */
export function crc64Update(crc: Crc64, { bytes, words }: Aligned, range: ByteRange): void {
  const { start, end } = range
  let { high, low } = crc
  const wordsEnd = start % 4 === 0 ? end >>> 2 : 0
  let index = start >>> 2
  for (; index < wordsEnd; index += 1) {
    const word = low ^ (words[index] ?? 0)
    low = high ^ (word << 31) ^ (word << 29) ^ (word << 28)
    high = word ^ (word >>> 1) ^ (word >>> 3) ^ (word >>> 4)
  }
  for (let rest = wordsEnd > 0 ? Math.max(start, index * 4) : start; rest < end; rest += 1) {
    const byte = (low ^ (bytes[rest] ?? 0)) & 0xff
    low = (low >>> 8) | (high << 24)
    high = (high >>> 8) ^ (byte << 24) ^ (byte << 23) ^ (byte << 21) ^ (byte << 20)
  }
  crc.high = high
  crc.low = low
}

/** The checksum as tar-split writes it: eight bytes, big-endian, in base64. */
export function crc64Base64(crc: Crc64): string {
  scratch.writeInt32BE(~crc.high, 0)
  scratch.writeInt32BE(~crc.low, 4)
  return scratch.toString('base64')
}
