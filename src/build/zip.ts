/**
 * Reads a zip archive from memory: names, kinds, bytes. Checks structure, lengths and checksums,
 * not what names mean.
 *
 * Invariant: there is one way to read what is let through. The central directory decides, the local
 * headers agree with it, it ends where the file ends, and no two entries share bytes.
 * Source: PKWARE APPNOTE.TXT 6.3.10; the extra fields "UT" and "up" of Info-ZIP.
 * Not here: what a name or a link may be (`archive.ts`).
 */
import { crc32, inflateRawSync } from 'node:zlib'
import type { AppError } from '#kernel/index.ts'
import type { ArchiveEntry } from './tar.ts'

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 } as const
const end64 = { record: 0x06064b50, locator: 0x07064b50 } as const
const extras = { zip64: 0x0001, times: 0x5455, unicodeName: 0x7075 } as const
const flags = { encrypted: 1 | (1 << 6) | (1 << 13), descriptor: 1 << 3 } as const
const methods = { stored: 0, deflated: 8 } as const
const lengths = { end: 22, locator: 20, end64: 56, central: 46, local: 30 } as const
const commentBytesMax = 0xffff

/** Whether a file begins as a zip archive does: with an entry, or with the end of an empty one. */
export function isZip(bytes: Uint8Array): boolean {
  if (bytes.byteLength < lengths.end) return false
  const first = viewOf(bytes).getUint32(0, true)
  return first === signatures.local || first === signatures.end
}

/** Makes the error for an archive that is refused. */
export type Refuse = (why: string) => AppError

/** An entry as the central directory has it. */
interface Central {
  readonly name: string
  readonly rawName: Uint8Array
  readonly flags: number
  readonly method: number
  readonly checksum: number
  readonly packedBytes: number
  readonly sizeBytes: number
  readonly headerAt: number
  /** Of Unix: kind and permissions; undefined when made elsewhere. */
  readonly mode: number | undefined
  readonly modifiedSeconds: number
}

/**
 * The entries in the order of the central directory; their bytes are unpacked when they are read.
 * @param limits The archive is refused when it says that it unpacks to more.
 * @throws What `refuse` makes of a reason, also from `read` of an entry.
 */
export function* readZip(
  bytes: Uint8Array,
  limits: { readonly sizeBytesMax: number; readonly entriesMax: number },
  refuse: Refuse,
): Generator<ArchiveEntry> {
  const directory = endOf(bytes, refuse)
  if (directory.entries > limits.entriesMax)
    throw refuse(`it has more than ${limits.entriesMax} entries`)
  const entries = centralEntries(bytes, directory, refuse)
  let total = 0
  for (const entry of entries) total += entry.sizeBytes
  if (total > limits.sizeBytesMax) throw refuse(`it unpacks to more than ${limits.sizeBytesMax} B`)
  const starts = dataStarts(bytes, entries, { end: directory.start, refuse })
  for (const [index, entry] of entries.entries()) {
    const start = starts[index] ?? 0
    const read = () => unpacked(entry, bytes.subarray(start, start + entry.packedBytes), refuse)
    const type = kindOf(entry)
    yield {
      type,
      path: entry.name,
      target: type === 'symlink' ? text(read(), refuse) : '',
      executable: ((entry.mode ?? 0) & 0o111) !== 0,
      modifiedSeconds: entry.modifiedSeconds,
      read,
    }
  }
}

interface Directory {
  readonly start: number
  readonly end: number
  readonly entries: number
}

/** The last record of the file, whose comment reaches exactly to the end of it. */
function endOf(bytes: Uint8Array, refuse: Refuse): Directory {
  const view = viewOf(bytes)
  const last = bytes.byteLength - lengths.end
  for (let at = last; at >= Math.max(0, last - commentBytesMax); at -= 1) {
    if (view.getUint32(at, true) !== signatures.end) continue
    if (at + lengths.end + view.getUint16(at + 20, true) !== bytes.byteLength) continue
    return directoryOf(view, at, refuse)
  }
  throw refuse('it is damaged or cut short: its directory is missing')
}

function directoryOf(view: DataView, at: number, refuse: Refuse): Directory {
  if (view.getUint16(at + 4, true) !== 0 && view.getUint16(at + 4, true) !== 0xffff)
    throw refuse('it is one part of several')
  const short = {
    entries: view.getUint16(at + 10, true),
    length: view.getUint32(at + 12, true),
    start: view.getUint32(at + 16, true),
  }
  const isLarge =
    short.entries === 0xffff || short.length === 0xffffffff || short.start === 0xffffffff
  const large = isLarge ? largeDirectory(view, at, refuse) : undefined
  const { entries, length, start, end } = large ?? { ...short, end: at }
  if (start + length !== end) throw refuse('its directory is not where it says')
  return { start, end, entries }
}

