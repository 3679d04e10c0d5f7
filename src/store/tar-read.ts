/**
 * Reading a tar that comes in segments, without trust: headers out, file bytes as ranges.
 *
 * Holds one header and at most one pax body. Knows ustar, old GNU names and sizes, and pax; what
 * could hide content (sparse files, global records, bytes after the end) is refused.
 * Source: POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format". Not here: which names are allowed.
 */
import { refused } from './errors.ts'

/** What a header says; names are as they are in the archive. */
export interface TarEntry {
  readonly type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'device'
  readonly name: string
  readonly target: string
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
}

export interface TarHandler {
  entry(entry: TarEntry): void
  /** Bytes of the file of the last entry, `[start, end)` of the segment that was pushed. */
  data(range: { start: number; end: number; begins: boolean; ends: boolean }): void
}

export interface TarReader {
  push(segment: Uint8Array): void
  /** @throws AppError `store/layer-truncated` when the archive did not end. */
  finish(): void
}

const bodyBytesMax = 1024 * 1024
const decoder = new TextDecoder('utf-8')

interface State {
  mode: 'header' | 'data' | 'body' | 'skip' | 'end'
  /** Bytes left of the data, body or padding. */
  left: number
  padding: number
  /** Parts of a header or body that spans segments. */
  carry: Uint8Array[]
  carried: number
  bodyKind: string
  begins: boolean
  zeroBlocks: number
  pax: Map<string, string>
  /** Kinds of the headers that wait for the next entry. */
  headers: string
}

/** Starts a reader. Its methods throw AppError `store/layer-corrupt`, `store/layer-unsupported`. */
export function tarReader(handler: TarHandler): TarReader {
  const state: State = {
    mode: 'header',
    left: 512,
    padding: 0,
    carry: [],
    carried: 0,
    bodyKind: '',
    begins: false,
    zeroBlocks: 0,
    pax: new Map(),
    headers: '',
  }
  return {
    push: (segment) => {
      const bytes = Buffer.from(segment.buffer, segment.byteOffset, segment.byteLength)
      for (let at = 0; at < bytes.byteLength; ) at = step(state, bytes, at, handler)
    },
    finish: () => {
      if (state.mode !== 'end' || state.zeroBlocks < 2)
        throw refused('store/layer-truncated', 'its archive has no end')
    },
  }
}

/** Takes what it can from `at`; gives where to go on. */
function step(state: State, bytes: Buffer, at: number, handler: TarHandler): number {
  switch (state.mode) {
    case 'header':
    case 'body': {
      const next = Math.min(at + state.left, bytes.byteLength)
      const whole = gather(state, bytes.subarray(at, next))
      if (whole !== undefined && state.mode === 'header') readHeader(state, whole, handler)
      else if (whole !== undefined) readBody(state, whole)
      return next
    }
    case 'data': {
      const next = Math.min(at + state.left, bytes.byteLength)
      state.left -= next - at
      const ends = state.left === 0
      handler.data({ start: at, end: next, begins: state.begins, ends })
      state.begins = false
      if (ends) skipPadding(state)
      return next
    }
    case 'skip': {
      const next = Math.min(at + state.left, bytes.byteLength)
      state.left -= next - at
      if (state.left === 0) expectHeader(state)
      return next
    }
    case 'end': {
      for (let index = at; index < bytes.byteLength; index += 1)
        if (bytes[index] !== 0)
          throw refused('store/layer-corrupt', 'its archive has content after its end')
      state.zeroBlocks += (bytes.byteLength - at) / 512
      return bytes.byteLength
    }
  }
}

function gather(state: State, part: Buffer): Buffer | undefined {
  state.left -= part.byteLength
  if (state.left > 0 || state.carried > 0) {
    state.carry.push(Uint8Array.from(part))
    state.carried += part.byteLength
  }
  if (state.left > 0) return undefined
  if (state.carried === 0) return part
  const whole = Buffer.concat(state.carry)
  state.carry = []
  state.carried = 0
  return whole
}

function expectHeader(state: State): void {
  state.mode = 'header'
  state.left = 512
}

function skipPadding(state: State): void {
  state.left = state.padding
  state.mode = 'skip'
  if (state.left === 0) expectHeader(state)
}

function readHeader(state: State, block: Buffer, handler: TarHandler): void {
  if (block[0] === 0 && isZero(block)) {
    state.mode = 'end'
    state.zeroBlocks = 1
    return
  }
  checkSum(block)
  const kind = String.fromCharCode(block[156] ?? 0)
  if (kind === 'x' || kind === 'L' || kind === 'K' || kind === 'g') {
    const size = number(block, 124, 12)
    if (size > bodyBytesMax) throw refused('store/layer-corrupt', 'it has a header of over 1 MiB')
    state.bodyKind = kind
    state.mode = 'body'
    state.left = size
    state.padding = (512 - (size % 512)) % 512
    if (size === 0) readBody(state, block.subarray(0, 0))
    return
  }
  const entry = entryOf(block, kind, state.pax)
  state.pax = new Map()
  state.headers = ''
  handler.entry(entry)
  state.padding = (512 - (entry.size % 512)) % 512
  state.left = entry.size
  state.begins = true
  if (entry.size > 0) state.mode = 'data'
  else expectHeader(state)
  if (entry.size === 0 && entry.type === 'file')
    handler.data({ start: 0, end: 0, begins: true, ends: true })
}

