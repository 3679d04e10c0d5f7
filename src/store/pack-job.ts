/**
 * A worker's part of packing: files to tar blocks, tar blocks to zstd frames.
 *
 * Each file's bytes are frames of their own; the blocks between two files (padding, headers) are
 * one frame. That is what zstd:chunked wants. Source: docs/formats/layer.md.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { AppError } from '#kernel/index.ts'
import type { Aligned, ByteRange } from './aligned.ts'
import { compressor } from './compressor.ts'
import { crc64, crc64Base64, crc64Update } from './crc64.ts'
import { type PackAnswer, type PackItem, type PackJob, packKinds } from './layer-jobs.ts'
import { jsonText } from './json-text.ts'
import { roundUp, type TarHeader, writeHeader } from './tar-write.ts'
import { textFrame } from './text-frame.ts'
import { memoryOf } from './worker-memory.ts'
import { plainFrame } from './zstd-plain.ts'

/** Level 2 for every frame, except of small files and texts: there level 1 gives the same size. */
const compressLarge = compressor(2)
const compressSmall = compressor(1)
/** For the tar-split and the table of contents. */
export const compressText = compressSmall
const smallBytes = 32 * 1024
/** Up to here headers and padding, and files, are not worth a call of the compressor. */
const plainBytes = { header: 2048, file: 256 } as const

/** An item and its place in the tar: header at `begin`, bytes at `[start, end)`, zeros to the next. */
interface Laid {
  readonly item: PackItem
  readonly begin: number
  readonly start: number
  readonly end: number
}

/** Packs a job's items. @throws AppError `store/pack-changed`, and system errors of reading. */
export function pack(job: PackJob): PackAnswer {
  const { tar, out } = memoryOf(job.memory)
  const tarStart = job.leadBytes === 0 ? 0 : 512 - job.leadBytes
  tar.bytes.fill(0, tarStart, tarStart + job.leadBytes)
  // One kind of work after the other: taking turns, each would push the others out of the caches.
  const laid = layOut(job, tar.bytes, tarStart + job.leadBytes)
  for (const one of laid) readFile(job, tar.bytes, one)
  const digests = laid.map((one) => digestOf(tar.bytes, one)).join('')
  const split = textFrame(splitOf(job, tar, { laid, tarStart }), compressText)
  const tarEnd = laid.at(-1)?.end ?? tarStart + job.leadBytes
  const { frames, outEnd } = compressAll(tar, out, { laid, tarStart, tarEnd })
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

/** Writes headers and padding; leaves room for the bytes of files. */
function layOut(job: PackJob, bytes: Buffer, at: number): Laid[] {
  const laid: Laid[] = []
  let next = at
  for (const item of itemsOf(job)) {
    const before = laid.at(-1)
    const begin = before === undefined ? next : before.start + roundUp(before.item.size)
    if (before !== undefined) bytes.fill(0, before.end, begin)
    const isChunk = (item.chunk?.offset ?? 0) > 0
    const start = isChunk ? begin : writeHeader(bytes, begin, headerOf(item, job.epochSeconds))
    next = start + (item.chunk?.size ?? item.size)
    laid.push({ item, begin, start, end: next })
  }
  return laid
}

function headerOf(item: PackItem, epochSeconds: number): TarHeader {
  return {
    type: item.type,
    name: entryName(item),
    target: item.target,
    size: item.size,
    executable: item.executable ?? false,
    epochSeconds,
  }
}

function entryName(item: PackItem): string {
  return item.type === 'dir' ? `${item.path}/` : item.path
}

/** A file that spans pieces is hashed where these are in order again. */
function digestOf(bytes: Buffer, { item, start, end }: Laid): string {
  if (start === end || item.chunk !== undefined) return ''
  return Bun.SHA256.hash(bytes.subarray(start, end), 'hex')
}

/** Frames of files, and of what is between them; and where those of files are. */
function compressAll(
  tar: Aligned,
  out: Buffer,
  { laid, tarStart, tarEnd }: { laid: readonly Laid[]; tarStart: number; tarEnd: number },
): { readonly frames: Uint32Array; readonly outEnd: number } {
  const frames: number[] = []
  let pending = tarStart
  let outEnd = 0
  const frame = (end: number, plainMax: number): void => {
    if (end > pending) outEnd = writeFrame(tar, { start: pending, end }, out, outEnd, plainMax)
    pending = end
  }
  for (const { start, end } of laid) {
    if (start === end) continue
    frame(start, plainBytes.header)
    frames.push(outEnd)
    frame(end, plainBytes.file)
    frames.push(outEnd)
  }
  frame(tarEnd, plainBytes.header)
  return { frames: Uint32Array.from(frames), outEnd }
}

/** Up to `plainMax` bytes are not compressed. */
function writeFrame(tar: Aligned, range: ByteRange, out: Buffer, at: number, plainMax: number) {
  const sizeBytes = range.end - range.start
  if (sizeBytes <= plainMax) return plainFrame(tar, range, out, at)
  return (sizeBytes <= smallBytes ? compressSmall : compressLarge)(tar.bytes, range, out, at)
}

/** The tar-split: what is between the bytes of files, and the name, size and CRC-64 of each. */
function splitOf(
  job: PackJob,
  tar: Aligned,
  { laid, tarStart }: { laid: readonly Laid[]; tarStart: number },
): string {
  const records: string[] = []
  let position = job.position
  let segmentStart = tarStart
  for (const { item, start, end } of laid) {
    if ((item.chunk?.offset ?? 0) === 0) {
      const payload = tar.bytes.toString('base64', segmentStart, start)
      records.push(`{"type":2,"payload":"${payload}","position":${position}}\n`)
      if (item.chunk === undefined)
        records.push(
          tarSplitFile(entryName(item), end - start, crcOf(tar, { start, end }), position + 1),
        )
      position += 2
    }
    segmentStart = end
  }
  return records.join('')
}

function crcOf(tar: Aligned, range: ByteRange): string | null {
  if (range.start === range.end) return null
  const crc = crc64()
  crc64Update(crc, tar, range)
  return crc64Base64(crc)
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

/** Reads an item's bytes to their place; asks for one more at the end, to see a file that grew. */
function readFile(job: PackJob, bytes: Buffer, { item, start, end }: Laid): void {
  if (start === end) return
  const path = `${job.folder}/${item.path}`
  const offset = (item.chunk?.offset ?? 0) - start
  const isEnd = offset + end === item.size
  const handle = openSync(path, 'r')
  try {
    let at = start
    while (at < end) {
      const length = readSync(handle, bytes, at, end - at + (isEnd ? 1 : 0), offset + at)
      if (length === 0) break
      at += length
    }
    if (at !== end)
      throw new AppError('store/pack-changed', `${path} changed while it was being packed`)
  } finally {
    closeSync(handle)
  }
}
