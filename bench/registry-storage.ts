/**
 * The registry beside Debian's docker-registry: the same curl, wrk and hey lines, in one run, on
 * loopback and on the disk of this run's folder.
 *
 * What each server chooses for its sockets by default is part of what is measured: on loopback ours
 * does without pacing (docs/decisions/0021-no-pacing-over-loopback.md), the other leaves it to the
 * system. Turns of both alternate, and medians are compared.
 * Rates are told as the time for so many requests, because of figures the smaller is the better.
 */
import { Database } from 'bun:sqlite'
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type Digest, digester, digestOf } from '#kernel/index.ts'
import { type BenchContext, bytes, median, milliseconds } from './harness.ts'
import {
  begin,
  debianRegistry,
  image,
  pushImage,
  pushBlob,
  residentBytes,
} from './registry-peers.ts'
import type { Figure } from './schema.ts'
import { served } from './serve.ts'

const gibibyte = 1024 ** 3
const rounds = 3
/** Of what is so quick, or so crowded, that another program's turn on the machine decides. */
const manyRounds = 7
const memoryBytesMax = 150_000_000
const startMsMax = 1000
/** Of docker-registry's rate, though that one asks nobody who they are. */
const guardedFactor = 8
const requests = 10_000

/** Push, pull, small blobs, manifests, HEAD, memory. */
export async function beside(context: BenchContext): Promise<readonly Figure[]> {
  const { folder, say } = context
  say('one GiB of random bytes')
  const large = await randomFile(join(folder, 'gibibyte'))
  await using own = await served(context, { data: join(folder, 'own') })
  await using peer = await debianRegistry(join(folder, 'peer'))
  const figures: Figure[] = []
  const versus = async (
    name: string,
    { factor, turns = rounds }: { readonly factor: number; readonly turns?: number },
    work: (url: string) => Promise<number>,
  ) => {
    say(name)
    const times: { own: number[]; peer: number[] } = { own: [], peer: [] }
    for (let turn = 0; turn < turns; turn += 1) {
      times.own.push(await work(own.url))
      times.peer.push(await work(peer.url))
    }
    const peerMs = median(times.peer)
    const value = median(times.own)
    say(`${Math.round(value)} ms, docker-registry ${Math.round(peerMs)} ms`)
    figures.push(milliseconds(name, { value, bar: peerMs / factor, peer: peerMs }))
  }
  let count = 0
  await versus('push of a 1 GiB blob, one PUT', { factor: 2 }, (url) =>
    timed(() => push(url, `large/${(count += 1)}`, large)),
  )
  const at = `large/1/blobs/${large.digest}`
  for (const url of [own.url, peer.url]) await push(url, 'large/1', large)
  await versus('pull of a 1 GiB blob', { factor: 1, turns: manyRounds }, (url) =>
    timed(() => curl(`${url}/v2/${at}`)),
  )
  await versus('pull of a 1 GiB blob, 8 clients at once', { factor: 1, turns: manyRounds }, (url) =>
    timed(() => Promise.all(Array.from({ length: 8 }, () => curl(`${url}/v2/${at}`)))),
  )
  await versus(
    'push of 1,000 blobs of 100 kB, 16 clients',
    { factor: 3, turns: manyRounds },
    (url) => pushMany(url, `small/${(count += 1)}`),
  )
  for (const url of [own.url, peer.url]) await pushImage(url)
  for (const [name, reference] of [
    ['tag', 'latest'],
    ['digest', image.digest],
  ] as const)
    await versus(
      `${requests} manifest GETs by ${name} (wrk -t1 -c32)`,
      { factor: 10 },
      async (url) =>
        perRequests(await rate(manifestGets(`${url}/v2/image/manifests/${reference}`))),
    )
  await versus(`${requests} blob HEADs (hey -c 32)`, { factor: 8 }, async (url) =>
    perRequests(await rate(['hey', '-m', 'HEAD', '-c', '32', '-z', '3s', `${url}/v2/${at}`])),
  )
  const value = residentBytes(own.pid)
  const peerBytes = residentBytes(peer.pid)
  figures.push(bytes('memory after all of it', { value, bar: memoryBytesMax, peer: peerBytes }))
  return figures
}

/** Manifests for who has a token, which may be revoked by any other server at any time. */
export async function guarded(context: BenchContext): Promise<readonly Figure[]> {
  const { backlot, env, folder } = context
  const data = join(folder, 'guarded')
  const config = join(folder, 'guarded.yaml')
  writeFileSync(config, 'access: {}\n')
  await using own = await served(context, { data, config })
  const argv = [backlot, 'registry', 'token', 'add', 'bench', '--allow', 'image:pull,push']
  const added = Bun.spawnSync([...argv, '--data', data, '--format', 'json'], { env: { ...env } })
  const { secret } = z.object({ secret: z.string() }).parse(JSON.parse(added.stdout.toString()))
  const authorization = `Basic ${Buffer.from(`bench:${secret}`).toString('base64')}`
  const scope = 'service=backlot&scope=repository:image:pull,push'
  const answer = await fetch(`${own.url}/v2/token?${scope}`, { headers: { authorization } })
  const { token } = z.object({ token: z.string() }).parse(await answer.json())
  const bearer = `Bearer ${token}`
  await pushImage(own.url, { authorization: bearer })
  const url = `${own.url}/v2/image/manifests/latest`
  const { status } = await fetch(url)
  if (status !== 401) throw new Error(`Who says nothing of themselves got ${status}`)
  await using peer = await debianRegistry(join(folder, 'unguarded'))
  await pushImage(peer.url)
  const gets = async (at: string) =>
    perRequests(await rate(manifestGets(at, '-H', `Authorization: ${bearer}`)))
  const times: { own: number[]; peer: number[] } = { own: [], peer: [] }
  for (let round = 0; round < rounds; round += 1) {
    times.own.push(await gets(url))
    times.peer.push(await gets(`${peer.url}/v2/image/manifests/latest`))
  }
  const [value, peerMs] = [median(times.own), median(times.peer)]
  const name = `${requests} manifest GETs by tag with a bearer token (wrk -t1 -c32)`
  return [milliseconds(name, { value, bar: peerMs / guardedFactor, peer: peerMs })]
}

