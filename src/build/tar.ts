/**
 * Reads a tar archive from memory: names, kinds, bytes. Checks checksums and lengths, not meaning.
 *
 * Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Extensions to the Format".
 */
import { AppError } from '#kernel/index.ts'

/** An entry of an archive of any kind. */
export interface ArchiveEntry {
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'other'
  readonly path: string
  readonly target: string
  readonly executable: boolean
  readonly modifiedSeconds: number
  /** The bytes of a file. @throws AppError `build/bad-archive` */
  readonly read: () => Uint8Array
}

const block = 512
const nameBytesMax = 64 * 1024

/**
 * The entries in the order of the archive; pax and GNU long names applied.
 * @param name Of the archive, for messages.
 * @throws AppError `build/bad-archive` when a header is damaged or the archive is cut short.
 */
export function* readTar(bytes: Uint8Array, name: string): Generator<ArchiveEntry> {
  let pax: ReadonlyMap<string, string> = new Map()
  let global: ReadonlyMap<string, string> = new Map()
  for (let at = 0; at + block <= bytes.byteLength; ) {
    const header = bytes.subarray(at, at + block)
    if (header.every((byte) => byte === 0)) return
    checkSum(header, at, name)
    const type = String.fromCharCode(header[156] ?? 0)
    const size = Number(
      ('xgLK'.includes(type) ? undefined : pax.get('size')) ?? number(header, 124, 12),
    )
    const start = at + block
    if (!Number.isSafeInteger(size) || size < 0 || start + size > bytes.byteLength)
      throw damaged(name, at, 'an entry is longer than the archive')
    const data = bytes.subarray(start, start + size)
    at = start + Math.ceil(size / block) * block
    if ('xgLK'.includes(type) && size > nameBytesMax) throw damaged(name, at, 'a name is too long')
    if (type === 'x') pax = new Map([...pax, ...records(data)])
    else if (type === 'g') global = new Map([...global, ...records(data)])
    else if (type === 'L') pax = new Map([...pax, ['path', string(data)]])
    else if (type === 'K') pax = new Map([...pax, ['linkpath', string(data)]])
    else {
      const told = new Map([...global, ...pax])
      if ([...told.keys()].some((key) => key.startsWith('GNU.sparse.')))
        throw damaged(name, at, 'an entry is a sparse file')
      yield checkedName(entryOf(header, type, told, data), name, at)
      pax = new Map()
    }
  }
}

/** Whether the first header has its checksum: the oldest form of tar has no magic. */
export function beginsAsTar(bytes: Uint8Array): boolean {
  return bytes.byteLength >= block && bytes[0] !== 0 && sumOf(bytes) === number(bytes, 148, 8)
}

function entryOf(
  header: Uint8Array,
  type: string,
  pax: ReadonlyMap<string, string>,
  data: Uint8Array,
): ArchiveEntry {
  const prefix = string(header.subarray(257, 263)) === 'ustar' ? field(header, 345, 155) : ''
  const short = field(header, 0, 100)
  const path = pax.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`)
  return {
    type: path.endsWith('/') && (type === '0' || type === '\0') ? 'dir' : kindOf(type),
    path,
    target: pax.get('linkpath') ?? field(header, 157, 100),
    executable: (number(header, 100, 8) & 0o111) !== 0,
    modifiedSeconds: usable(Number(pax.get('mtime') ?? number(header, 136, 12))),
    read: () => data,
  }
}

/** The end of the year 9999; later times, and those before 1970, are mistakes of the writer. */
const secondsMax = 253_402_300_799

function usable(seconds: number): number {
  return seconds >= 0 && seconds <= secondsMax ? Math.floor(seconds) : 0
}

/** A name with other bytes would come out as another name, which two files might then share. */
function checkedName(entry: ArchiveEntry, name: string, at: number): ArchiveEntry {
  if (`${entry.path}${entry.target}`.includes('\uFFFD'))
    throw damaged(name, at, 'a name in it is not UTF-8')
  return entry
}

function kindOf(type: string): ArchiveEntry['type'] {
  switch (type) {
    case '0':
    case '7':
    case '\0':
      return 'file'
    case '1':
      return 'hardlink'
    case '2':
      return 'symlink'
    case '5':
      return 'dir'
    default:
      return 'other'
  }
}

function records(data: Uint8Array): [string, string][] {
  const found: [string, string][] = []
  for (let at = 0; at < data.byteLength; ) {
    const space = data.indexOf(0x20, at)
    const length = Number(string(data.subarray(at, space)))
    if (space < 0 || !Number.isInteger(length) || length < 3) return found
    const record = new TextDecoder().decode(data.subarray(space + 1, at + length - 1))
    const equals = record.indexOf('=')
    found.push([record.slice(0, equals), record.slice(equals + 1)])
    at += length
  }
  return found
}

function checkSum(header: Uint8Array, at: number, name: string): void {
  if (sumOf(header) !== number(header, 148, 8))
    throw damaged(name, at, 'a header has a wrong checksum')
}

/** Of the block at the start, its field for the sum taken as blanks. */
function sumOf(header: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < block; i += 1) sum += i >= 148 && i < 156 ? 0x20 : (header[i] ?? 0)
  return sum
}

function number(header: Uint8Array, start: number, length: number): number {
  if (((header[start] ?? 0) & 0x80) === 0)
    return Number.parseInt(field(header, start, length).trim() || '0', 8)
  // GNU's binary form for large numbers, and for those below zero.
  let value = header[start] === 0xff ? -1 : (header[start] ?? 0) & 0x7f
  for (let i = 1; i < length; i += 1) value = value * 256 + (header[start + i] ?? 0)
  return value
}

function field(header: Uint8Array, start: number, length: number): string {
  return string(header.subarray(start, start + length))
}

function string(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}

function damaged(name: string, at: number, why: string): AppError {
  return new AppError('build/bad-archive', `Source archive ${name}: ${why} (at byte ${at})`, {
    hints: ['Download it again, or compare it with what its project publishes.'],
  })
}
