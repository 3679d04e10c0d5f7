/** The end of a layer, as containers/storage reads it: footer, table of contents, tar-split. */
import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { annotationKeys } from './chunked.ts'
import { packLayer } from './pack.ts'
import { openStore } from './store.ts'

interface SplitRecord {
  readonly type: number
  readonly position: number
  readonly name?: string
  readonly name_raw?: string
  readonly size?: number
  readonly payload?: string | null
}

/** CRC-64/GO-ISO by the book, a byte at a time. */
const crcTable = Array.from({ length: 256 }, (_none, index) => {
  let value = BigInt(index)
  for (let bit = 0; bit < 8; bit += 1)
    value = value & 1n ? (value >> 1n) ^ 0xd8_00_00_00_00_00_00_00n : value >> 1n
  return value
})

function crcOf(bytes: Uint8Array): string {
  let crc = 0xff_ff_ff_ff_ff_ff_ff_ffn
  for (const byte of bytes) crc = (crcTable[Number(crc & 255n) ^ byte] ?? 0n) ^ (crc >> 8n)
  const out = Buffer.alloc(8)
  out.writeBigUInt64BE(crc ^ 0xff_ff_ff_ff_ff_ff_ff_ffn)
  return out.toString('base64')
}

async function packed() {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const lib = join(folder.path, 'source/usr/local/lib')
  mkdirSync(lib, { recursive: true })
  const big = Buffer.alloc(2_200_001)
  for (let index = 0; index < big.byteLength; index += 3) big[index] = (index * 7919) >> 5
  const files = {
    'a.txt': Buffer.from('123456789'),
    big,
    none: Buffer.alloc(0),
    'ü.h': big.subarray(1, 9),
  }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(lib, name), bytes)
  const layer = await packLayer(store, join(folder.path, 'source'), { epochSeconds: 1 })
  const blob = readFileSync(store.blobs.pathOf?.(layer.descriptor.digest) ?? '')
  const { annotations } = layer.descriptor
  const numbers = (key: string) => (annotations[key] ?? '').split(':').map(Number)
  return {
    ...layer,
    blob,
    files: new Map(Object.entries(files).map(([name, bytes]) => [`usr/local/lib/${name}`, bytes])),
    toc: numbers(annotationKeys.tocPosition),
    split: numbers(annotationKeys.splitPosition),
  }
}

test('the footer says what the annotations say, and both are frames that others skip', async () => {
  const { blob, toc, split, descriptor } = await packed()
  const footer = blob.subarray(-64)
  const words = Array.from({ length: 7 }, (_none, at) => Number(footer.readBigUInt64LE(at * 8)))
  const frame = (offset: number) => [blob.readUInt32LE(offset - 8), blob.readUInt32LE(offset - 4)]

  expect(words).toEqual([...toc, ...split])
  expect(footer.toString('latin1', 56)).toBe('GNUlInUx')
  const [tocAt = 0, tocBytes = 0] = toc
  const [splitAt = 0, splitBytes = 0] = split
  expect(frame(tocAt)).toEqual([0x184d2a50, tocBytes])
  expect(frame(splitAt)).toEqual([0x184d2a50, splitBytes])
  expect(frame(blob.byteLength - 64)).toEqual([0x184d2a50, 64])
  expect([tocAt + tocBytes + 8, splitAt + splitBytes + 72]).toEqual([splitAt, blob.byteLength])
  const table = blob.subarray(tocAt, tocAt + tocBytes)
  expect(descriptor.annotations).toMatchObject({ [annotationKeys.tocChecksum]: digestOf(table) })
  expect(Bun.zstdDecompressSync(table).byteLength).toBe(toc[2] ?? 0)
})

test('the tar-split and the files make the very tar again', async () => {
  const { blob, toc, split, files, diffId } = await packed()
  const part = ([at = 0, bytes = 0]: readonly number[]) => blob.subarray(at, at + bytes)
  const text = Bun.zstdDecompressSync(part(split))
  const table: unknown = JSON.parse(Bun.zstdDecompressSync(part(toc)).toString())
  expect(table).toMatchObject({ version: 1, tarSplitDigest: digestOf(part(split)) })
  expect(text.byteLength).toBe(split[2] ?? 0)
  const records: SplitRecord[] = text
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

  const tar = records.map((record) => {
    if (record.type === 2) return Buffer.from(record.payload ?? '', 'base64')
    const name = record.name ?? Buffer.from(record.name_raw ?? '', 'base64').toString()
    const bytes = files.get(name) ?? Buffer.alloc(0)
    expect([name, record.size ?? 0]).toEqual([name, bytes.byteLength])
    const sum = bytes.byteLength === 0 ? null : crcOf(bytes) // Go writes no sum as null.
    if (files.has(name)) expect([name, record.payload]).toEqual([name, sum])
    return bytes
  })

  expect(records.map((record) => record.position)).toEqual(records.map((_record, at) => at))
  expect(digestOf(Buffer.concat(tar))).toBe(diffId)
  expect(crcOf(Buffer.from('123456789'))).toBe(
    Buffer.from('b90956c775a41001', 'hex').toString('base64'),
  )
})
