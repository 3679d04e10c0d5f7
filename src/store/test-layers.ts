/**
 * Layers made by hand, for tests: any tar entry, honest or hostile, as zstd.
 */
import { digestOf, one } from '#kernel/index.ts'
import type { Store } from './store.ts'

/** A tar entry as raw as it can be. */
export interface TestEntry {
  readonly name: string
  readonly kind?: string
  readonly mode?: number
  readonly target?: string
  readonly body?: string | Uint8Array
  /** What the header says when it lies about the size of the body. */
  readonly size?: number
}

/** The bytes of a tar with these entries. */
export function testTar(entries: readonly TestEntry[], withEnd = true): Buffer {
  return Buffer.concat([...entries.flatMap(blocks), ...(withEnd ? [Buffer.alloc(1024)] : [])])
}

/** A pax header for the entry after it. */
export function testPax(records: Readonly<Record<string, string>>, kind = 'x'): TestEntry {
  const body = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`
    const length = Buffer.byteLength(rest)
    const digits = String(length + String(length + 2).length).length
    return `${length + digits}${rest}`
  })
  return { name: 'pax', kind, body: body.join('') }
}

/** Stores the tar as a layer of one zstd frame; gives what `unpackLayer` wants. */
export async function testLayer(store: Store, tar: Uint8Array) {
  return storeBytes(store, Bun.zstdCompressSync(tar))
}

/** Stores bytes as they are. */
export async function storeBytes(store: Store, bytes: Uint8Array) {
  const { digest } = await store.blobs.write(one(bytes), { maxBytes: bytes.byteLength })
  return { digest, size: bytes.byteLength, blobDigest: digestOf(bytes) }
}

function blocks(entry: TestEntry): Buffer[] {
  const body = Buffer.from(entry.body ?? '')
  const header = Buffer.alloc(512)
  header.write(entry.name, 0, 100)
  header.write(`${(entry.mode ?? 0o644).toString(8).padStart(7, '0')}\0`, 100)
  header.write('0000000\x000000000\x00', 108)
  header.write(`${(entry.size ?? body.byteLength).toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\x00        ', 136)
  header.write(entry.kind ?? '0', 156)
  header.write(entry.target ?? '', 157, 100)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return [header, body, Buffer.alloc((512 - (body.byteLength % 512)) % 512)]
}