/** The 64-bit record, when there is one; else the short numbers are meant. */
function largeDirectory(view: DataView, end: number, refuse: Refuse) {
  const locator = end - lengths.locator
  if (locator < 0 || view.getUint32(locator, true) !== end64.locator) return undefined
  const at = wide(view, locator + 8, refuse)
  if (at + lengths.end64 > locator || view.getUint32(at, true) !== end64.record)
    throw refuse('its 64-bit directory is not where it says')
  return {
    entries: wide(view, at + 32, refuse),
    length: wide(view, at + 40, refuse),
    start: wide(view, at + 48, refuse),
    end: at,
  }
}

function centralEntries(bytes: Uint8Array, directory: Directory, refuse: Refuse): Central[] {
  const view = viewOf(bytes)
  const entries: Central[] = []
  let at = directory.start
  while (at < directory.end) {
    if (entries.length === directory.entries) throw refuse('it has more entries than it says')
    if (at + lengths.central > directory.end || view.getUint32(at, true) !== signatures.central)
      throw refuse(`its directory is damaged (at byte ${at})`)
    const nameBytes = view.getUint16(at + 28, true)
    const extraBytes = view.getUint16(at + 30, true)
    const next = at + lengths.central + nameBytes + extraBytes + view.getUint16(at + 32, true)
    if (next > directory.end) throw refuse(`its directory is damaged (at byte ${at})`)
    const nameAt = at + lengths.central
    const rawName = bytes.subarray(nameAt, nameAt + nameBytes)
    const extra = bytes.subarray(nameAt + nameBytes, nameAt + nameBytes + extraBytes)
    entries.push(
      centralEntry(new DataView(view.buffer, view.byteOffset + at), rawName, {
        extra: extraFields(extra, refuse),
        refuse,
      }),
    )
    at = next
  }
  if (entries.length !== directory.entries) throw refuse('it has fewer entries than it says')
  return entries
}

function centralEntry(
  header: DataView,
  rawName: Uint8Array,
  { extra, refuse }: { extra: ReadonlyMap<number, Uint8Array>; refuse: Refuse },
): Central {
  const name = text(rawName, refuse)
  const bits = header.getUint16(8, true)
  const method = header.getUint16(10, true)
  if ((bits & flags.encrypted) !== 0) throw refuse(`'${name}' is encrypted`)
  if (method !== methods.stored && method !== methods.deflated)
    throw refuse(
      `'${name}' is packed by method ${method}; only 0 (stored) and 8 (deflated) are read`,
    )
  if (extra.has(extras.unicodeName)) throw refuse(`'${name}' has a second name`)
  const large = viewOf(extra.get(extras.zip64) ?? new Uint8Array())
  let largeAt = 0
  const grown = (short: number): number => {
    if (short !== 0xffffffff || !extra.has(extras.zip64)) return short
    if (largeAt + 8 > large.byteLength) throw refuse(`the 64-bit sizes of '${name}' are missing`)
    largeAt += 8
    return wide(large, largeAt - 8, refuse)
  }
  const sizeBytes = grown(header.getUint32(24, true))
  const packedBytes = grown(header.getUint32(20, true))
  const headerAt = grown(header.getUint32(42, true))
  if (method === methods.stored && sizeBytes !== packedBytes)
    throw refuse(`'${name}' is not as long as it says`)
  const madeOn = header.getUint16(4, true) >> 8
  const isUnix = madeOn === 3 || madeOn === 19
  return {
    name,
    rawName,
    flags: bits,
    method,
    checksum: header.getUint32(16, true),
    packedBytes,
    sizeBytes,
    headerAt,
    mode: isUnix ? header.getUint32(38, true) >>> 16 : undefined,
    modifiedSeconds: modifiedSeconds(header, extra.get(extras.times)),
  }
}

