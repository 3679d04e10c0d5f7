/**
 * The registry at work for long: memory that rises, and does not fall again, is a leak.
 *
 * Every turn pushes an image of a few new blobs, now and then with a large one, mounts them
 * elsewhere, pulls all of it, lists, begins an upload and gives it up, and deletes an image of a
 * while ago, while the server collects on its schedule. `--minutes=N` says how long; without it it
 * is a minute, which finds what leaks with every request, and an hour finds the rest.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestOf } from '#kernel/index.ts'
import { type BenchContext, bytes } from './harness.ts'
import { begin, pushBlob, residentBytes } from './registry-peers.ts'
import type { Figure } from './schema.ts'
import { type Served, served } from './serve.ts'

const turnMs = 500
const sampleMs = 5000
const memoryBytesMax = 150_000_000
/** Along a line through the samples. What the allocator keeps comes and goes. */
const growthBytesMax = 15_000_000
const keptImages = 100
const smallBytes = 100_000
const manifestType = 'application/vnd.oci.image.manifest.v1+json'

interface Sample {
  readonly atMs: number
  readonly bytes: number
}

/** The most memory, and how much a line through its last three quarters rises. */
export async function soak(context: BenchContext): Promise<readonly Figure[]> {
  const { folder, minutes, say } = context
  const data = join(folder, 'soak')
  mkdirSync(data)
  writeFileSync(join(data, 'registry.yaml'), 'retention: { every: 5m, grace: 10m, recycle: 5m }\n')
  const config = join(data, 'registry.yaml')
  await using own = await served(context, { data: join(data, 'registry'), config })
  const samples = await worked(own, { endMs: minutes * 60_000, say })
  const late = samples.slice(samples.length >> 2)
  const most = Math.max(...samples.map((sample) => sample.bytes))
  const [first, last] = [samples[0]?.bytes ?? 0, samples.at(-1)?.bytes ?? 0]
  const spanMs = (late.at(-1)?.atMs ?? 0) - (late[0]?.atMs ?? 0)
  const growth = slope(late) * spanMs
  say(`first ${megabytes(first)}, most ${megabytes(most)}, last ${megabytes(last)}`)
  say(`a line through the last ${Math.round(spanMs / 1000)} s rises by ${megabytes(growth)}`)
  const name = `${minutes} min of pushes, pulls, mounts, deletions and collections`
  return [
    bytes(`memory, the most of ${name}`, { value: most, bar: memoryBytesMax, peer: null }),
    bytes(`memory, growth in the last three quarters of it`, {
      value: Math.max(0, Math.round(growth)),
      bar: growthBytesMax,
      peer: null,
    }),
  ]
}

interface Work {
  readonly endMs: number
  readonly say: (text: string) => void
}

async function worked(own: Served, { endMs, say }: Work): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const startedMs = performance.now()
  const images: Digest[] = []
  for (let turn = 0; ; turn += 1) {
    const atMs = performance.now() - startedMs
    if (atMs >= samples.length * sampleMs) {
      const sample = { atMs, bytes: residentBytes(own.pid) }
      samples.push(sample)
      if (samples.length % 12 === 1)
        say(`${Math.round(atMs / 60_000)} min, ${turn} turns: ${megabytes(sample.bytes)}`)
    }
    if (atMs >= endMs) return samples
    images.push(await oneTurn(own.url, turn))
    const old = images.length > keptImages ? images.shift() : undefined
    if (old !== undefined) await asked(`${own.url}/v2/soak/manifests/${old}`, { method: 'DELETE' })
    await Bun.sleep(Math.max(0, startedMs + (turn + 1) * turnMs - performance.now()))
  }
}

async function oneTurn(url: string, turn: number): Promise<Digest> {
  const sizes = [smallBytes, smallBytes, smallBytes, ...largeOf(turn)]
  const blobs = sizes.map(randomBytes)
  for (const blob of blobs) await pushBlob(url, 'soak', blob)
  const layers = blobs.map(({ digest, body }) => descriptor(digest, body.byteLength))
  const config = descriptor(blobs[0]?.digest ?? digestOf(''), smallBytes)
  const body = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers })
  const headers = { 'content-type': manifestType }
  const manifests = `${url}/v2/soak/manifests`
  await asked(`${manifests}/turn-${turn % keptImages}`, { method: 'PUT', headers, body })
  for (const { digest } of blobs) {
    await asked(`${url}/v2/elsewhere/blobs/uploads/?mount=${digest}&from=soak`, { method: 'POST' })
    await asked(`${url}/v2/elsewhere/blobs/${digest}`, { method: 'HEAD' })
    await asked(`${url}/v2/soak/blobs/${digest}`, {})
  }
  await asked(`${manifests}/turn-${turn % keptImages}`, {})
  await asked(`${url}/v2/soak/tags/list`, {})
  await asked((await begin(url, 'soak')).href, { method: 'DELETE' })
  return digestOf(body)
}

function largeOf(turn: number): readonly number[] {
  if (turn % 200 === 10) return [64_000_000]
  return turn % 20 === 10 ? [8_000_000] : []
}

async function asked(url: string, request: RequestInit): Promise<void> {
  const answer = await fetch(url, request)
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`${request.method ?? 'GET'} ${url} got ${answer.status}`)
}

function randomBytes(sizeBytes: number) {
  const body = Buffer.alloc(sizeBytes)
  for (let at = 0; at < sizeBytes; at += 65_536)
    crypto.getRandomValues(body.subarray(at, at + 65_536))
  return { body, digest: digestOf(body) }
}

function descriptor(digest: Digest, size: number) {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }
}

/** Bytes in a millisecond, by least squares. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const atMs = mean(samples.map((sample) => sample.atMs))
  const middle = mean(samples.map((sample) => sample.bytes))
  const moments = samples.map((one) => [
    (one.atMs - atMs) * (one.bytes - middle),
    (one.atMs - atMs) ** 2,
  ])
  const sum = (index: 0 | 1) => moments.reduce((total, one) => total + (one[index] ?? 0), 0)
  return sum(1) === 0 ? 0 : sum(0) / sum(1)
}

function megabytes(sizeBytes: number): string {
  return `${(sizeBytes / 1e6).toFixed(1)} MB`
}
