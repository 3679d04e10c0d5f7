/**
 * A pull-through cache under a crowd: many clients ask at once for one blob that is not there.
 *
 * The upstream and the clients run in this process, the cache is the compiled program. Upstream,
 * clients and cache share the machine, so what all of them move through the loopback together is
 * what bounds the time to the end; the time to the first byte is the figure.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchContext, bytes, milliseconds } from './harness.ts'
import type { Figure } from './schema.ts'
import { type Served, served } from './serve.ts'

const clients = 1000
const blobBytes = 100_000_000
const firstByteMsMax = 300

/** One upstream fetch for all, and how long after the upstream's first byte the last one has its. */
export async function crowd(context: BenchContext): Promise<readonly Figure[]> {
  context.say(`${clients} clients, one cold blob of ${blobBytes / 1e6} MB`)
  const blob = new Uint8Array(blobBytes)
  for (let at = 0; at < blobBytes; at += 65_536)
    crypto.getRandomValues(blob.subarray(at, Math.min(at + 65_536, blobBytes)))
  const digest = `sha256:${createHash('sha256').update(blob).digest('hex')}`
  let [gets, servedMs] = [0, Number.POSITIVE_INFINITY]
  using upstream = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    // Clients, cache and upstream share the machine, so a turn of the upstream's may take long.
    idleTimeout: 255,
    fetch: (request) => {
      const headers = { 'content-length': `${blobBytes}` }
      if (request.method === 'HEAD') return new Response(null, { headers })
      gets += 1
      servedMs = Math.min(servedMs, performance.now())
      return new Response(blob, { headers })
    },
  })
  await using cache = await cacheOf(context, `127.0.0.1:${upstream.port}`)
  const port = Number(new URL(cache.url).port)
  const path = `/v2/up/blobs/blobs/${digest}`
  const answers = await Promise.all(Array.from({ length: clients }, () => pulled(port, path)))
  const lastMs = Math.max(...answers.map(({ firstMs }) => firstMs)) - servedMs
  const short = answers.filter(({ received }) => received < blobBytes).length
  if (short > 0) throw new Error(`${short} of ${clients} clients did not get all of the blob`)
  return [
    bytes(`cold blob, ${clients} clients: bytes that the upstream sent`, {
      value: gets * blobBytes,
      bar: blobBytes,
      peer: null,
    }),
    milliseconds(`cold blob, ${clients} clients: last one's first byte after the upstream's`, {
      value: lastMs,
      bar: firstByteMsMax,
      peer: null,
    }),
  ]
}

/** `backlot serve` before the upstream. */
async function cacheOf(context: BenchContext, upstream: string): Promise<Served> {
  const folder = join(context.folder, 'crowd')
  mkdirSync(folder)
  const config = join(folder, 'registry.yaml')
  writeFileSync(
    config,
    `upstreams: { up: { registry: '${upstream}', private: true, plain-http: true } }\n`,
  )
  return await served(context, { data: join(folder, 'registry'), config })
}

/** Reads an answer to its end on a bare socket, which costs this process the least. */
async function pulled(port: number, path: string): Promise<{ firstMs: number; received: number }> {
  const ended = Promise.withResolvers<{ firstMs: number; received: number }>()
  let [firstMs, received] = [Number.POSITIVE_INFINITY, 0]
  const request = `GET ${path} HTTP/1.1\r\nhost: cache\r\nconnection: close\r\n\r\n`
  await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open: (socket) => void socket.write(request),
      data: (_socket, chunk) => {
        firstMs = Math.min(firstMs, performance.now())
        received += chunk.byteLength
      },
      close: () => ended.resolve({ firstMs, received }),
      error: (_socket, error) => ended.reject(error),
    },
  })
  return await ended.promise
}
