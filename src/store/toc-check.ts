/**
 * Whether a layer's table of contents tells the same as its tar.
 *
 * podman believes the table, docker the tar: a layer where they differ shows them different files,
 * so it is refused. Without annotations nobody reads the table, and neither do we.
 * Not here: offsets, because podman checks the digest of what it finds there.
 */
import { readSync } from 'node:fs'
import { digestOf, limits } from '#kernel/index.ts'
import { type TocEntry, tocPlaces } from './chunked.ts'
import { refused, shown } from './errors.ts'
import type { RawEntry } from './layer-entries.ts'
import { decompress } from './unpack-job.ts'

const tocTypes = { file: 'reg', dir: 'dir', symlink: 'symlink', hardlink: 'hardlink' } as const

const tocMembers = new Set(['version', 'entries', 'tarSplitDigest'])
const entryMembers = new Set(
  (
    'type name linkName mode size uid gid devMajor devMinor xattrs modtime accesstime changetime ' +
    'digest offset endOffset chunkSize chunkOffset chunkDigest chunkType'
  ).split(' '),
)

/**
 * Reads the tables of contents that the annotations point to: none, or one for each dialect.
 * @throws AppError `store/layer-toc-mismatch`
 */
export function readTocs(
  handle: number,
  annotations: Readonly<Record<string, string>> | undefined,
  blobBytes: number,
): readonly (readonly TocEntry[])[] {
  return tocPlaces(annotations).map((place) => {
    if (place === 'bad') throw mismatch('its annotations are broken')
    const { offset, length, uncompressed, checksum } = place
    const bytesMax = Math.min(blobBytes - offset, limits.layerTocBytesMax)
    if (length > bytesMax || uncompressed > limits.layerTocBytesMax)
      throw mismatch('its annotations point outside of it')
    const bytes = Buffer.alloc(length)
    let at = 0
    while (at < length) {
      const read = readSync(handle, bytes, at, length - at, offset + at)
      if (read === 0) throw mismatch('its annotations point outside of it')
      at += read
    }
    if (digestOf(bytes) !== checksum)
      throw mismatch('it has another digest than the annotation says')
    return parseToc(decompress(bytes, uncompressed))
  })
}

function parseToc(bytes: Uint8Array): readonly TocEntry[] {
  let toc: unknown
  try {
    toc = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch (error) {
    throw refused('store/layer-toc-mismatch', 'its table of contents is no JSON', error)
  }
  if (typeof toc !== 'object' || toc === null || !('entries' in toc) || !('version' in toc))
    throw mismatch('it has no entries')
  if (toc.version !== 1 || !Array.isArray(toc.entries)) throw mismatch('it is not of version 1')
  const entries: readonly unknown[] = toc.entries
  if (!entries.every(isTocEntry)) throw mismatch('it has an entry that is none')
  // podman takes members in any case and the last of two: it would read another table.
  const members = Object.keys(toc)
  let count = members.length
  if (!members.every((key) => tocMembers.has(key))) throw mismatch('it has a strange member')
  for (const entry of entries)
    for (const key of Object.keys(entry)) {
      if (!entryMembers.has(key))
        throw mismatch(`${shown(entry.name)} has the strange member ${shown(key)}`)
      count += 1
    }
  if (count !== membersIn(bytes)) throw mismatch('it has a member twice')
  return entries
}

/** How many members the objects of a JSON text have as written: colons outside of strings. */
function membersIn(bytes: Uint8Array): number {
  let count = 0
  let isText = false
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const byte = bytes[at]
    if (byte === 0x22) isText = !isText
    else if (isText && byte === 0x5c) at += 1
    else if (!isText && byte === 0x3a) count += 1
  }
  return count
}

/** Enough of a check for members that are only compared. */
function isTocEntry(entry: unknown): entry is TocEntry {
  if (typeof entry !== 'object' || entry === null || !('name' in entry)) return false
  return typeof entry.name === 'string' && 'type' in entry && typeof entry.type === 'string'
}

/** @throws AppError `store/layer-toc-mismatch` naming the first entry that differs. */
export function compareToc(toc: readonly TocEntry[], raw: readonly RawEntry[]): void {
  let index = 0
  let last: TocEntry | undefined
  for (const told of toc) {
    if (told.type === 'chunk') {
      if (last?.type !== 'reg' || last.name !== told.name)
        throw mismatch(`it has a chunk of ${shown(told.name)}, which is not before it`)
      continue
    }
    last = told
    const seen = raw[index]
    index += 1
    if (seen === undefined || !isSame(told, seen))
      throw mismatch(`it lists ${shown(told.name)} unlike the tar`)
  }
  if (index !== raw.length) throw mismatch('it lists fewer entries than the tar')
}

function isSame(told: TocEntry, { entry, digest }: RawEntry): boolean {
  if (entry.type === 'device' || told.type !== tocTypes[entry.type]) return false
  const isLink = entry.type === 'symlink' || entry.type === 'hardlink'
  return (
    told.name === entry.name &&
    (told.size ?? 0) === entry.size &&
    (told.mode ?? 0) === entry.mode &&
    (told.uid ?? 0) === entry.uid &&
    (told.gid ?? 0) === entry.gid &&
    (told.linkName ?? '') === (isLink ? entry.target : '') &&
    Object.keys(told.xattrs ?? {}).length === 0 &&
    (told.devMajor ?? 0) === 0 &&
    (told.devMinor ?? 0) === 0 &&
    isSameTime(told.modtime, entry.mtime) &&
    (entry.size === 0
      ? told.digest === undefined || told.digest === '' || told.digest === digest
      : told.digest === digest)
  )
}

function isSameTime(told: string | undefined, seconds: number): boolean {
  return told === undefined ? seconds === 0 : Date.parse(told) === seconds * 1000
}

function mismatch(what: string) {
  return refused('store/layer-toc-mismatch', `its table of contents lies: ${what}`)
}
