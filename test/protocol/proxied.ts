/** A pull-through cache in this process, before upstreams on this machine. */
import { temporaryFolder } from '#kernel/index.ts'
import {
  openRegistry,
  pullThrough,
  type PullThroughOptions,
  registryClient,
  type Upstream,
} from '#oci/index.ts'
import { registryApp } from '#server/index.ts'
import { emptyConfig, manifestOf, type TestBlob, type TestManifest } from './content.ts'

/** An upstream at `registry`, shown as `up/…`, that may be on this machine. */
export function upstreamAt(registry: string, more: Partial<Upstream> = {}): Upstream {
  return {
    prefix: 'up',
    registry,
    namespaces: ['docker.io'],
    accounts: [],
    mirrors: [],
    privateHosts: [registry, ...(more.mirrors ?? [])],
    plainHosts: [registry, ...(more.mirrors ?? [])],
    tokenHosts: [],
    unprefixed: [],
    freshMs: 60_000,
    absentMs: 30_000,
    spareBelow: 0.1,
    waitMsMax: 0,
    ...more,
  }
}

/** A time that tests move. */
export function movableClock() {
  let nowMs = Date.now()
  return {
    nowMs: () => nowMs,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

/** A cache on a folder of its own, listening, with the doors to look behind it. */
export async function cacheOf(
  upstreams: readonly Upstream[],
  options: Partial<Omit<PullThroughOptions, 'registry' | 'upstreams'>> = {},
) {
  const folder = temporaryFolder()
  const registry = await openRegistry({ dir: folder.path })
  const proxy = pullThrough({ registry, upstreams, firstDelayMs: 1, ...options })
  const app = registryApp(registry, { proxy })
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    fetch: (request) => app.fetch(request),
  })
  const at = `127.0.0.1:${server.port}`
  return {
    dir: folder.path,
    local: registry,
    proxy,
    registry: at,
    url: `http://${at}`,
    get: (path: string, init: RequestInit = {}) => fetch(`http://${at}/v2/${path}`, init),
    head: (path: string) => fetch(`http://${at}/v2/${path}`, { method: 'HEAD' }),
    [Symbol.asyncDispose]: async () => {
      await server.stop(true)
      await proxy.close()
      await registry.close()
      folder[Symbol.dispose]()
    },
  }
}

/** Pushes an image of these layers under a tag. */
export async function pushImage(
  registry: string,
  repository: string,
  tag: string,
  layers: readonly TestBlob[],
): Promise<TestManifest> {
  const client = registryClient()
  const to = { registry, repository }
  for (const { descriptor, source } of [emptyConfig, ...layers])
    await client.pushBlob(to, descriptor, source)
  const manifest = manifestOf(layers)
  await client.pushManifest(to, { ...manifest, tag })
  return manifest
}
