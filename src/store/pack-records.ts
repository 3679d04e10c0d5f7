/**
 * What packing writes down about the files: tree entries, the table of contents, the tar-split.
 *
 * Files that span pieces are hashed here, where the pieces are in order again.
 */
import { type Digest, digester, type Digester, digestOf } from '#kernel/index.ts'
import { tocTime } from './chunked.ts'
import { type Crc64, crc64, crc64Base64, crc64Update } from './crc64.ts'
import type { PackAnswer, PackItem } from './layer-jobs.ts'
import { jsonText } from './json-text.ts'
import { tarSplitFile, zstdLevel } from './pack-job.ts'
import type { Piece } from './pack-plan.ts'
import { layerTree, type TreeBuilder } from './layer-tree.ts'
import { safePath } from './safe-path.ts'
import type { TreeEntry } from './tree.ts'

export interface PackRecords {
  /** The tree. */
  entries(): readonly TreeEntry[]
  /** Entries of the table of contents, as JSON. */
  readonly toc: readonly string[]
  /** Notes a piece whose frames begin at `offset` of the blob. */
  add(piece: Piece, answer: PackAnswer, tar: Uint8Array, offset: number): void
  /** Notes the end of the tar. */
  end(bytes: Buffer, position: number): void
  split(): { bytes: Uint8Array; uncompressedBytes: number; digest: Digest }
}

/** A chunk of a file that spans pieces, and where its frame is in the blob. */
interface Chunk {
  readonly offset: number
  readonly size: number
  readonly start: number
  readonly end: number
}

interface Big {
  readonly digester: Digester
  readonly crc: Crc64
  /** Where its first frame begins. */
  readonly start: number
  readonly position: number
}

interface State {
  readonly epoch: string
  readonly prefix: string
  readonly tree: TreeBuilder
  readonly toc: string[]
  readonly splits: Uint8Array[]
  splitBytes: number
  position: number
  big: Big | undefined
}

/** Starts empty records. */
export function packRecords(epochSeconds: number, prefix: string): PackRecords {
  const state: State = {
    epoch: tocTime(epochSeconds),
    prefix,
    tree: layerTree({ prefix }),
    toc: [],
    splits: [],
    splitBytes: 0,
    position: 0,
    big: undefined,
  }
  return {
    entries: () => state.tree.finish(),
    toc: state.toc,
    add: (piece, answer, tar, offset) => addPiece(state, { piece, answer, tar, offset }),
    end: (bytes, position) => {
      const last = `{"type":2,"payload":"${bytes.toString('base64')}","position":${position}}\n`
      addSplit(state, `${last}{"type":2,"payload":"","position":${position + 1}}\n`)
    },
    split: () => {
      const bytes = Buffer.concat(state.splits)
      return { bytes, uncompressedBytes: state.splitBytes, digest: digestOf(bytes) }
    },
  }
}

function addPiece(
  state: State,
  done: {
    readonly piece: Piece
    readonly answer: PackAnswer
    readonly tar: Uint8Array
    readonly offset: number
  },
): void {
  const { piece, answer, offset } = done
  state.splits.push(answer.split)
  state.splitBytes += answer.splitBytes
  let index = 0
  for (const item of piece.items) {
    if (item.size === 0) {
      addPlain(state, item)
      continue
    }
    const start = offset + (answer.frames[index * 2] ?? 0)
    const end = offset + (answer.frames[index * 2 + 1] ?? 0)
    const digest = answer.digests.slice(index * 64, index * 64 + 64)
    index += 1
    if (item.chunk === undefined) {
      addFile(state, item, `sha256:${digest}`, `"offset":${start},"endOffset":${end}`)
      state.position += 2
    } else {
      const bytes = done.tar.subarray(answer.tarEnd - item.chunk.size, answer.tarEnd)
      addChunk(state, item, bytes, { ...item.chunk, start, end })
    }
  }
}

function addPlain(state: State, item: PackItem): void {
  state.position += 2
  if (item.type === 'file') return addFile(state, item, digestOf(''), undefined)
  const time = `"modtime":"${state.epoch}"`
  if (item.type === 'dir') {
    state.toc.push(`{"type":"dir","name":${jsonText(`${item.path}/`)},"mode":493,${time}}`)
    addEntry(state, { type: 'dir', path: item.path })
  } else {
    const names = `"name":${jsonText(item.path)},"linkName":${jsonText(item.target ?? '')}`
    state.toc.push(`{"type":"symlink",${names},"mode":511,${time}}`)
    addEntry(state, { type: 'symlink', path: item.path, target: item.target ?? '' })
  }
}

function addFile(state: State, item: PackItem, digest: Digest, place: string | undefined): void {
  const { path, size, executable = false } = item
  const head = `{"type":"reg","name":${jsonText(path)},"mode":${executable ? 493 : 420}`
  const bytes = place === undefined ? '' : `"size":${size},"digest":"${digest}",${place},`
  state.toc.push(`${head},${bytes}"modtime":"${state.epoch}"}`)
  addEntry(state, { type: 'file', path, size, digest, executable })
}

/** What we would refuse to unpack is not packed either. */
function addEntry({ tree, prefix }: State, entry: TreeEntry): void {
  safePath(entry.path, prefix)
  tree.add(entry)
}

function addChunk(state: State, item: PackItem, bytes: Uint8Array, chunk: Chunk): void {
  if (chunk.offset === 0) {
    state.big = {
      digester: digester(),
      crc: crc64(),
      start: chunk.start,
      position: state.position + 1,
    }
    state.position += 2
  }
  const { big } = state
  if (big === undefined) return
  big.digester.update(bytes)
  crc64Update(big.crc, bytes)
  if (chunk.offset + chunk.size < item.size) return
  state.big = undefined
  const place = `"offset":${big.start},"endOffset":${chunk.end}`
  addFile(state, item, big.digester.digest(), place)
  addSplit(state, tarSplitFile(item.path, item.size, crc64Base64(big.crc), big.position))
}

function addSplit(state: State, text: string): void {
  const bytes = Buffer.from(text)
  state.splits.push(Bun.zstdCompressSync(bytes, { level: zstdLevel }))
  state.splitBytes += bytes.byteLength
}
