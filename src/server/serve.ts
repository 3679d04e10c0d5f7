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
  pullThrough,
  type PullThrough,
  type Registry,
  localClient,
  openTraffic,
  ruled,
  servicePlace,
  type NamespaceRules,
  type TrafficLog,
} from '#oci/index.ts'
import { type RegistryAppOptions, registryApp } from './app.ts'
import { openAuthority } from './authority.ts'
import { readCertificate, type Tls, watchCertificate } from './certificate.ts'
import type { CrowdLimits } from './crowd.ts'
import { outsideOf } from './forwarded.ts'
import { listenAt } from './listener.ts'
import { storageOf } from './storage.ts'
import { keepTidy } from './upkeep.ts'
import { openSyncRunner, type SyncRunner } from './sync-runner.ts'
import { upstreamsOf } from './upstreams.ts'

const idleMs = 120_000

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
  /** Ends requests in flight after a short grace and closes the registry. */
  stop(): Promise<void>
}

/**
 * Serves the registry in `dir` until stopped.
 * @throws AppError `kernel/locked`, `kernel/read-only`, `oci/port-taken`, `oci/bad-certificate`
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { dir, host = '127.0.0.1', emit = silent, config = {}, folder = dir } = options
  const files = config.listen?.tls === undefined ? undefined : { ...config.listen.tls, folder }
  const tls = files === undefined ? undefined : readCertificate(files)
  const scheme = tls === undefined ? 'http' : 'https'
  const own = `${scheme}://${authorityOf(host, options.port)}`
  const { app, registry, sync, close } = await openApp(options, own)
  const idleSeconds = Math.ceil((config.limits?.['idle-timeout'] ?? idleMs) / 1000)
  const listener = await orClosed(close, () =>
    listenAt({ host, port: options.port, tls, idleSeconds, app }),
  )
  const changed = (renewed: Tls) => listener.renew(renewed)
  const watch = files && tls && watchCertificate(files, tls, { changed, emit })
  const tidy = keepTidy(registry, config.retention, emit)
  const { port } = listener
  const address = authorityOf(host, port)
  let stopping: Promise<void> | undefined
  const stop = async () => {
    watch?.[Symbol.dispose]()
    await listener.stop()
    await tidy[Symbol.asyncDispose]()
    await close()
  }
  const stopOnce = () => (stopping ??= stop())
  return {
    url: `${scheme}://${address}`,
    registry: address,
    port,
    runDueLists: async () => await sync?.look(),
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  }
}

/** The routes over everything that the configuration names. @param own The URL of the listener. */
async function openApp(options: ServeOptions, own: string) {
  const { dir, clock = systemClock, emit = silent, config = {}, folder = dir } = options
  const blobBytesMax = config.limits?.blob
  const storage = storageOf(config.storage, folder)
  const registry = await openRegistry({
    dir,
    clock,
    ...(blobBytesMax === undefined ? {} : { blobBytesMax }),
    ...storage,
  })
  const accounts = servicePlace({ dir, ...storage })
  // What is opened later is closed earlier.
  const parts = new AsyncDisposableStack()
  parts.defer(() => registry.close())
  const close = async () => await parts.disposeAsync()
  return await orClosed(close, async () => {
    const opened = await openAuthority({ accounts, config, folder, clock, emit })
    parts.defer(() => opened.close())
    const rules = ruled(registry, rulesOf(config), clock)
    const { database } = registry
    const traffic = await openTraffic({ database, clock, emit, server: hostname() })
    // What is lost when that fails are some seconds of counts.
    parts.defer(async () => await traffic.close().catch(() => undefined))
    const proxy = proxyOf(registry, traffic, options)
    parts.defer(async () => await proxy?.close())
    const sync = await syncOf(rules, proxy, options)
    parts.defer(async () => await sync?.close())
    const app = registryApp(rules, {
      outside: outsideOf({ ...config.listen, own }),
      clock,
      limits: crowdLimits(config.limits),
      emit,
      traffic,
      ...(sync === undefined ? {} : { sync }),
      ...(proxy === undefined ? {} : { proxy }),
      ...opened,
    })
    return { app, registry, sync, close }
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

function rulesOf({ namespaces = {} }: RegistryConfig): NamespaceRules {
  return Object.fromEntries(
    Object.entries(namespaces).map(([name, rule]) => [
      name,
      {
        immutableTags: rule['immutable-tags'],
        bytesMax: rule.size,
        tagsMax: rule.tags,
        sparse: rule.sparse,
      },
    ]),
  )
}

function crowdLimits(limits: RegistryConfig['limits']): CrowdLimits {
  return {
    requests: limits?.requests ?? 10_000,
    writesPerAccount: limits?.['writes-per-account'] ?? 512,
    writesPerAddress: limits?.['writes-per-address'] ?? 512,
  }
}

/** What runs the lists of registry.yaml, when there are some. */
async function syncOf(
  registry: Registry,
  proxy: PullThrough | undefined,
  options: ServeOptions,
): Promise<SyncRunner | undefined> {
  const { config = {}, clock = systemClock, emit = silent } = options
  if (config.sync === undefined) return undefined
  const { folder = options.dir } = options
  const { database } = registry
  const client = localClient(registry)
  return await openSyncRunner({
    section: config.sync,
    folder,
    client,
    proxy,
    database,
    clock,
    emit,
  })
}

function authorityOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
