/**
 * Reads the parts of ELF files that decide how they load: names, search paths, symbol versions.
 *
 * Invariant: every offset is checked against the file before it is followed; a damaged file is an
 * error with a name, never a crash or a loop.
 * Source: System V gABI, "Dynamic Section"; LSB 5.0, "Symbol Versioning".
 * Not here: what the values should be (`rpath.ts`, `interface.ts`).
 */
import { AppError } from '#kernel/index.ts'

/** A string in the file and the place where its bytes are. */
export interface PlacedString {
  readonly text: string
  readonly offset: number
}

export interface ElfFile {
  readonly machine: number
  readonly bits: 32 | 64
  readonly type: 'executable' | 'shared' | 'other'
  readonly soname: string | undefined
  readonly needed: readonly string[]
  /** DT_RUNPATH, else DT_RPATH. */
  readonly runpath: PlacedString | undefined
  /** Versions wanted from libraries: `libc.so.6` → `GLIBC_2.17`, … */
  readonly wants: readonly { readonly library: string; readonly version: string }[]
  /** Defined dynamic symbols that others can bind to, as `name` or `name@VERSION`; unsorted. */
  readonly exported: readonly string[]
}

const DT = {
  needed: 1n,
  strtab: 5n,
  symtab: 6n,
  soname: 14n,
  rpath: 15n,
  runpath: 29n,
  versym: 0x6ffffff0n,
  verdef: 0x6ffffffcn,
  verdefnum: 0x6ffffffdn,
  verneed: 0x6ffffffen,
  verneednum: 0x6fffffffn,
} as const

const PT_LOAD = 1
const PT_DYNAMIC = 2
const SHT_DYNSYM = 11

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly fileSize: number
}

/** Whether the bytes begin like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
}

/**
 * Parses an ELF file (little or big endian, 32 or 64 bits).
 * @returns undefined where the bytes are not ELF.
 * @throws AppError `build/bad-elf`
 */
export function readElf(bytes: Uint8Array, path: string): ElfFile | undefined {
  if (!isElf(bytes)) return undefined
  try {
    return parse(bytes)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new AppError('build/bad-elf', `${path} is a damaged ELF file: ${error.message}`, {
      hints: ['Was it cut short, or written by a step that failed silently?'],
      cause: error,
    })
  }
}

/** Fields of either class and byte order at checked offsets. */
function reader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wide = bytes[4] === 2
  const little = bytes[5] === 1
  const u8 = (at: number) => view.getUint8(at)
  const u16 = (at: number) => view.getUint16(at, little)
  const u32 = (at: number) => view.getUint32(at, little)
  const u64 = (at: number) => view.getBigUint64(at, little)
  const word = (at: number) => (wide ? Number(u64(at)) : u32(at))
  const string = (at: number) => {
    const end = bytes.indexOf(0, at)
    if (at < 0 || at >= bytes.length || end < 0) throw new RangeError(`no string at ${at}`)
    return new TextDecoder().decode(bytes.subarray(at, end))
  }
  return { wide, u8, u16, u32, u64, word, string, length: bytes.byteLength }
}
type Reader = ReturnType<typeof reader>

function parse(bytes: Uint8Array): ElfFile {
  const r = reader(bytes)
  const type = r.u16(16)
  const segments = programHeaders(r)
  const fileOffset = (address: number) => {
    const found = segments.find(
      (s) => s.type === PT_LOAD && address >= s.address && address < s.address + s.fileSize,
    )
    if (found === undefined) throw new RangeError(`nothing is loaded at ${address}`)
    return address - found.address + found.offset
  }
  const entries = dynamicEntries(r, segments)
  const first = (tag: bigint) => entries.find(([key]) => key === tag)?.[1]
  const strtab = first(DT.strtab)
  const strings = strtab === undefined ? 0 : fileOffset(strtab)
  const placed = (tag: bigint): PlacedString | undefined => {
    const at = first(tag)
    return at === undefined ? undefined : { text: r.string(strings + at), offset: strings + at }
  }
  const at = (tag: bigint) => {
    const address = first(tag)
    return address === undefined ? undefined : fileOffset(address)
  }
  const defined = definitions(r, { at: at(DT.verdef), count: first(DT.verdefnum) ?? 0, strings })
  return {
    machine: r.u16(18),
    bits: r.wide ? 64 : 32,
    type: type === 2 ? 'executable' : type === 3 ? 'shared' : 'other',
    soname: placed(DT.soname)?.text,
    needed: entries.filter(([tag]) => tag === DT.needed).map(([, v]) => r.string(strings + v)),
    runpath: placed(DT.runpath) ?? placed(DT.rpath),
    wants: wanted(r, { at: at(DT.verneed), count: first(DT.verneednum) ?? 0, strings }),
    exported: symbols(r, { versym: at(DT.versym), defined, strings }),
  }
}

