/**
 * A worker's part of packing: files to tar blocks, tar blocks to zstd frames.
 *
 * Each file's bytes are frames of their own; the blocks between two files (padding, headers) are
 * one frame. That is what zstd:chunked wants. Source: docs/formats/layer.md.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { AppError } from '#kernel/index.ts'
import { type Aligned, aligned } from './aligned.ts'
import { compressor } from './compressor.ts'
import { crc64, crc64Base64, crc64Update } from './crc64.ts'
import { type PackAnswer, type PackItem, type PackJob, packKinds } from './layer-jobs.ts'
import { jsonText } from './json-text.ts'
import { roundUp, writeHeader } from './tar-write.ts'
import { textFrame } from './text-frame.ts'
import { plainFrame } from './zstd-plain.ts'

/** Level 2 for every frame, except of small files: there a low level gives the same size. */
export const compressLarge = compressor(2)
const compressSmall = compressor(1)
const smallBytes = 32 * 1024
/** Up to here headers and padding, and files, are not worth a call of the compressor. */
const plainBytes = { header: 2048, file: 256 } as const

interface Piece {
  readonly job: PackJob
  readonly tar: Aligned
  readonly out: Buffer
  /** Where the bytes that are in no frame yet begin. */
  pending: number
  tarEnd: number
  outEnd: number
  position: number
  readonly frames: number[]
  digests: string
  readonly split: string[]
}

/** Packs a job's items. @throws AppError `store/pack-changed`, and system errors of reading. */
export function pack(job: PackJob): PackAnswer {
  const tarStart = job.leadBytes === 0 ? 0 : 512 - job.leadBytes
  const piece: Piece = {
    job,
    tar: aligned(job.tar),
    out: Buffer.from(job.out),
    pending: tarStart,
    tarEnd: tarStart + job.leadBytes,
    outEnd: 0,
    position: job.position,
    frames: [],
    digests: '',
    split: [],
  }
  const { bytes } = piece.tar
  bytes.fill(0, tarStart, piece.tarEnd)
  let segmentStart = tarStart
  const items = itemsOf(job)
  for (const item of items) {
    if ((item.chunk?.offset ?? 0) === 0) {
      piece.tarEnd = writeHeader(bytes, piece.tarEnd, headerOf(item, job.epochSeconds))
      splitSegment(piece, segmentStart)
      if (item.type !== 'file' || item.size === 0) splitFile(piece, item, null)
    }
    segmentStart = item.size > 0 ? packFile(piece, item, item === items.at(-1)) : piece.tarEnd
  }
  frame(piece, plainBytes.header)
  const split = textFrame(piece.split.join(''), compressLarge)
  const { tarEnd, outEnd, digests } = piece
  const frames = Uint32Array.from(piece.frames)
  return { tarStart, tarEnd, outEnd, frames, digests, split }
}

function itemsOf({ names, numbers, chunk }: PackJob): PackItem[] {
  if (numbers.length === 0) return []
  const texts = names.split('\0')
  return Array.from({ length: numbers.length / 2 }, (_, index) => {
    const kind = numbers[index * 2]
    const path = texts[index * 2] ?? ''
    const size = numbers[index * 2 + 1] ?? 0
    if (kind === packKinds.dir) return { type: 'dir', path, size }
    if (kind === packKinds.symlink)
      return { type: 'symlink', path, size, target: texts[index * 2 + 1] ?? '' }
    const executable = kind === packKinds.executable
    return { type: 'file', path, size, executable, ...(chunk === undefined ? {} : { chunk }) }
  })
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
function packFile(piece: Piece, item: PackItem, isLast: boolean): number {
  frame(piece, plainBytes.header)
  const start = piece.tarEnd
  piece.tarEnd += item.chunk?.size ?? item.size
  readFile(piece, item, start)
  const { bytes } = piece.tar
  const range = { start, end: piece.tarEnd }
  // A file that spans pieces is hashed where these are in order again.
  if (item.chunk === undefined)
    piece.digests += Bun.SHA256.hash(bytes.subarray(start, range.end), 'hex')
  piece.frames.push(piece.outEnd)
  frame(piece, plainBytes.file)
  piece.frames.push(piece.outEnd)
  if (item.chunk !== undefined) return piece.tarEnd // Its asker pads it and knows the checksum.
  const crc = crc64()
  crc64Update(crc, piece.tar, range)
  splitFile(piece, item, crc64Base64(crc))
  const padded = isLast ? piece.tarEnd : start + roundUp(item.size)
  bytes.fill(0, piece.tarEnd, padded)
  const segmentStart = piece.tarEnd
  piece.tarEnd = padded
  return segmentStart
}

/** Makes a frame of what is in none yet; up to `plainMax` bytes are not compressed. */
function frame(piece: Piece, plainMax: number): void {
  const { tar, out, pending, tarEnd } = piece
  const sizeBytes = tarEnd - pending
  if (sizeBytes === 0) return
  piece.pending = tarEnd
  if (sizeBytes <= plainMax) {
    piece.outEnd = plainFrame(tar, { start: pending, end: tarEnd }, out, piece.outEnd)
    return
  }
  const compress = sizeBytes <= smallBytes ? compressSmall : compressLarge
  piece.outEnd = compress(tar.bytes, { start: pending, end: tarEnd }, out, piece.outEnd)
}

function splitSegment(piece: Piece, start: number): void {
  const payload = piece.tar.bytes.toString('base64', start, piece.tarEnd)
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
  return `{"type":1,"name":${jsonText(name)},${sized}"payload":${payload},"position":${position}}\n`
}

/** Reads an item's bytes to `start`; asks for one more at the end, to see a file that grew. */
function readFile({ job, tar, tarEnd }: Piece, item: PackItem, start: number): void {
  const path = `${job.folder}/${item.path}`
  const offset = (item.chunk?.offset ?? 0) - start
  const isEnd = offset + tarEnd === item.size
  const handle = openSync(path, 'r')
  try {
    let at = start
    while (at < tarEnd) {
      const length = readSync(handle, tar.bytes, at, tarEnd - at + (isEnd ? 1 : 0), offset + at)
      if (length === 0) break
      at += length
    }
    if (at !== tarEnd)
      throw new AppError('store/pack-changed', `${path} changed while it was being packed`)
  } finally {
    closeSync(handle)
  }
}
