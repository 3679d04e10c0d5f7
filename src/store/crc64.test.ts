/** The fast way of the checksum against the definition, bit by bit, and known values. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { aligned } from './aligned.ts'
import { crc64, crc64Base64, crc64Update } from './crc64.ts'

const polynomial = 0xd800000000000000n
const ones = 0xffffffffffffffffn

function bitByBit(content: Uint8Array): string {
  let register = ones
  for (const byte of content) {
    register ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit += 1)
      register = (register & 1n) === 1n ? (register >> 1n) ^ polynomial : register >> 1n
  }
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(register ^ ones)
  return bytes.toString('base64')
}

test('property: any content, anywhere in memory, in any two parts', () => {
  const content = fc.uint8Array({ maxLength: 70 })
  fc.assert(
    fc.property(content, fc.nat(9), fc.nat(70), (bytes, start, cut) => {
      const memory = aligned(new ArrayBuffer(96))
      memory.bytes.set(bytes, start)
      const end = start + bytes.byteLength
      const middle = Math.min(start + cut, end)
      const crc = crc64()

      crc64Update(crc, memory, { start, end: middle })
      crc64Update(crc, memory, { start: middle, end })

      expect(crc64Base64(crc)).toBe(bitByBit(bytes))
    }),
  )
})

test('the check value of CRC-64/GO-ISO', () => {
  const memory = aligned(new ArrayBuffer(12))
  memory.bytes.write('123456789')
  const crc = crc64()

  crc64Update(crc, memory, { start: 0, end: 9 })

  expect(Buffer.from(crc64Base64(crc), 'base64').toString('hex')).toBe('b90956c775a41001')
})
