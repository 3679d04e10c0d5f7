/**
 * `backlot serve`: the app behind Bun's HTTP server, with bounded everything.
 *
 * Not here: signals and argv (`main.ts`, `#cli`).
 */
import { hostname } from 'node:os'
import { AppError, type Clock, silent, systemClock, systemCode } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import {
  openRegistry,
  pullThrough,
  type PullThrough,
  type Registry,
  openTraffic,
  type TrafficLog,
} from '#oci/index.ts'
import { type RegistryAppOptions, registryApp } from './app.ts'
import { openAuthority } from './authority.ts'
import { outsideOf } from './forwarded.ts'
import { storageOf } from './storage.ts'
import { upstreamsOf } from './upstreams.ts'

const idleMs = 120_000
const stopGraceMs = 3000
const uploadIdleMs = 24 * 3_600_000
const tidyEveryMs = 3_600_000
/** Blobs are bounded by the registry, manifests by their route. */
const bodyBytesMax = 512 * 1024 ** 3

export interface ServeOptions extends Pick<RegistryAppOptions, 'emit' | 'proxy'> {
  readonly dir: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  readonly clock?: Clock
  /** What registry.yaml says; `host`, `port` and `tls` here come before it. */
  readonly config?: RegistryConfig
  /** What paths in the configuration are relative to. */
  readonly folder?: string
  /** PEM texts; without them plain HTTP is spoken. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string
  /** Host and port, as references write them. */
  readonly registry: string
  readonly port: number
  /** Ends requests in flight after a short grace and closes the registry. */
  stop(): Promise<void>
}

/**
 * Serves the registry in `dir` until stopped.
 * @throws AppError `kernel/locked`, `kernel/read-only`, `oci/port-taken`
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { dir, host = '127.0.0.1', clock = systemClock, emit = silent, config = {} } = options
  const { folder = dir } = options
  const blobBytesMax = config.limits?.blob
  const registry = await openRegistry({
    dir,
    clock,
    ...(blobBytesMax === undefined ? {} : { blobBytesMax }),
    ...storageOf(config.storage, folder),
  })
  const opened = await openAuthority({ dir, config, folder, clock, emit }).catch(
    async (error: unknown) => {
      await registry.close()
      throw error
    },
  )
  const traffic = await openTraffic({
    database: registry.database,
    clock,
    emit,
    server: hostname(),
  })
  const proxy = proxyOf(registry, traffic, options)
  const closeAll = async () => {
    await proxy?.close()
    await traffic.close().catch(() => undefined) // What is lost are some seconds of counts.
    await registry.close()
    await opened.close()
  }
  const scheme = options.tls === undefined ? 'http' : 'https'
  const outside = outsideOf({
    ...config.listen,
    own: `${scheme}://${authorityOf(host, options.port)}`,
  })
  const app = registryApp(registry, {
    outside,
    clock,
    emit,
    traffic,
    ...(proxy === undefined ? {} : { proxy }),
    ...opened,
  })
  const server = await listening(options, closeAll, app)
  const tidy = setInterval(() => void registry.removeStaleUploads(uploadIdleMs), tidyEveryMs)
  tidy.unref()
  const port = server.port ?? options.port
  const address = authorityOf(host, port)
  let stopping: Promise<void> | undefined
  const stop = async () => {
    clearInterval(tidy)
    const timer = setTimeout(() => void server.stop(true), stopGraceMs)
    await server.stop(false)
    clearTimeout(timer)
    await closeAll()
  }
  const stopOnce = () => (stopping ??= stop())
  return {
    url: `${scheme}://${address}`,
    registry: address,
    port,
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
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

function authorityOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

const otherPort = 'Choose another port with --port; 0 takes a free one.'
const otherAddress =
  'Name an address of this machine with --host: 127.0.0.1 for itself, 0.0.0.0 for all of its networks.'

async function listening(
  { host = '127.0.0.1', port, tls, config }: ServeOptions,
  close: () => Promise<void>,
  app: ReturnType<typeof registryApp>,
) {
  try {
    return Bun.serve({
      hostname: host,
      port,
      fetch: (request, server) =>
        app.fetch(request, { peer: () => server.requestIP(request)?.address ?? '' }),
      development: false,
      reusePort: false, // Without it, Bun lets a second server share the port.
      idleTimeout: Math.ceil((config?.limits?.['idle-timeout'] ?? idleMs) / 1000),
      maxRequestBodySize: bodyBytesMax,
      ...(tls === undefined ? {} : { tls }),
    })
  } catch (error) {
    await close()
    const taken = systemCode(error) === 'EADDRINUSE'
    throw new AppError(
      'oci/port-taken',
      taken ? `${host}:${port} is taken` : `Cannot listen on ${host}:${port}`,
      { hints: [taken || port < 1024 ? otherPort : otherAddress], cause: error },
    )
  }
}
