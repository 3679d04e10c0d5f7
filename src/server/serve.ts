/**
 * `backlot serve`: the app behind Bun's HTTP server, with bounded everything.
 *
 * Not here: signals and argv (`main.ts`, `#cli`).
 */
import { hostname } from 'node:os'
import { type Clock, silent, systemClock } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import {
  openRegistry,
  openTraffic,
  pullThrough,
  type PullThrough,
  type Registry,
  servicePlace,
  type TrafficLog,
} from '#oci/index.ts'
import { type Answering, answeringBy } from './answering.ts'
import type { RegistryAppOptions } from './app.ts'
import { readCertificate, type Tls, watchCertificate } from './certificate.ts'
import { connectionLimits, watchConnections } from './connections.ts'
import { exposures } from './exposure.ts'
import { outsideOf } from './forwarded.ts'
import { listenAt } from './listener.ts'
import { openMeter } from './meter.ts'
import { reloadable } from './reload.ts'
import { socketCalls } from './sockets.ts'
import { storageOf } from './storage.ts'
import { upstreamsOf } from './upstreams.ts'

const idleMs = 120_000
const drainMs = 10_000

export interface ServeOptions extends Pick<RegistryAppOptions, 'emit' | 'proxy'> {
  readonly dir: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  readonly clock?: Clock
  /** What registry.yaml says; `host` and `port` here come before it. */
  readonly config?: RegistryConfig
  /** What paths in the configuration are relative to. */
  readonly folder?: string
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string
  /** Host and port, as references write them. */
  readonly registry: string
  readonly port: number
  /** Runs the lists under `sync:` that are due now, without waiting for the next look. */
  runDueLists(): Promise<void>
  /**
   * Takes a changed configuration, and a changed certificate, without letting go of a connection.
   * @returns keys that count only after a new start
   * @throws AppError for what cannot be used; then all stays as it was
   */
  reload(config: RegistryConfig): Promise<readonly string[]>
  /** Ends requests in flight after a grace (`limits.drain`) and closes the registry. */
  stop(): Promise<void>
}

/**
 * Serves the registry in `dir` until stopped.
 * @throws AppError `kernel/locked`, `kernel/read-only`, `oci/port-taken`, `oci/bad-certificate`
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { dir, host = '127.0.0.1', emit = silent, folder = dir, clock = systemClock } = options
  let { config = {} } = options
  const files = config.listen?.tls === undefined ? undefined : { ...config.listen.tls, folder }
  const tls = files === undefined ? undefined : readCertificate(files)
  const scheme = tls === undefined ? 'http' : 'https'
  const own = `${scheme}://${authorityOf(host, options.port)}`
  const { answering, close } = await openAnswering(options, own)
  const idleSeconds = Math.ceil((config.limits?.['idle-timeout'] ?? idleMs) / 1000)
  const graceMs = config.limits?.drain ?? drainMs
  const calls = await socketCalls()
  const listener = await orClosed(close, () =>
    listenAt({ host, port: options.port, tls, idleSeconds, graceMs, app: answering, calls }),
  )
  const changed = (renewed: Tls) => listener.renew(renewed)
  const certificate = files && tls && watchCertificate(files, tls, { changed, emit, clock })
  for (const exposure of exposures({ host, config, dir, folder }))
    emit({ kind: 'warning', ...exposure })
  const { port } = listener
  const connections = watchConnections({
    port,
    calls,
    limits: () => limitsOf(config),
    trusted: (address) => outsideOf({ ...config.listen, own }).isProxy(address),
    emit,
  })
  const address = authorityOf(host, port)
  let stopping: Promise<void> | undefined
  const stop = async () => {
    certificate?.[Symbol.dispose]()
    await listener.stop()
    connections[Symbol.dispose]()
    await close()
  }
  const stopOnce = () => (stopping ??= stop())
  return {
    url: `${scheme}://${address}`,
    registry: address,
    port,
    runDueLists: () => answering.runDueLists(),
    reload: async (wanted) => {
      const next = reloadable(config, wanted)
      certificate?.look()
      await answering.replace(next.config)
      config = next.config
      return next.later
    },
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  }
}

/** The routes over everything that the configuration names. @param own The URL of the listener. */
async function openAnswering(
  options: ServeOptions,
  own: string,
): Promise<{ readonly answering: Answering; readonly close: () => Promise<void> }> {
  const { dir, clock = systemClock, emit = silent, config = {}, folder = dir } = options
  const blobBytesMax = config.limits?.blob
  const storage = storageOf(config.storage, folder)
  const registry = await openRegistry({
    dir,
    clock,
    ...(blobBytesMax === undefined ? {} : { blobBytesMax }),
    ...storage,
  })
  // What is opened later is closed earlier.
  const parts = new AsyncDisposableStack()
  parts.defer(() => registry.close())
  const close = async () => await parts.disposeAsync()
  return await orClosed(close, async () => {
    const { database } = registry
    // Servers of one machine are told apart by a port that stays the same.
    const server = options.port === 0 ? hostname() : `${hostname()}:${options.port}`
    const traffic = await openTraffic({ database, clock, emit, server })
    // What is lost when that fails are some seconds of counts.
    parts.defer(async () => await traffic.close().catch(() => undefined))
    const proxy = proxyOf(registry, traffic, options)
    parts.defer(async () => await proxy?.close())
    const meter = openMeter(traffic, clock.nowMs())
    const accounts = servicePlace({ dir, ...storage })
    const ground = { registry, accounts, traffic, proxy, meter, clock, emit, own, folder }
    const answering = await answeringBy(config, ground)
    parts.defer(() => answering.close())
    return { answering, close }
  })
}

/** What `work` gives; what was opened before it is closed when it fails. */
async function orClosed<T>(close: () => Promise<void>, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await close()
    throw error
  }
}

/** The cache of other registries, when registry.yaml names some. */
function proxyOf(
  registry: Registry,
  traffic: TrafficLog,
  options: ServeOptions,
): PullThrough | undefined {
  const { config, folder = '.', clock, emit } = options
  if (options.proxy !== undefined || config?.upstreams === undefined) return options.proxy
  return pullThrough({
    registry,
    upstreams: upstreamsOf(config.upstreams, folder),
    heard: ({ upstream, method, status, bytes: receivedBytes }) =>
      traffic.countUpstream({ upstream, method, status, receivedBytes }),
    ...(config.limits?.blob === undefined ? {} : { blobBytesMax: config.limits.blob }),
    ...(clock === undefined ? {} : { clock }),
    ...(emit === undefined ? {} : { emit }),
  })
}

function limitsOf({ limits }: RegistryConfig) {
  return connectionLimits({
    connections: limits?.connections,
    connectionsPerAddress: limits?.['connections-per-address'],
  })
}

function authorityOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
