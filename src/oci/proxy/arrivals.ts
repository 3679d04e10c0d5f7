/**
 * Blobs on their way, one download for each digest of an upstream, whoever asks and through
 * whichever repository.
 *
 * Invariant: a digest is downloaded once at a time, and the blob is linked to every repository
 * that asked for it in the meantime.
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, type Bytes, type Digest, type Emit, tryLock } from '#kernel/index.ts'
import type { Registry } from '../registry/contract.ts'
import { type Arrival, openArrival } from './arrival.ts'

/** What rests without anybody asking for it is let go after this time. */
const restMsMax = 10 * 60_000
const sweepEveryMs = 60_000
/** What is whole and becomes a blob is waited for on closing, for at most this long. */
const becomingMsMax = 10_000
const lockName = 'lock'

export interface Wanted {
  /** Tells downloads of one upstream from those of another. */
  readonly upstream: string
  readonly local: string
  readonly digest: Digest
}

export interface Arrivals {
  get(wanted: Wanted): Arrival | undefined
  /** One that the repository is known to have a part in. */
  own(wanted: Wanted): Arrival | undefined
  /** Has the repository linked as well, when the blob is here. */
  join(wanted: Wanted): void
  open(
    wanted: Wanted,
    options: {
      readonly sizeBytes: number
      readonly fetch: (start: number, failures: number, signal: AbortSignal) => Bytes
    },
  ): Arrival
  count(upstream: string): number
  close(): Promise<void>
}

export interface ArrivalsOptions {
  readonly registry: Registry
  readonly firstDelayMs: number
  readonly emit: Emit
}

interface Flight {
  readonly arrival: Arrival
  readonly upstream: string
  readonly repositories: Set<string>
}

/** Growing files lie in `arriving/` of the registry's folder. */
export function openArrivals({ registry, firstDelayMs, emit }: ArrivalsOptions): Arrivals {
  const parent = join(registry.dir, 'arriving')
  removeLeft(parent)
  let folder: OwnFolder | undefined
  const flights = new Map<string, Flight>()
  const keyOf = ({ upstream, digest }: Wanted) => `${upstream} ${digest}`
  const sweep = setInterval(() => {
    for (const { arrival } of flights.values())
      if (arrival.idleMs() > restMsMax) arrival.abandon(forgotten())
  }, sweepEveryMs)
  sweep.unref()
  return {
    get: (wanted) => flights.get(keyOf(wanted))?.arrival,
    own: (wanted) => {
      const flight = flights.get(keyOf(wanted))
      return flight?.repositories.has(wanted.local) === true ? flight.arrival : undefined
    },
    join: (wanted) => void flights.get(keyOf(wanted))?.repositories.add(wanted.local),
    open: (wanted, { sizeBytes, fetch }) => {
      const key = keyOf(wanted)
      const { digest } = wanted
      const repositories = new Set([wanted.local])
      folder ??= ownFolder(parent)
      mkdirSync(folder.path, { recursive: true })
      const name = createHash('sha256').update(key).digest('hex').slice(0, 32)
      const arrival = openArrival({
        digest,
        sizeBytes,
        path: join(folder.path, `${name}-${randomUUID()}`),
        fetch,
        firstDelayMs,
        lied: () => lied(wanted),
        adopt: async (path) => await adopt(registry, { digest, sizeBytes, path, repositories }),
      })
      flights.set(key, { arrival, upstream: wanted.upstream, repositories })
      void arrival.ended.then((failure) => {
        flights.delete(key)
        if (failure === undefined || failure.code === 'kernel/cancelled') return
        emit({ kind: 'warning', text: failure.message, hints: failure.hints })
      })
      return arrival
    },
    count: (upstream) =>
      [...flights.values()].filter((flight) => flight.upstream === upstream).length,
    close: async () => {
      clearInterval(sweep)
      const running = [...flights.values()].map(({ arrival }) => arrival)
      for (const arrival of running) arrival.abandon(forgotten())
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, becomingMsMax)
      await Promise.race([Promise.all(running.map(({ ended }) => ended)), late.promise])
      clearTimeout(timer)
      folder?.[Symbol.dispose]()
      folder = undefined
    },
  }
}

interface OwnFolder extends Disposable {
  readonly path: string
}

/** What servers left that have ended, however they did. */
function removeLeft(parent: string): void {
  if (!existsSync(parent)) return
  for (const one of readdirSync(parent, { withFileTypes: true })) {
    const path = join(parent, one.name)
    using left = one.isDirectory() ? tryLock(join(path, lockName)) : undefined
    if (left !== undefined || !one.isDirectory()) rmSync(path, { recursive: true, force: true })
  }
}

/**
 * A folder for this server alone, gone with its end: servers that share everything else may have
 * one folder.
 */
function ownFolder(parent: string): OwnFolder {
  for (;;) {
    const path = join(parent, randomUUID())
    const held = tryLock(join(path, lockName))
    // Who looks for what was left may have come between the making of the folder and its lock.
    if (held === undefined || !existsSync(held.path)) continue
    const ending = new DisposableStack()
    ending.use(held)
    ending.defer(() => rmSync(path, { recursive: true, force: true }))
    return { path, [Symbol.dispose]: () => ending.dispose() }
  }
}

interface Adopting {
  readonly digest: Digest
  readonly sizeBytes: number
  readonly path: string
  readonly repositories: ReadonlySet<string>
}

async function adopt(registry: Registry, adopting: Adopting): Promise<void> {
  const { digest, sizeBytes, path, repositories } = adopting
  const done = new Set<string>()
  // Others may join while the first is linked.
  for (let next = first(repositories, done); next !== undefined; next = first(repositories, done)) {
    done.add(next)
    const [source] = done
    if (source === next) await registry.adoptBlob(next, { digest, sizeBytes, path })
    else if (source !== undefined)
      await registry.mount(next, { digest, from: source, mayRead: () => true })
  }
}

function first(all: ReadonlySet<string>, done: ReadonlySet<string>): string | undefined {
  return [...all].find((one) => !done.has(one))
}

function lied({ upstream, digest }: Wanted): AppError {
  return new AppError(
    'oci/digest-invalid',
    `The upstream '${upstream}' sent bytes that are not ${digest}; nothing of them was kept`,
    { hints: ['The upstream or a proxy before it holds damaged content. Tell its owner.'] },
  )
}

function forgotten(): AppError {
  return new AppError('kernel/cancelled', 'The download was given up')
}
