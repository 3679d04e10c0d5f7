/**
 * `backlot serve`: the app behind Bun's HTTP server, with bounded everything.
 *
 * Not here: signals and argv (`main.ts`, `#cli`).
 */
import { AppError, type Clock, systemCode } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import { openRegistry, pullThrough, type PullThrough, type Registry } from '#oci/index.ts'
import { type RegistryAppOptions, registryApp } from './app.ts'
import { upstreamsOf } from './upstreams.ts'

const idleMs = 120_000
const stopGraceMs = 3000
const uploadIdleMs = 24 * 3_600_000
const tidyEveryMs = 3_600_000
/** Blobs are bounded by the registry, manifests by their route. */
const bodyBytesMax = 512 * 1024 ** 3

export interface ServeOptions extends RegistryAppOptions {
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
  const { dir, host = '127.0.0.1', clock, config = {} } = options
  const blobBytesMax = config.limits?.blob
  const registry = openRegistry({
    dir,
    ...(clock === undefined ? {} : { clock }),
    ...(blobBytesMax === undefined ? {} : { blobBytesMax }),
  })
  const proxy = proxyOf(registry, options)
  const app = registryApp(registry, { ...options, ...(proxy === undefined ? {} : { proxy }) })
  const server = await listening(options, registry, (request) => app.fetch(request))
  const tidy = setInterval(() => void registry.removeStaleUploads(uploadIdleMs), tidyEveryMs)
  tidy.unref()
  const port = server.port ?? options.port
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  let stopping: Promise<void> | undefined
  const stop = async () => {
    clearInterval(tidy)
    const timer = setTimeout(() => void server.stop(true), stopGraceMs)
    await server.stop(false)
    clearTimeout(timer)
    await proxy?.close()
    await registry.close()
  }
  const stopOnce = () => (stopping ??= stop())
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${authority}`,
    registry: authority,
    port,
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  }
}

/** The cache of other registries, when registry.yaml names some. */
function proxyOf(registry: Registry, options: ServeOptions): PullThrough | undefined {
  const { config, folder = '.', clock, emit } = options
  if (options.proxy !== undefined || config?.upstreams === undefined) return options.proxy
  return pullThrough({
    registry,
    upstreams: upstreamsOf(config.upstreams, folder),
    ...(config.limits?.blob === undefined ? {} : { blobBytesMax: config.limits.blob }),
    ...(clock === undefined ? {} : { clock }),
    ...(emit === undefined ? {} : { emit }),
  })
}

const otherPort = 'Choose another port with --port; 0 takes a free one.'
const otherAddress =
  'Name an address of this machine with --host: 127.0.0.1 for itself, 0.0.0.0 for all of its networks.'

async function listening(
  { host = '127.0.0.1', port, tls, config }: ServeOptions,
  registry: Registry,
  fetch: (request: Request) => Response | Promise<Response>,
) {
  try {
    return Bun.serve({
      hostname: host,
      port,
      fetch,
      development: false,
      reusePort: false, // Without it, Bun lets a second server share the port.
      idleTimeout: Math.ceil((config?.limits?.['idle-timeout'] ?? idleMs) / 1000),
      maxRequestBodySize: bodyBytesMax,
      ...(tls === undefined ? {} : { tls }),
    })
  } catch (error) {
    await registry.close()
    const taken = systemCode(error) === 'EADDRINUSE'
    throw new AppError(
      'oci/port-taken',
      taken ? `${host}:${port} is taken` : `Cannot listen on ${host}:${port}`,
      { hints: [taken || port < 1024 ? otherPort : otherAddress], cause: error },
    )
  }
}
