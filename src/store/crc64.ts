/**
 * CRC-64/GO-ISO, which tar-split keeps for every file.
 *
 * Four bytes at a time without a table: the polynomial is x^64 + x^4 + x^3 + x + 1, so the 32 bits
 * that leave the register come back as themselves shifted by 0, 1, 3 and 4.
 * Source: Go's hash/crc64; vbatts/tar-split, tar/storage.
 */

/** A checksum being computed; the register starts as all ones. */
export interface Crc64 {
  high: number
  low: number
}

export function crc64(): Crc64 {
  return { high: -1, low: -1 }
}

/** Adds bytes. A view that starts at a multiple of four is fast. */
export function crc64Update(crc: Crc64, bytes: Uint8Array): void {
  let { high, low } = crc
  const words = bytes.byteOffset % 4 === 0 ? bytes.byteLength >>> 2 : 0
  const view = words > 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, words) : []
  for (let index = 0; index < words; index += 1) {
    const word = low ^ (view[index] ?? 0)
    low = high ^ (word << 31) ^ (word << 29) ^ (word << 28)
    high = word ^ (word >>> 1) ^ (word >>> 3) ^ (word >>> 4)
  }
  for (let index = words * 4; index < bytes.byteLength; index += 1) {
    const byte = (low ^ (bytes[index] ?? 0)) & 0xff
    low = (low >>> 8) | (high << 24)
    high = (high >>> 8) ^ (byte << 24) ^ (byte << 23) ^ (byte << 21) ^ (byte << 20)
  }
  crc.high = high
  crc.low = low
}

/** The checksum as tar-split writes it: eight bytes, big-endian, in base64. */
export function crc64Base64(crc: Crc64): string {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(~crc.high >>> 0, 0)
  bytes.writeUInt32BE(~crc.low >>> 0, 4)
  return bytes.toString('base64')
}