function entryOf(block: Buffer, kind: string, pax: ReadonlyMap<string, string>): TarEntry {
  const name = pax.get('path') ?? headerName(block)
  const type = typeOf(kind, name)
  const paxSize = pax.get('size')
  const size = paxSize === undefined ? number(block, 124, 12) : decimal(paxSize)
  if (type !== 'file' && size !== 0)
    throw refused('store/layer-corrupt', `it has a ${type} entry with content`)
  return {
    type,
    name,
    target: pax.get('linkpath') ?? text(block, 157, 100),
    size,
    mode: number(block, 100, 8),
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    mtime: number(block, 136, 12),
  }
}

function typeOf(kind: string, name: string): TarEntry['type'] {
  switch (kind) {
    case '0':
    case '\0':
      return name.endsWith('/') ? 'dir' : 'file'
    case '1':
      return 'hardlink'
    case '2':
      return 'symlink'
    case '3':
    case '4':
    case '6':
      return 'device'
    case '5':
      return 'dir'
    default:
      throw refused('store/layer-unsupported', `it has an entry of type ${JSON.stringify(kind)}`)
  }
}

function readBody(state: State, body: Buffer): void {
  const kind = state.bodyKind
  // Readers differ in which header counts, so that they would see different files.
  if (state.headers.includes(kind) || (kind === 'g' && state.headers !== ''))
    throw refused('store/layer-corrupt', 'it has two headers for one entry')
  if (kind !== 'g') state.headers += kind
  if (kind === 'L' || kind === 'K')
    setPax(state, kind === 'L' ? 'path' : 'linkpath', text(body, 0, body.byteLength))
  else
    for (const [key, value] of paxRecords(body)) {
      checkRecord(key, kind)
      if (kind === 'x') setPax(state, key, value)
    }
  skipPadding(state)
}

function setPax(state: State, key: string, value: string): void {
  if (state.pax.has(key))
    throw refused('store/layer-corrupt', `it says ${JSON.stringify(key)} twice for one entry`)
  state.pax.set(key, value)
}

const capability = /\.xattr\.security\.capability$/
const overlay = /\.xattr\.(?:trusted|user)\.(?:fuse)?overlay/

function checkRecord(key: string, kind: string): void {
  if (capability.test(key)) throw refused('store/layer-setuid', 'it gives a file capabilities')
  if (overlay.test(key))
    throw refused('store/layer-whiteout', 'it hides files of another layer by an attribute')
  if (key.startsWith('GNU.sparse.') || (kind === 'g' && key !== 'comment'))
    throw refused('store/layer-unsupported', `it uses the pax record ${JSON.stringify(key)}`)
}

function* paxRecords(body: Buffer): Generator<[string, string]> {
  for (let at = 0; at < body.byteLength; ) {
    const space = body.indexOf(32, at)
    const length = space < 0 ? Number.NaN : decimal(body.toString('latin1', at, space))
    const equals = body.indexOf(61, space)
    const end = at + length
    if (!(end <= body.byteLength) || equals < 0 || equals >= end || body[end - 1] !== 10)
      throw refused('store/layer-corrupt', 'it has a broken pax header')
    yield [body.toString('utf8', space + 1, equals), decode(body.subarray(equals + 1, end - 1))]
    at = end
  }
}

function headerName(block: Buffer): string {
  const name = text(block, 0, 100)
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isUstar && block[345] !== 0 ? text(block, 345, 155) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Up to the first NUL; NULs with more text after them are for the reader of a pax record only. */
function text(bytes: Buffer, start: number, length: number): string {
  const nul = bytes.indexOf(0, start)
  const end = nul < 0 || nul > start + length ? start + length : nul
  return decode(bytes.subarray(start, end))
}

/** Bytes that are not UTF-8 become U+FFFD, which no name may hold. */
function decode(bytes: Buffer): string {
  for (const byte of bytes) if (byte > 127) return decoder.decode(bytes)
  return bytes.toString('latin1', 0, bytes.byteLength)
}

function number(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f
    for (let index = start + 1; index < start + length; index += 1)
      value = value * 256 + (block[index] ?? 0)
    return safe(value)
  }
  let at = start
  let end = start + length
  while (at < end && isBlank(block[at])) at += 1
  while (end > at && isBlank(block[end - 1])) end -= 1
  let value = 0
  for (; at < end; at += 1) {
    const digit = (block[at] ?? 0) - 48
    if (digit < 0 || digit > 7) throw refused('store/layer-corrupt', 'it has a broken header')
    value = value * 8 + digit
  }
  return safe(value)
}

/** Numbers are padded with spaces or NULs, on either side. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0 || byte === 32
}

function decimal(digits: string): number {
  if (!/^\d{1,16}$/.test(digits)) throw refused('store/layer-corrupt', 'it has a broken pax header')
  return safe(Number(digits))
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw refused('store/layer-corrupt', 'it has a huge number')
  return value
}

function checkSum(block: Buffer): void {
  let sum = 8 * 32
  for (let index = 0; index < 148; index += 1) sum += block[index] ?? 0
  for (let index = 156; index < 512; index += 1) sum += block[index] ?? 0
  if (sum !== number(block, 148, 8))
    throw refused('store/layer-corrupt', 'it has a header with a wrong checksum')
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0)
}
