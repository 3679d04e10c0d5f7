/**
 * Uploads that name what the registry has: a recipe of ranges of one blob of the repository, and
 * the bytes that are new. An extension between Backlots; docs/http-api.md, «Assembled uploads».
 *
 * Invariant: what is assembled is hashed like every upload, so that a wrong recipe ends as
 * `oci/digest-invalid` and never as a wrong blob. Pieces are cut where their content says so
 * (a gear hash), so that an insertion moves no cut but the next.
 * Source of the cutting: FastCDC, Xia et al., USENIX ATC 2016.
 */
import { AppError, type Bytes, digestOf } from '#kernel/index.ts'

export const assemblyType = 'application/vnd.backlot.assembly.v1'
/** In answers: assembled uploads are understood. In requests: the blob that ranges are of. */
export const assemblyHeaders = { offered: 'backlot-assembly', base: 'backlot-base' } as const

const pieceBytesMin = 4 * 1024
const pieceBytesMax = 64 * 1024
/** One cut in 2^14 bytes, on average. */
const cutMask = (1 << 14) - 1

/** Where each piece of a blob begins, by the digest of the piece. */
export type PieceIndex = ReadonlyMap<string, { readonly offset: number; readonly length: number }>

/** The pieces of a blob, to be named by a recipe. */
export async function indexPieces(bytes: Bytes): Promise<PieceIndex> {
  const index = new Map<string, { offset: number; length: number }>()
  let offset = 0
  for await (const piece of pieces(bytes)) {
    index.set(digestOf(piece), { offset, length: piece.byteLength })
    offset += piece.byteLength
  }
  return index
}

/** The recipe of a blob: what the index has as ranges, the rest as it is. */
export async function* recipeOf(bytes: Bytes, index: PieceIndex): Bytes {
  let range: { offset: number; length: number } | undefined
  for await (const piece of pieces(bytes)) {
    const known = index.get(digestOf(piece))
    if (
      known !== undefined &&
      range !== undefined &&
      range.offset + range.length === known.offset
    ) {
      range = { offset: range.offset, length: range.length + known.length }
      continue
    }
    if (range !== undefined) yield rangeRecord(range)
    range = known
    if (known === undefined) yield literalRecord(piece)
  }
  if (range !== undefined) yield rangeRecord(range)
}

/**
 * The bytes that a recipe stands for.
 * @param readBase Bytes of the base from `start` up to, not including, `end`.
 * @throws AppError `oci/upload-invalid`
 */
export async function* assembled(
  recipe: Bytes,
  base: {
    readonly sizeBytes: number
    readonly read: (range: { readonly start: number; readonly end: number }) => Bytes
  },
): Bytes {
  const input = reader(recipe)
  for (let kind = await input.next(1); kind !== undefined; kind = await input.next(1)) {
    if (kind[0] === 0) yield* input.stream((await input.exactly(4)).readUInt32BE(0))
    else if (kind[0] === 1) {
      const record = await input.exactly(16)
      const start = Number(record.readBigUInt64BE(0))
      const end = start + Number(record.readBigUInt64BE(8))
      if (end > base.sizeBytes) throw invalid(`a range ends at ${end} of ${base.sizeBytes} bytes`)
      if (end > start) yield* base.read({ start, end })
    } else throw invalid(`a record is of kind ${kind[0]}`)
  }
}

function rangeRecord({ offset, length }: { offset: number; length: number }): Uint8Array {
  const record = Buffer.alloc(17)
  record[0] = 1
  record.writeBigUInt64BE(BigInt(offset), 1)
  record.writeBigUInt64BE(BigInt(length), 9)
  return record
}

function literalRecord(piece: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(piece.byteLength, 1)
  return Buffer.concat([head, piece])
}

/** Cuts a stream where its content says so. */
async function* pieces(bytes: Bytes): AsyncGenerator<Uint8Array> {
  let held: Uint8Array = new Uint8Array()
  for await (const chunk of bytes) {
    held = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk])
    let from = 0
    while (held.byteLength - from >= pieceBytesMax) {
      const end = cutAfter(held, from)
      yield held.subarray(from, end)
      from = end
    }
    held = held.subarray(from)
  }
  for (let from = 0; from < held.byteLength; ) {
    const end = cutAfter(held, from)
    yield held.subarray(from, end)
    from = end
  }
}

function cutAfter(bytes: Uint8Array, from: number): number {
  const end = Math.min(from + pieceBytesMax, bytes.byteLength)
  let hash = 0
  for (let at = Math.min(from + pieceBytesMin, end); at < end; at += 1) {
    hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0
    if ((hash & cutMask) === 0) return at + 1
  }
  return end
}

/** A number for each byte, the same everywhere and for ever. */
const gear = Int32Array.from({ length: 256 }, (_, byte) => Bun.hash.crc32(`gear ${byte}`) | 0)

/** Records out of a stream, however it is cut. */
function reader(bytes: Bytes) {
  const chunks = bytes[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array()
  const more = async (): Promise<boolean> => {
    const { value, done } = await chunks.next()
    if (done) return false
    held = held.byteLength === 0 ? value : Buffer.concat([held, value])
    return true
  }
  const next = async (count: number): Promise<Buffer | undefined> => {
    while (held.byteLength < count)
      if (!(await more())) {
        if (held.byteLength === 0) return undefined
        throw invalid('it ends within a record')
      }
    const taken = Buffer.from(held.buffer, held.byteOffset, count)
    held = held.subarray(count)
    return taken
  }
  return {
    next,
    exactly: async (count: number): Promise<Buffer> => {
      const taken = await next(count)
      if (taken === undefined) throw invalid('it ends within a record')
      return taken
    },
    /** The next so many bytes, as they arrive. */
    stream: async function* (count: number): Bytes {
      for (let left = count; left > 0; ) {
        if (held.byteLength === 0 && !(await more())) throw invalid('it ends within new bytes')
        const taken = held.subarray(0, left)
        held = held.subarray(taken.byteLength)
        left -= taken.byteLength
        yield taken
      }
    },
  }
}

function invalid(what: string): AppError {
  return new AppError('oci/upload-invalid', `The recipe of the upload cannot be used: ${what}`)
}
