/**
 * What packing writes down about the files: tree entries, the table of contents, the tar-split.
 *
 * Both are compressed piece by piece, while the workers are busy. Files that span pieces are hashed
 * here, where the pieces are in order again.
 */
import { type Digest, digester, type Digester, digestOf } from '#kernel/index.ts'
import type { Aligned, ByteRange } from './aligned.ts'
import { type Compressed, tocHead, tocTail, tocTime } from './chunked.ts'
import { type Crc64, crc64, crc64Base64, crc64Update } from './crc64.ts'
import type { PackAnswer, PackItem } from './layer-jobs.ts'
import { jsonText } from './json-text.ts'
import { compressText, tarSplitFile } from './pack-job.ts'
import type { Piece } from './pack-plan.ts'
import { textFrame } from './text-frame.ts'
import { type TreeEntry, type TreeText, treeText } from './tree.ts'

const emptyDigest = digestOf('')

export interface PackRecords {
  /** The text of the tree so far. */
  readonly tree: TreeText
  /** How many files there are so far, and their bytes. */
  readonly sums: Readonly<FileSums>
  /** Notes a piece whose frames begin at `offset` of the blob. */
  add(piece: Piece, answer: PackAnswer, tar: Aligned, offset: number): void
  /** Notes the end of the tar; gives the whole table of contents and tar-split. */
  end(bytes: Buffer, position: number): { readonly toc: Compressed; readonly split: Compressed }
}

export interface FileSums {
  files: number
  sizeBytes: number
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

/** Text in zstd frames, one behind the other. */
interface Frames {
  readonly frames: Uint8Array[]
  uncompressedBytes: number
}

interface State {
  readonly epoch: string
  readonly tree: TreeText
  readonly sums: FileSums
  /** Entries that are not in the tree's text yet. */
  treeEntries: TreeEntry[]
  readonly toc: Frames
  /** Entries of the table of contents that are in no frame yet, as JSON. */
  tocEntries: string[]
  readonly split: Frames
  position: number
  big: Big | undefined
}

/** Starts empty records. */
export function packRecords(epochSeconds: number): PackRecords {
  const state: State = {
    epoch: tocTime(epochSeconds),
    tree: treeText(),
    sums: { files: 0, sizeBytes: 0 },
    treeEntries: [],
    toc: { frames: [], uncompressedBytes: 0 },
    tocEntries: [],
    split: { frames: [], uncompressedBytes: 0 },
    position: 0,
    big: undefined,
  }
  addFrame(state.toc, tocHead)
  let isFirst = true
  return {
    tree: state.tree,
    sums: state.sums,
    add: (piece, answer, tar, offset) => {
      addPiece(state, { piece, answer, tar, offset })
      if (state.tocEntries.length === 0) return
      addFrame(state.toc, `${isFirst ? '' : ','}${state.tocEntries.join(',')}`)
      state.tree.add(state.treeEntries)
      isFirst = false
      state.tocEntries = []
      state.treeEntries = []
    },
    end: (bytes, position) => {
      const last = `{"type":2,"payload":"${bytes.toString('base64')}","position":${position}}\n`
      addFrame(state.split, `${last}{"type":2,"payload":"","position":${position + 1}}\n`)
      const split = joined(state.split)
      addFrame(state.toc, tocTail(digestOf(split.bytes)))
      return { toc: joined(state.toc), split }
    },
  }
}

function addFrame(into: Frames, text: string): void {
  const { frame, uncompressedBytes } = textFrame(text, compressText)
  into.frames.push(frame)
  into.uncompressedBytes += uncompressedBytes
}

function joined({ frames, uncompressedBytes }: Frames): Compressed {
  return { bytes: Buffer.concat(frames), uncompressedBytes }
}

function addPiece(
  state: State,
  done: {
    readonly piece: Piece
    readonly answer: PackAnswer
    readonly tar: Aligned
    readonly offset: number
  },
): void {
  const { piece, answer, offset } = done
  state.split.frames.push(answer.split.frame)
  state.split.uncompressedBytes += answer.split.uncompressedBytes
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
      const range = { start: answer.tarEnd - item.chunk.size, end: answer.tarEnd }
      addChunk(state, item, { tar: done.tar, range }, { ...item.chunk, start, end })
    }
  }
}

function addPlain(state: State, item: PackItem): void {
  state.position += 2
  if (item.type === 'file') return addFile(state, item, emptyDigest, undefined)
  const time = `"modtime":"${state.epoch}"`
  if (item.type === 'dir') {
    state.tocEntries.push(`{"type":"dir","name":${jsonText(`${item.path}/`)},"mode":493,${time}}`)
    state.treeEntries.push({ type: 'dir', path: item.path })
  } else {
    const names = `"name":${jsonText(item.path)},"linkName":${jsonText(item.target ?? '')}`
    state.tocEntries.push(`{"type":"symlink",${names},"mode":511,${time}}`)
    state.treeEntries.push({ type: 'symlink', path: item.path, target: item.target ?? '' })
  }
}

function addFile(state: State, item: PackItem, digest: Digest, place: string | undefined): void {
  const { path, size, executable = false } = item
  const head = `{"type":"reg","name":${jsonText(path)},"mode":${executable ? 493 : 420}`
  const bytes = place === undefined ? '' : `"size":${size},"digest":"${digest}",${place},`
  state.tocEntries.push(`${head},${bytes}"modtime":"${state.epoch}"}`)
  state.treeEntries.push({ type: 'file', path, size, digest, executable })
  state.sums.files += 1
  state.sums.sizeBytes += size
}

function addChunk(
  state: State,
  item: PackItem,
  { tar, range }: { readonly tar: Aligned; readonly range: ByteRange },
  chunk: Chunk,
): void {
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
  big.digester.update(tar.bytes.subarray(range.start, range.end))
  crc64Update(big.crc, tar, range)
  if (chunk.offset + chunk.size < item.size) return
  state.big = undefined
  const place = `"offset":${big.start},"endOffset":${chunk.end}`
  addFile(state, item, big.digester.digest(), place)
  addFrame(state.split, tarSplitFile(item.path, item.size, crc64Base64(big.crc), big.position))
}
