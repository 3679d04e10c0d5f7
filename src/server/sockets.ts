/**
 * What Linux tells of TCP sockets, and the calls on them that the runtime lacks.
 *
 * Invariant: where another system, or another C library, has neither, nothing is found and nothing
 * is done. Files are closed on this thread only, so a number that was looked up stays that socket's
 * until the caller waits for something.
 * Source: proc(5), /proc/net/tcp; shutdown(2); tcp(7), TCP_CONGESTION; socket(7),
 * SO_ATTACH_REUSEPORT_CBPF; <linux/filter.h>.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import { readIfPresent } from '#kernel/index.ts'

const bothWays = 2
const levelSocket = 1
const optionReusePortProgram = 51
const protocolTcp = 6
const optionCongestion = 13

/** As the table writes them. */
const states = { established: '01', listening: '0A' } as const

export type SocketState = keyof typeof states

export interface TcpSocket {
  /** Of the other end; of what listens, its own. */
  readonly address: string
  /** The socket's number. */
  readonly inode: number
}

/** By the number of the open file. */
export interface SocketCalls {
  /** Ends a connection in both directions. */
  shutdown(file: number): void
  /** Chooses what decides how fast is sent; what the system does not allow changes nothing. */
  setCongestionControl(file: number, name: string): void
  /** Of those that listen at one address, the one that gets new connections; 0 came first. */
  leadConnectionsTo(file: number, place: number): void
}

/** Absent elsewhere than on Linux, and with another C library than glibc. */
export async function socketCalls(): Promise<SocketCalls | undefined> {
  if (process.platform !== 'linux') return undefined
  const { dlopen, ptr } = await import('bun:ffi')
  try {
    const { symbols } = dlopen('libc.so.6', {
      shutdown: { args: ['i32', 'i32'], returns: 'i32' },
      setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
    })
    return {
      shutdown: (file) => void symbols.shutdown(file, bothWays),
      setCongestionControl: (file, name) => {
        const value = Buffer.from(name)
        symbols.setsockopt(file, protocolTcp, optionCongestion, value, value.byteLength)
      },
      leadConnectionsTo: (file, place) => {
        const filter = returning(place)
        const program = Buffer.alloc(16) // struct sock_fprog: a count, room, an address
        program.writeUInt16LE(1, 0)
        program.writeBigUInt64LE(BigInt(ptr(filter)), 8)
        symbols.setsockopt(file, levelSocket, optionReusePortProgram, program, program.byteLength)
      },
    }
  } catch {
    return undefined
  }
}

/** The one instruction of a packet filter that answers with a number: struct sock_filter. */
function returning(value: number): Buffer {
  const instruction = Buffer.alloc(8)
  instruction.writeUInt16LE(0x06, 0) // BPF_RET | BPF_K
  instruction.writeUInt32LE(value, 4)
  return instruction
}

/** The sockets of a port of this machine, or of its network namespace, whosever they are. */
export function socketsAt(port: number, state: SocketState): readonly TcpSocket[] {
  return ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap((path) => {
    const table = readIfPresent(path)
    return table === undefined ? [] : parseTable(new TextDecoder().decode(table), { port, state })
  })
}

/** The sockets in a state whose own port this is, of a table as /proc/net/tcp has it. */
export function parseTable(
  table: string,
  wanted: { readonly port: number; readonly state: SocketState },
): readonly TcpSocket[] {
  const port = `:${wanted.port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    if (!line.includes(port)) return []
    const [, here = '', there = '', state, , , , , , inode] = line.trim().split(/\s+/)
    if (!here.endsWith(port) || state !== states[wanted.state]) return []
    const end = wanted.state === 'listening' ? here : there
    return [{ address: addressOf(end.slice(0, end.indexOf(':'))), inode: Number(inode) }]
  })
}

/** The open files of this process that are one of these sockets. */
export function filesOf(sockets: readonly TcpSocket[]): readonly number[] {
  const wanted = new Set(sockets.map(({ inode }) => `socket:[${inode}]`))
  return readdirSync('/proc/self/fd')
    .filter((file) => wanted.has(linkOf(`/proc/self/fd/${file}`)))
    .map(Number)
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // The listing itself was one of them.
  }
}

/** Words of 32 bits, each with its lowest byte first. */
function addressOf(words: string): string {
  const bytes = (words.match(/.{8}/g) ?? []).flatMap((word) =>
    [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)),
  )
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0)
  if (bytes.length === 4) return bytes.join('.')
  if (isMapped && bytes[10] === 255 && bytes[11] === 255) return bytes.slice(12).join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  )
  return groups.join(':')
}
