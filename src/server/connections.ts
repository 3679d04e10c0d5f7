/**
 * How many connections there are at once, in all and of each address; what is over is closed.
 *
 * Invariant: what is over a limit ends within about a second. No address loses a connection while
 * another has more than it, so a crowd from one place costs others nothing. An IPv6 host has a
 * whole /64 to choose its addresses from, so these count together. Proxies that the configuration
 * names stand for many, and count in all only.
 * The runtime tells of requests only; Linux lists connections, and closes what is shut down
 * (`sockets.ts`). Elsewhere nothing is bounded here. Not here: requests at once (`crowd.ts`).
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { Emit } from '#kernel/index.ts'
import { networkOf } from './failures.ts'
import { filesOf, type SocketCalls, socketsAt, type TcpSocket } from './sockets.ts'

const lookEveryMs = 1000
const tellEveryMs = 60_000
/** Of the files that the process may open; the rest is for blobs, databases and upstreams. */
const connectionsPart = 7 / 8
/** Of all connections, so that no address alone keeps others out. */
const addressPart = 3 / 4
const filesUsual = 100_000

export interface ConnectionLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
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
  connections: readonly TcpSocket[],
  limits: ConnectionLimits,
  trusted: (address: string) => boolean,
): readonly TcpSocket[] {
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
  /** Without these nothing is watched. */
  readonly calls: SocketCalls | undefined
  /** What holds now; asked for at each look. */
  readonly limits: () => ConnectionLimits
  readonly trusted: (address: string) => boolean
  readonly emit: Emit
}

/** Looks at the connections to `port` every second, until it is disposed of. */
export function watchConnections(watch: ConnectionWatch): Disposable {
  const { calls } = watch
  if (calls === undefined) return { [Symbol.dispose]: () => undefined }
  let [closed, toldMs] = [0, -Infinity]
  const look = () => {
    const limits = watch.limits()
    // All that is open is more than what is connected, and costs nothing to count.
    const open = readdirSync('/proc/self/fd').length
    if (open <= Math.min(limits.connections, limits.connectionsPerAddress)) return
    const over = surplus(socketsAt(watch.port, 'established'), limits, watch.trusted)
    const files = over.length > 0 ? filesOf(over) : []
    for (const file of files) calls.shutdown(file)
    closed += files.length
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

function filesMax(): number {
  if (process.platform !== 'linux') return filesUsual
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const files = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? filesUsual)
  return Math.min(files, filesUsual)
}