/** How long a registry that knows much takes until it answers. */
export async function start(context: BenchContext): Promise<readonly Figure[]> {
  const { folder, say } = context
  const data = join(folder, 'many')
  await (await served(context, { data }))[Symbol.asyncDispose]()
  say('100,000 manifests and 1,000,000 blobs')
  fillRegistry(join(data, 'registry.db'))
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now()
    await using own = await served(context, { data })
    const answer = await fetch(`${own.url}/v2/many/0/manifests/latest`)
    if (!answer.ok) throw new Error(`It answered ${answer.status}`)
    times.push(performance.now() - startedMs)
  }
  const name = 'start with 100,000 manifests and 1,000,000 blobs, to the first manifest'
  return [milliseconds(name, { value: median(times), bar: startMsMax, peer: null })]
}

interface RandomFile {
  readonly path: string
  readonly digest: Digest
}

async function randomFile(path: string): Promise<RandomFile> {
  const hasher = digester()
  const file = createWriteStream(path)
  const block = Buffer.alloc(1024 * 1024)
  for (let at = 0; at < gibibyte; at += block.byteLength) {
    for (let part = 0; part < block.byteLength; part += 65_536)
      crypto.getRandomValues(block.subarray(part, part + 65_536))
    hasher.update(block)
    await new Promise((resolve) => file.write(Buffer.from(block), resolve))
  }
  await new Promise<void>((resolve) => file.end(resolve))
  return { path, digest: hasher.digest() }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

async function push(url: string, repository: string, file: RandomFile): Promise<void> {
  const location = await begin(url, repository)
  location.searchParams.set('digest', file.digest)
  await curl('-T', file.path, '-H', 'Expect:', location.href)
}

async function curl(...words: readonly string[]): Promise<void> {
  const child = Bun.spawn(['curl', '-sf', '-o', '/dev/null', ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if ((await child.exited) !== 0) throw new Error(`curl ${words.join(' ')} failed`)
}

async function pushMany(url: string, repository: string): Promise<number> {
  const blobs = Array.from({ length: 1000 }, () => crypto.getRandomValues(new Uint8Array(65_536)))
  const bodies = blobs.map((blob) => Buffer.concat([blob, blob.subarray(0, 100_000 - 65_536)]))
  const queue = bodies.map((body) => ({ body, digest: digestOf(body) }))
  return await timed(() =>
    Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let blob = queue.pop(); blob !== undefined; blob = queue.pop())
          await pushBlob(url, repository, blob)
      }),
    ),
  )
}

/** Requests a second, as wrk and hey tell them. */
async function rate(argv: readonly string[]): Promise<number> {
  const child = Bun.spawn([...argv], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await new Response(child.stdout).text()
  const found = Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1])
  const failed = /Non-2xx or 3xx responses|\[[45]\d\d\]\s+\d+ responses/.test(said)
  if (Number.isNaN(found) || failed) throw new Error(`${argv.join(' ')} said: ${said}`)
  return found
}

function manifestGets(url: string, ...words: readonly string[]): readonly string[] {
  return ['wrk', '-t1', '-c32', '-d3s', '-H', `Accept: ${image.type}`, ...words, url]
}

function perRequests(ratePerSecond: number): number {
  return (requests / ratePerSecond) * 1000
}

/** 1,000 repositories of 100 manifests and 1,000 blobs, by the statements that fill tables fastest. */
function fillRegistry(path: string): void {
  const database = new Database(path)
  const count = (upTo: number) =>
    `WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ${upTo - 1})`
  const digest = (salt: number) => `'sha256:' || printf('%064x', n + ${salt})`
  database.run('BEGIN')
  database.run(`${count(1000)} INSERT INTO repository SELECT n + 1, 'many/' || n FROM n`)
  database.run(`${count(1_000_000)} INSERT INTO stored SELECT ${digest(0)}, 1, 0, 1, NULL FROM n`)
  database.run(
    `${count(1_000_000)} INSERT INTO blob SELECT n / 1000 + 1, ${digest(0)}, 1, 1 FROM n`,
  )
  database.run(
    `${count(100_000)} INSERT INTO content SELECT ${digest(1 << 30)}, CAST('{}' AS BLOB) FROM n`,
  )
  database.run(
    `${count(100_000)} INSERT INTO manifest
     SELECT n / 100 + 1, ${digest(1 << 30)}, '${image.type}', NULL, NULL, NULL, 1 FROM n`,
  )
  database.run(
    `${count(1000)} INSERT INTO tag SELECT n + 1, 'latest',
       'sha256:' || printf('%064x', n * 100 + ${1 << 30}), 1 FROM n`,
  )
  database.run('COMMIT')
  database.close()
}