function programHeaders(r: Reader): Segment[] {
  const start = r.word(r.wide ? 32 : 28)
  const size = r.u16(r.wide ? 54 : 42)
  const count = r.u16(r.wide ? 56 : 44)
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size
    return r.wide
      ? {
          type: r.u32(at),
          offset: r.word(at + 8),
          address: r.word(at + 16),
          fileSize: r.word(at + 32),
        }
      : {
          type: r.u32(at),
          offset: r.word(at + 4),
          address: r.word(at + 8),
          fileSize: r.word(at + 16),
        }
  })
}

function dynamicEntries(r: Reader, segments: readonly Segment[]): [bigint, number][] {
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC)
  if (dynamic === undefined) return []
  const size = r.wide ? 16 : 8
  const entries: [bigint, number][] = []
  for (let at = dynamic.offset; at + size <= dynamic.offset + dynamic.fileSize; at += size) {
    const tag = r.wide ? r.u64(at) : BigInt(r.u32(at))
    if (tag === 0n) break
    entries.push([tag, r.word(at + size / 2)])
  }
  return entries
}

interface VersionTable {
  readonly at: number | undefined
  readonly count: number
  readonly strings: number
}

/** DT_VERNEED: a list of libraries, each with a list of versions. */
function wanted(r: Reader, table: VersionTable): ElfFile['wants'] {
  const found: { library: string; version: string }[] = []
  let at = table.at ?? 0
  for (let i = 0; table.at !== undefined && i < Math.min(table.count, 4096); i += 1) {
    const library = r.string(table.strings + r.u32(at + 4))
    let aux = at + r.u32(at + 8)
    for (let j = 0; j < r.u16(at + 2); j += 1) {
      found.push({ library, version: r.string(table.strings + r.u32(aux + 8)) })
      aux += r.u32(aux + 12)
    }
    at += r.u32(at + 12)
  }
  return found
}

/** DT_VERDEF: index of a version → its name. */
function definitions(r: Reader, table: VersionTable): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  let at = table.at ?? 0
  for (let i = 0; table.at !== undefined && i < Math.min(table.count, 65_536); i += 1) {
    const isBase = (r.u16(at + 2) & 1) !== 0
    const aux = at + r.u32(at + 12)
    if (!isBase) found.set(r.u16(at + 4), r.string(table.strings + r.u32(aux)))
    at += r.u32(at + 16)
  }
  return found
}

/** Global and weak symbols of .dynsym that are defined here and visible. */
function symbols(
  r: Reader,
  from: {
    versym: number | undefined
    defined: ReadonlyMap<number, string>
    strings: number
  },
): string[] {
  const table = sectionOfType(r, SHT_DYNSYM)
  if (table === undefined) return []
  const size = r.wide ? 24 : 16
  const found: string[] = []
  for (let i = 1; i < Math.floor(table.size / size); i += 1) {
    const at = table.offset + i * size
    const info = at + (r.wide ? 4 : 12)
    const section = r.u16(info + 2)
    const binding = r.u8(info) >> 4
    const visibility = r.u8(info + 1) & 3
    if (section === 0 || (binding !== 1 && binding !== 2 && binding !== 10)) continue
    if (visibility === 1 || visibility === 2) continue
    const name = r.string(from.strings + r.u32(at))
    const version =
      from.versym === undefined ? undefined : from.defined.get(r.u16(from.versym + i * 2) & 0x7fff)
    found.push(version === undefined ? name : `${name}@${version}`)
  }
  return found
}

function sectionOfType(r: Reader, type: number): { offset: number; size: number } | undefined {
  const start = r.word(r.wide ? 40 : 32)
  const size = r.u16(r.wide ? 58 : 46)
  const count = r.u16(r.wide ? 60 : 48)
  if (start === 0) return undefined
  for (let i = 0; i < count; i += 1) {
    const at = start + i * size
    if (r.u32(at + 4) !== type) continue
    return r.wide
      ? { offset: r.word(at + 24), size: r.word(at + 32) }
      : { offset: r.word(at + 16), size: r.word(at + 20) }
  }
  return undefined
}
