/**
 * A worker's part of packing: files to tar blocks, tar blocks to zstd frames.
 *
 * Each file's bytes are frames of their own; the blocks between two files (padding, headers) are
 * one frame. That is what zstd:chunked wants. Source: docs/formats/layer.md.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { AppError } from '#kernel/index.ts'
import { crc64, crc64Base64, crc64Update } from './crc64.ts'
import type { PackAnswer, PackItem, PackJob } from './layer-jobs.ts'
import { roundUp, writeHeader } from './tar-write.ts'

/** The level of every frame, except of small files: there a low level gives the same size. */
export const zstdLevel = 3
const smallLevel = 1
const smallBytes = 32 * 1024
const oneByte = new Uint8Array(1)

interface Piece {
  readonly job: PackJob
  readonly tar: Buffer
  readonly out: Buffer
  /** Where the bytes that are in no frame yet begin. */
  pending: number
  tarEnd: number
  outEnd: number
  position: number
  readonly frames: number[]
  readonly digests: string[]
  readonly split: string[]
}

/** Packs a job's items. @throws AppError `store/pack-changed`, and system errors of reading. */
export function pack(job: PackJob): PackAnswer {
  const tarStart = job.leadBytes === 0 ? 0 : 512 - job.leadBytes
  const piece: Piece = {
    job,
    tar: Buffer.from(job.tar),
    out: Buffer.from(job.out),
    pending: tarStart,
    tarEnd: tarStart + job.leadBytes,
    outEnd: 0,
    position: job.position,
    frames: [],
    digests: [],
    split: [],
  }
  piece.tar.fill(0, tarStart, piece.tarEnd)
  let segmentStart = tarStart
  for (const item of job.items) {
    if ((item.chunk?.offset ?? 0) === 0) {
      piece.tarEnd = writeHeader(piece.tar, piece.tarEnd, headerOf(item, job.epochSeconds))
      splitSegment(piece, segmentStart)
      if (item.type !== 'file' || item.size === 0) splitFile(piece, item, null)
    }
    segmentStart = item.size > 0 ? packFile(piece, item) : piece.tarEnd
  }
  frame(piece)
  const records = Buffer.from(piece.split.join(''))
  const split = Bun.zstdCompressSync(records, { level: zstdLevel })
  const { tarEnd, outEnd, frames, digests } = piece
  return { tarStart, tarEnd, outEnd, frames, digests, split, splitBytes: records.byteLength }
}

function headerOf(item: PackItem, epochSeconds: number) {
  return {
    type: item.type,
    name: item.type === 'dir' ? `${item.path}/` : item.path,
    ...(item.target === undefined ? {} : { target: item.target }),
    size: item.size,
    executable: item.executable ?? false,
    epochSeconds,
  }
}

/** Packs the bytes of a file or of its chunk; gives where the next tar-split segment begins. */
function packFile(piece: Piece, item: PackItem): number {
  frame(piece)
  const start = piece.tarEnd
  const bytes = piece.tar.subarray(start, start + (item.chunk?.size ?? item.size))
  readFile(`${piece.job.folder}/${item.path}`, item, bytes)
  piece.tarEnd += bytes.byteLength
  // A file that spans pieces is hashed where these are in order again.
  piece.digests.push(item.chunk === undefined ? Bun.SHA256.hash(bytes, 'hex') : '')
  piece.frames.push(piece.outEnd)
  frame(piece)
  piece.frames.push(piece.outEnd)
  if (item.chunk !== undefined) return piece.tarEnd // Its asker pads it and knows the checksum.
  const crc = crc64()
  crc64Update(crc, bytes)
  splitFile(piece, item, crc64Base64(crc))
  const isLast = piece.job.items.at(-1) === item
  const padded = isLast ? piece.tarEnd : start + roundUp(item.size)
  piece.tar.fill(0, piece.tarEnd, padded)
  const segmentStart = piece.tarEnd
  piece.tarEnd = padded
  return segmentStart
}

/** Compresses what is in no frame yet. */
function frame(piece: Piece): void {
  if (piece.pending === piece.tarEnd) return
  const bytes = piece.tar.subarray(piece.pending, piece.tarEnd)
  const level = bytes.byteLength <= smallBytes ? smallLevel : zstdLevel
  const compressed = Bun.zstdCompressSync(bytes, { level })
  piece.out.set(compressed, piece.outEnd)
  piece.outEnd += compressed.byteLength
  piece.pending = piece.tarEnd
}

function splitSegment(piece: Piece, start: number): void {
  const payload = piece.tar.toString('base64', start, piece.tarEnd)
  piece.split.push(`{"type":2,"payload":"${payload}","position":${piece.position}}\n`)
  piece.position += 1
}

function splitFile(piece: Piece, item: PackItem, crc: string | null): void {
  const name = item.type === 'dir' ? `${item.path}/` : item.path
  const size = item.type === 'file' ? item.size : 0
  piece.split.push(tarSplitFile(name, size, crc, piece.position))
  piece.position += 1
}

/** A tar-split record of a file: its name, size and CRC-64. */
export function tarSplitFile(
  name: string,
  size: number,
  crc: string | null,
  position: number,
): string {
  const sized = size === 0 ? '' : `"size":${size},`
  const payload = crc === null ? 'null' : `"${crc}"`
  return `{"type":1,"name":${JSON.stringify(name)},${sized}"payload":${payload},"position":${position}}\n`
}

/** Fills `into`, and looks one byte further at the end of the file, to see one that grew. */
function readFile(path: string, item: PackItem, into: Buffer): void {
  const handle = openSync(path, 'r')
  try {
    const offset = item.chunk?.offset ?? 0
    let at = 0
    while (at < into.byteLength) {
      const length = readSync(handle, into, at, into.byteLength - at, offset + at)
      if (length === 0) break
      at += length
    }
    const isEnd = offset + into.byteLength === item.size
    const more = isEnd ? readSync(handle, oneByte, 0, 1, item.size) : 0
    if (at !== into.byteLength || more !== 0)
      throw new AppError('store/pack-changed', `${path} changed while it was being packed`)
  } finally {
    closeSync(handle)
  }
}
