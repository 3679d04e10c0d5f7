/**
 * How many connections there are at once, in all and of each address; what is over is closed.
 *
 * Invariant: what is over a limit ends within about a second. No address loses a connection while
 * another has more than it, so a crowd from one place costs others nothing. An IPv6 host has a
 * whole /64 to choose its addresses from, so these count together. Proxies that the configuration
 * names stand for many, and count in all only.
 * The runtime tells of requests only; Linux lists connections (proc(5), /proc/net/tcp), and closes
 * what is shut down. Elsewhere nothing is bounded here. Not here: requests at once (`crowd.ts`).
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { type Emit, readIfPresent } from '#kernel/index.ts'
import { networkOf } from './failures.ts'

const lookEveryMs = 1000
const tellEveryMs = 60_000
/** Of the files that the process may open; the rest is for blobs, databases and upstreams. */
const connectionsPart = 7 / 8
/** Of all connections, so that no address alone keeps others out. */
const addressPart = 3 / 4
const filesUsual = 100_000
const established = '01'
/** shutdown(2): both directions. */
const bothWays = 2

export interface ConnectionLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
}

export interface Connection {
  readonly address: string
  /** The socket's number. */
  readonly inode: number
}

/** What is not given: what the process may open, and three quarters of that for one address. */
export function connectionLimits(given: {
  readonly connections?: number | undefined
  readonly connectionsPerAddress?: number | undefined
}): ConnectionLimits {
  const connections = given.connections ?? Math.floor(filesMax() * connectionsPart)
  const usual = Math.max(1, Math.floor(connections * addressPart))
  return { connections, connectionsPerAddress: given.connectionsPerAddress ?? usual }
}

/** Those that have to go for the limits to hold; `trusted` addresses are counted in all only. */
export function surplus(
  connections: readonly Connection[],
  limits: ConnectionLimits,
  trusted: (address: string) => boolean,
): readonly Connection[] {
  const through = connections.filter(({ address }) => trusted(address))
  const direct = Map.groupBy(
    connections.filter(({ address }) => !trusted(address)),
    ({ address }) => networkOf(address),
  )
  const counts = [...direct.values()].map(({ length }) => length)
  const room = Math.max(0, limits.connections - through.length)
  const each = Math.min(limits.connectionsPerAddress, levelOf(counts, room))
  return [
    ...through.slice(limits.connections),
    ...[...direct.values()].flatMap((some) => some.slice(each)),
  ]
}

/** The most that each may have for all of them to have `room` at the most. */
function levelOf(counts: readonly number[], room: number): number {
  let left = room
  for (const [at, count] of counts.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(left / (counts.length - at))
    if (count > share) return share
    left -= count
  }
  return Infinity
}

export interface ConnectionWatch {
  readonly port: number
  /** What holds now; asked for at each look. */
  readonly limits: () => ConnectionLimits
  readonly trusted: (address: string) => boolean
  readonly emit: Emit
}

/** Looks at the connections to `port` every second, until it is disposed of. */
export async function watchConnections(watch: ConnectionWatch): Promise<Disposable> {
  const shut = process.platform === 'linux' ? await shutdownCall() : undefined
  if (shut === undefined) return { [Symbol.dispose]: () => undefined }
  let [closed, toldMs] = [0, -Infinity]
  const look = () => {
    const limits = watch.limits()
    // All that is open is more than what is connected, and costs nothing to count.
    const open = readdirSync('/proc/self/fd').length
    if (open <= Math.min(limits.connections, limits.connectionsPerAddress)) return
    const over = surplus(connectionsTo(watch.port), limits, watch.trusted)
    if (over.length > 0) closed += shutAll(over, shut)
    if (closed === 0 || performance.now() < toldMs + tellEveryMs) return
    const text = `${closed} connections over limits.connections were closed, of ${over[0]?.address ?? 'one'} and others`
    watch.emit({ kind: 'warning', text, hints: [] })
    closed = 0
    toldMs = performance.now()
  }
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

type Shutdown = (file: number) => void

async function shutdownCall(): Promise<Shutdown | undefined> {
  const { dlopen } = await import('bun:ffi')
  try {
    const libc = dlopen('libc.so.6', { shutdown: { args: ['i32', 'i32'], returns: 'i32' } })
    return (file) => void libc.symbols.shutdown(file, bothWays)
  } catch {
    return undefined // Another C library.
  }
}

/**
 * Connections are closed on this thread only, so none of these ends, and leaves its number to
 * another file, while this runs.
 */
function shutAll(connections: readonly Connection[], shut: Shutdown): number {
  const wanted = new Set(connections.map(({ inode }) => `socket:[${inode}]`))
  let count = 0
  for (const file of readdirSync('/proc/self/fd')) {
    if (!wanted.has(linkOf(`/proc/self/fd/${file}`))) continue
    shut(Number(file))
    count += 1
  }
  return count
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // The listing itself was one of them.
  }
}

function connectionsTo(port: number): readonly Connection[] {
  return ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap((path) => {
    const table = readIfPresent(path)
    return table === undefined ? [] : parseTable(new TextDecoder().decode(table), port)
  })
}

/** The established connections to a port, of a table as /proc/net/tcp has it. */
export function parseTable(table: string, port: number): readonly Connection[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    if (!line.includes(local)) return []
    const [, here = '', there = '', state, , , , , , inode] = line.trim().split(/\s+/)
    if (!here.endsWith(local) || state !== established) return []
    return [{ address: addressOf(there.slice(0, there.indexOf(':'))), inode: Number(inode) }]
  })
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

function filesMax(): number {
  if (process.platform !== 'linux') return filesUsual
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? filesUsual)
  return Math.min(files, filesUsual)
}