function extraFields(bytes: Uint8Array, refuse: Refuse): ReadonlyMap<number, Uint8Array> {
  const view = viewOf(bytes)
  const fields = new Map<number, Uint8Array>()
  for (let at = 0; at + 4 <= bytes.byteLength; ) {
    const id = view.getUint16(at, true)
    const end = at + 4 + view.getUint16(at + 2, true)
    if (end > bytes.byteLength) throw refuse('an extra field is longer than its entry')
    if (fields.has(id) && id === extras.zip64) throw refuse('an entry has two 64-bit sizes')
    fields.set(id, bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}

/** In UTC where it is written down so; else the archive's local time, taken as UTC. */
function modifiedSeconds(header: DataView, times: Uint8Array | undefined): number {
  if (times !== undefined && times.byteLength >= 5 && ((times[0] ?? 0) & 1) !== 0)
    return Math.max(0, viewOf(times).getInt32(1, true))
  const [time, date] = [header.getUint16(12, true), header.getUint16(14, true)]
  const day = [
    1980 + (date >> 9),
    Math.max(1, (date >> 5) & 15) - 1,
    Math.max(1, date & 31),
  ] as const
  return Date.UTC(...day, time >> 11, (time >> 5) & 63, (time & 31) * 2) / 1000
}

/** Where the bytes of each entry begin. Entries that share bytes are how small bombs are made. */
function dataStarts(
  bytes: Uint8Array,
  entries: readonly Central[],
  { end, refuse }: { readonly end: number; readonly refuse: Refuse },
): number[] {
  const view = viewOf(bytes)
  const starts = entries.map((entry) => {
    const { headerAt: at, name } = entry
    if (at + lengths.local > end || view.getUint32(at, true) !== signatures.local)
      throw refuse(`the header of '${name}' is not where its directory says`)
    const nameBytes = view.getUint16(at + 26, true)
    const start = at + lengths.local + nameBytes + view.getUint16(at + 28, true)
    if (start + entry.packedBytes > end) throw refuse(`'${name}' is longer than the archive`)
    const local = bytes.subarray(at + lengths.local, at + lengths.local + nameBytes)
    if (Buffer.compare(local, entry.rawName) !== 0 || !agrees(view, at, entry))
      throw refuse(`the header of '${name}' is not what its directory says`)
    return start
  })
  const order = [...entries.keys()].sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0))
  let free = 0
  for (const index of order) {
    const entry = entries[index]
    if (entry === undefined || entry.headerAt < free)
      throw refuse(`'${entry?.name}' lies over another entry`)
    free = (starts[index] ?? 0) + entry.packedBytes
  }
  return starts
}

/** With a data descriptor, sizes and checksum come after the bytes, and are zero before them. */
function agrees(view: DataView, at: number, entry: Central): boolean {
  const bits = view.getUint16(at + 6, true)
  if (view.getUint16(at + 8, true) !== entry.method) return false
  if ((bits & flags.encrypted) !== 0) return false
  if ((bits & flags.descriptor) !== (entry.flags & flags.descriptor)) return false
  const isLater = (bits & flags.descriptor) !== 0
  const is = (offset: number, wanted: number) => {
    const found = view.getUint32(at + offset, true)
    return found === wanted || found === 0xffffffff || (isLater && found === 0)
  }
  return is(14, entry.checksum) && is(18, entry.packedBytes) && is(22, entry.sizeBytes)
}

function unpacked(entry: Central, packed: Uint8Array, refuse: Refuse): Uint8Array {
  const bytes = entry.method === methods.stored ? packed : inflated(entry, packed, refuse)
  if (bytes.byteLength !== entry.sizeBytes)
    throw refuse(`'${entry.name}' is not as long as it says`)
  if (crc32(bytes) !== entry.checksum) throw refuse(`'${entry.name}' has a wrong checksum`)
  return bytes
}

function inflated(entry: Central, packed: Uint8Array, refuse: Refuse): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.sizeBytes) })
  } catch {
    throw refuse(`'${entry.name}' is damaged, or longer than it says`)
  }
}

function kindOf({ mode, name }: Central): ArchiveEntry['type'] {
  const kind = (mode ?? 0) & 0o170000
  if (kind === 0o120000) return 'symlink'
  if (name.endsWith('/') && (kind === 0 || kind === 0o040000)) return 'dir'
  return kind === 0 || kind === 0o100000 ? 'file' : 'other'
}

/** Writers on Unix leave the flag for UTF-8 out, and write it all the same. */
function text(bytes: Uint8Array, refuse: Refuse): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refuse('a name in it is not UTF-8')
  }
}

function wide(view: DataView, at: number, refuse: Refuse): number {
  const value = at + 8 <= view.byteLength ? Number(view.getBigUint64(at, true)) : Number.NaN
  if (!Number.isSafeInteger(value)) throw refuse('a size in it is out of range')
  return value
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
