/**
 * Tar headers: ustar, with pax records for what ustar cannot hold.
 *
 * Invariant: equal entries give equal bytes. Owner 0:0, no names of users, one time for all.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
 */

/** What a header says. */
export interface TarHeader {
  readonly type: 'file' | 'dir' | 'symlink'
  /** As it goes into the archive; a folder ends with a slash. */
  readonly name: string
  readonly target?: string | undefined
  readonly size: number
  readonly executable: boolean
  readonly epochSeconds: number
}

const ustarNameBytes = 100
const ustarSizeMax = 8 ** 11 - 1
const blank = blankHeader()
const blankSum = sumOf(blank, 0, blank.byteLength)
const flags = { file: '0', symlink: '2', dir: '5', pax: 'x' } as const

/** Upper bound of the bytes that `writeHeader` writes. */
export function headerBytesMax(name: string, target = ''): number {
  const text = name.length + target.length
  return name.length <= 33 && target.length <= 33 ? 512 : 512 + 512 + roundUp(3 * text + 128)
}

/** Rounds up to whole tar blocks. */
export function roundUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 512) * 512
}

/** Writes a header (and a pax header before it when needed); gives the offset after it. */
export function writeHeader(into: Buffer, at: number, header: TarHeader): number {
  const records: [string, string][] = []
  if (!fitsUstar(header.name)) records.push(['path', header.name])
  if (header.target !== undefined && !fitsUstar(header.target))
    records.push(['linkpath', header.target])
  if (header.size > ustarSizeMax) records.push(['size', String(header.size)])
  let next = at
  if (records.length > 0) {
    const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''))
    writeBlock(into, next, { ...header, name: 'pax', target: '', size: body.byteLength }, 'pax')
    next += 512
    into.fill(0, next, next + roundUp(body.byteLength))
    body.copy(into, next)
    next += roundUp(body.byteLength)
  }
  writeBlock(into, next, header, header.type)
  return next + 512
}

function fitsUstar(text: string): boolean {
  if (text.length > ustarNameBytes) return false
  for (let index = 0; index < text.length; index += 1)
    if (text.charCodeAt(index) > 0x7e) return false
  return true
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

function writeBlock(
  into: Buffer,
  at: number,
  header: TarHeader,
  kind: 'file' | 'dir' | 'symlink' | 'pax',
): void {
  const size = header.size > ustarSizeMax ? 0 : header.size
  const mode = kind === 'symlink' ? 0o777 : kind === 'dir' || header.executable ? 0o755 : 0o644
  into.set(blank, at)
  const nameEnd = at + into.write(short(header.name), at, ustarNameBytes, 'latin1')
  octal(into, at + 100, kind === 'pax' ? 0o644 : mode, 7)
  octal(into, at + 124, size, 11)
  octal(into, at + 136, header.epochSeconds, 11)
  into.write(flags[kind], at + 156, 'latin1')
  let targetEnd = at + 157
  if (header.target !== undefined)
    targetEnd += into.write(short(header.target), at + 157, ustarNameBytes, 'latin1')
  const sum =
    blankSum +
    sumOf(into, at, nameEnd) +
    sumOf(into, at + 100, at + 107) +
    sumOf(into, at + 124, at + 147) +
    sumOf(into, at + 156, targetEnd)
  octal(into, at + 148, sum, 6)
  into[at + 154] = 0
}

/** The checksum is a plain sum, so what is blank in every header need not be added again. */
function sumOf(bytes: Buffer, start: number, end: number): number {
  let sum = 0
  for (let index = start; index < end; index += 1) sum += bytes[index] ?? 0
  return sum
}

/** What old readers see of a name that only the pax record holds in full. */
function short(text: string): string {
  return fitsUstar(text) ? text : text.replaceAll(/[^\x20-\x7e]/g, '_').slice(0, ustarNameBytes)
}

function octal(into: Buffer, at: number, value: number, width: number): void {
  let rest = value
  for (let index = at + width - 1; index >= at; index -= 1) {
    into[index] = 48 + (rest % 8)
    rest = Math.floor(rest / 8)
  }
}

/** What all headers have in common: no owner, no device, a checksum of spaces. */
function blankHeader(): Buffer {
  const block = Buffer.alloc(512)
  block.write('0000000\x000000000\x00', 108, 'latin1')
  block.write('        ', 148, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write('0000000\x000000000\x00', 329, 'latin1')
  return block
}
