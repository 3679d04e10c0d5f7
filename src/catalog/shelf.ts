/**
 * Shelves: one file with a section for each name, so that a process reads the file in one go and
 * takes apart only the sections that it needs.
 *
 * Bytes: 8 of magic, a checksum of what follows it (64 bits), the length of the directory (32 bits,
 * little-endian as the checksum), the directory as JSON, the sections one after another. The
 * directory says where each section is, and a few words about it (docs/formats/catalog.md).
 * Invariant: equal shelves are equal bytes; a shelf that was damaged is none.
 * Not here: what is in a section.
 */

export interface Section {
  /** Words about it that are read without reading it. */
  readonly about: readonly string[]
  readonly bytes: Uint8Array
}

export interface Shelf {
  /** What the shelf was made from; another one means that it is old. */
  readonly stamp: string
  /** In order of names. */
  readonly sections: ReadonlyMap<string, Section>
}

const magic = new TextEncoder().encode('BLSHELF1')
const sumBytes = 8
const headBytes = magic.length + sumBytes + 4

export function encodeShelf({ stamp, sections }: Shelf): Uint8Array {
  const sorted = [...sections].sort(([a], [b]) => (a < b ? -1 : 1))
  let offset = 0
  const directory = sorted.map(([name, { about, bytes }]) => {
    const row = [name, offset, bytes.length, about] as const
    offset += bytes.length
    return row
  })
  const head = new TextEncoder().encode(JSON.stringify({ stamp, sections: directory }))
  const whole = new Uint8Array(headBytes + head.length + offset)
  whole.set(magic)
  whole.set(head, headBytes)
  let at = headBytes + head.length
  for (const [, { bytes }] of sorted) {
    whole.set(bytes, at)
    at += bytes.length
  }
  const view = new DataView(whole.buffer)
  view.setUint32(magic.length + sumBytes, head.length, true)
  view.setBigUint64(magic.length, sumOf(whole), true)
  return whole
}

/** The shelf in these bytes, without copying them; undefined when they are none. */
export function decodeShelf(bytes: Uint8Array): Shelf | undefined {
  if (bytes.length < headBytes || magic.some((byte, index) => bytes[index] !== byte))
    return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getBigUint64(magic.length, true) !== sumOf(bytes)) return undefined
  const start = headBytes + view.getUint32(magic.length + sumBytes, true)
  if (start > bytes.length) return undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(headBytes, start))
    return shelfFrom(JSON.parse(text), bytes.subarray(start))
  } catch {
    return undefined
  }
}

/** Against damage, not against enemies: who can write here can write anything. */
function sumOf(bytes: Uint8Array): bigint {
  return Bun.hash.wyhash(bytes.subarray(magic.length + sumBytes))
}

function shelfFrom(directory: unknown, body: Uint8Array): Shelf | undefined {
  if (typeof directory !== 'object' || directory === null) return undefined
  if (!('stamp' in directory) || !('sections' in directory)) return undefined
  const { stamp, sections } = directory
  if (typeof stamp !== 'string' || !Array.isArray(sections)) return undefined
  const found = new Map<string, Section>()
  for (const row of sections) {
    if (!Array.isArray(row)) return undefined
    const [name, offset, length, about]: readonly unknown[] = row
    if (typeof name !== 'string' || !isCount(offset) || !isCount(length)) return undefined
    if (!isWords(about) || offset + length > body.length) return undefined
    found.set(name, { about, bytes: body.subarray(offset, offset + length) })
  }
  return { stamp, sections: found }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string')
}
