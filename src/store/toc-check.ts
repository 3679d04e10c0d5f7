/**
 * Whether a layer's table of contents tells the same as its tar.
 *
 * podman believes the table, docker the tar: a layer where they differ shows them different files,
 * so it is refused. Without annotations nobody reads the table, and neither do we.
 */
import { readSync } from 'node:fs'
import { digestOf, limits } from '#kernel/index.ts'
import { type TocEntry, tocPlace } from './chunked.ts'
import { refused, shown } from './errors.ts'
import type { RawEntry } from './layer-entries.ts'
import { decompress } from './unpack-job.ts'

const tocTypes = { file: 'reg', dir: 'dir', symlink: 'symlink', hardlink: 'hardlink' } as const

/**
 * Reads the table of contents that the annotations point to; undefined when there is none.
 * @throws AppError `store/layer-toc-mismatch`
 */
export function readToc(
  handle: number,
  annotations: Readonly<Record<string, string>> | undefined,
  blobBytes: number,
): readonly TocEntry[] | undefined {
  const place = tocPlace(annotations)
  if (place === undefined) return undefined
  if (place === 'bad') throw mismatch('its annotations are broken')
  const { offset, length, uncompressed, checksum } = place
  if (offset + length > blobBytes || uncompressed > limits.layerTocBytesMax)
    throw mismatch('its annotations point outside of it')
  const bytes = Buffer.alloc(length)
  let at = 0
  while (at < length) {
    const read = readSync(handle, bytes, at, length - at, offset + at)
    if (read === 0) throw mismatch('its annotations point outside of it')
    at += read
  }
  if (digestOf(bytes) !== checksum) throw mismatch('it has another digest than the annotation says')
  return parseToc(decompress(bytes, uncompressed))
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
  return entries
}

/** Enough of a check for members that are only compared. */
function isTocEntry(entry: unknown): entry is TocEntry {
  if (typeof entry !== 'object' || entry === null || !('name' in entry)) return false
  return typeof entry.name === 'string' && 'type' in entry && typeof entry.type === 'string'
}

/** @throws AppError `store/layer-toc-mismatch` naming the first entry that differs. */
export function compareToc(toc: readonly TocEntry[], raw: readonly RawEntry[]): void {
  let index = 0
  for (const told of toc) {
    if (told.type === 'chunk') continue
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
