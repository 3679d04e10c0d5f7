/**
 * A blob that many ask for while it comes from upstream: one download, streamed to all.
 */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { digestOf } from '#kernel/index.ts'
import { pullThrough } from '#oci/index.ts'
import { until } from '../until.ts'
import { seededBytes } from './content.ts'
import { gatedUpstream, type GatedOptions } from './gated.ts'
import { cacheOf, upstreamAt } from './proxied.ts'

const bytes = seededBytes(3_000_000, 20)
const digest = digestOf(bytes)
const path = `up/r/blobs/${digest}`

async function gatedCache(options: Partial<GatedOptions> = {}) {
  const stack = new AsyncDisposableStack()
  const upstream = stack.use(await gatedUpstream({ bytes, ...options }))
  const cache = stack.use(await cacheOf([upstreamAt(upstream.registry)]))
  return {
    upstream,
    cache,
    stored: () => cache.local.blob('up/r', digest),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Reads at least so many bytes of a body. */
async function firstBytes(answer: Response, atLeast: number) {
  const reader = answer.body?.getReader()
  let received = 0
  while (received < atLeast) {
    const next = await reader?.read()
    if (next === undefined || next.done) break
    received += next.value.byteLength
  }
  return { received, reader }
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Files that a cache's folder holds of blobs, whole or growing. */
function filesOf(dir: string): readonly string[] {
  return ['arriving', 'blobs/sha256'].flatMap((folder) =>
    existsSync(join(dir, folder))
      ? readdirSync(join(dir, folder), { recursive: true, withFileTypes: true })
          .filter((one) => one.isFile() && !one.name.startsWith('lock'))
          .map(({ name }) => name)
      : [],
  )
}

test('two hundred clients, one download, and bytes before the upstream has ended', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const asking = Array.from({ length: 200 }, () => cache.get(path))
  await until(() => upstream.gets.length > 0)
  upstream.flow(1_000_000)
  const answers = await Promise.all(asking)
  const early = await Promise.all(answers.map((answer) => firstBytes(answer, 100_000)))
  expect(early.every(({ received }) => received >= 100_000)).toBe(true)
  expect(await place.stored()).toBeUndefined()
  upstream.flow(bytes.byteLength)
  const totals = early.map(async ({ reader, received }) => {
    let sum = received
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      sum += next.value.byteLength
    return sum
  })
  expect(new Set(await Promise.all(totals))).toEqual(new Set([bytes.byteLength]))
  expect(upstream.gets).toEqual([''])
  expect(upstream.heads()).toBe(1)
  const stored = await cache.get(path)
  expect(same(await stored.bytes(), bytes)).toBe(true)
  expect(stored.headers.get('cache-status')).toBe('backlot; hit')
  expect(stored.headers.get('content-length')).toBe(`${bytes.byteLength}`)
  expect(upstream.gets).toEqual([''])
})

test('a reader that does not read holds up nobody', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const socket = connect(Number(cache.registry.split(':')[1]), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(`GET /v2/${path} HTTP/1.1\r\nhost: ${cache.registry}\r\n\r\n`)
  await until(() => upstream.gets.length > 0)
  const fast = cache.get(path)
  upstream.flow(bytes.byteLength)
  expect(same(await (await fast).bytes(), bytes)).toBe(true)
  expect(await place.stored()).toMatchObject({ sizeBytes: bytes.byteLength })
  socket.destroy()
})

test('ranges of a blob that is arriving: inside, from the end, and outside', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const ranged = (range: string) => cache.get(path, { headers: { range } })
  const inside = ranged('bytes=100-199')
  await until(() => upstream.gets.length > 0)
  upstream.flow(500_000)
  const part = await inside
  expect(part.status).toBe(206)
  expect(part.headers.get('content-range')).toBe(`bytes 100-199/${bytes.byteLength}`)
  expect(same(await part.bytes(), bytes.subarray(100, 200))).toBe(true)
  const outside = await ranged(`bytes=${bytes.byteLength}-`)
  expect(outside.status).toBe(416)
  const headers = { range: 'bytes=0-9', 'if-range': '"of another"' }
  const whole = await cache.get(path, { headers })
  expect(whole.status).toBe(200)
  const etag = part.headers.get('etag') ?? ''
  const known = await cache.get(path, { method: 'HEAD', headers: { 'if-none-match': etag } })
  expect([known.status, known.headers.get('cache-status')]).toEqual([304, 'backlot; fwd=uri-miss'])
  const last = ranged('bytes=-70000')
  const rest = ranged('bytes=400000-')
  upstream.flow(bytes.byteLength)
  expect(same(await (await last).bytes(), bytes.subarray(-70_000))).toBe(true)
  expect(same(await (await rest).bytes(), bytes.subarray(400_000))).toBe(true)
  expect(same(await whole.bytes(), bytes)).toBe(true)
  expect(upstream.gets).toEqual([''])
})

test('a download that breaks goes on with a Range, and its readers notice nothing', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const asking = cache.get(path)
  await until(() => upstream.gets.length === 1)
  upstream.flow(700_000)
  const { reader, received } = await firstBytes(await asking, 699_999)
  upstream.hangUp()
  await until(() => upstream.gets.length === 2)
  upstream.flow(1_500_000)
  await until(() => upstream.open() === 1)
  upstream.hangUp()
  await until(() => upstream.gets.length === 3)
  upstream.flow(bytes.byteLength)
  let sum = received
  for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
    sum += next.value.byteLength
  expect(sum).toBe(bytes.byteLength)
  expect(upstream.gets[1]).toMatch(/^bytes=\d+-/)
  expect(await place.stored()).toMatchObject({ sizeBytes: bytes.byteLength })
})

test('an upstream without ranges is skipped through', async () => {
  await using place = await gatedCache({ ranges: false })
  const { upstream, cache } = place
  const asking = cache.get(path)
  await until(() => upstream.gets.length === 1)
  upstream.flow(700_000)
  const answer = await asking
  await until(async () => filesOf(cache.dir).length > 0)
  upstream.hangUp()
  await until(() => upstream.gets.length === 2)
  upstream.flow(bytes.byteLength)
  expect(same(await answer.bytes(), bytes)).toBe(true)
})

test('a client that leaves harms nobody, and what is little is finished without any', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const leaver = new AbortController()
  const leaving = cache.get(path, { signal: leaver.signal })
  const staying = cache.get(path)
  await until(() => upstream.gets.length > 0)
  upstream.flow(1_000_000)
  await firstBytes(await leaving, 100)
  leaver.abort()
  upstream.flow(2_000_000)
  await (await staying).body?.cancel()
  upstream.flow(bytes.byteLength)
  await until(async () => (await place.stored()) !== undefined)
  expect(upstream.gets).toEqual([''])
})

test('when all leave a large one early it stops, and goes on when asked again', async () => {
  const large = seededBytes(70 * 1024 * 1024, 21)
  const wanted = `up/r/blobs/${digestOf(large)}`
  await using place = await gatedCache({ bytes: large })
  const { upstream, cache } = place
  const leaver = new AbortController()
  const leaving = cache.get(wanted, { signal: leaver.signal })
  await until(() => upstream.gets.length > 0)
  upstream.flow(2_000_000)
  await firstBytes(await leaving, 1_000_000)
  leaver.abort()
  await until(() => upstream.open() === 0)
  upstream.flow(large.byteLength)
  const again = await cache.get(wanted)
  expect(again.headers.get('cache-status')).toContain('collapsed')
  expect(digestOf(await again.bytes())).toBe(digestOf(large))
  expect(upstream.gets[1]).toMatch(/^bytes=[1-9]\d*-/)
})

test('wrong bytes: a broken transfer for every client, and nothing is kept', async () => {
  const wrong = bytes.slice()
  wrong[2_999_999] = (wrong[2_999_999] ?? 0) ^ 1
  await using place = await gatedCache({ bytes: wrong })
  const { upstream, cache } = place
  const asking = Array.from({ length: 5 }, () => cache.get(path))
  await until(() => upstream.gets.length > 0)
  upstream.flow(bytes.byteLength)
  for (const answer of await Promise.all(asking))
    await expect(answer.arrayBuffer()).rejects.toThrow()
  expect(await place.stored()).toBeUndefined()
  expect(filesOf(cache.dir)).toEqual([])
})

test('one that stops half-way for good: a broken transfer, and nothing is kept', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const asking = cache.get(path)
  await until(() => upstream.gets.length === 1)
  upstream.flow(1000)
  const answer = await asking
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    await until(() => upstream.gets.length >= attempt)
    upstream.hangUp()
  }
  await expect(answer.arrayBuffer()).rejects.toThrow()
  expect(await place.stored()).toBeUndefined()
  expect(filesOf(cache.dir)).toEqual([])
})

test('10 GB where 3 MB were announced: not taken', async () => {
  await using place = await gatedCache({ announced: 10_000_000_000, headSize: bytes.byteLength })
  const { upstream, cache } = place
  upstream.flow(bytes.byteLength)
  const answer = await cache.get(path)
  expect(answer.status).toBe(502)
  expect(await answer.text()).toContain('announces 10000000000 bytes')
  expect(await place.stored()).toBeUndefined()
})

test('more than was announced is cut off, and what is right is right', async () => {
  const more = new Uint8Array([...bytes.subarray(0, 1000), ...new Uint8Array(5_000_000)])
  const short = bytes.slice(0, 1000)
  await using place = await gatedCache({ bytes: more, announced: 1000, headSize: 1000 })
  place.upstream.flow(more.byteLength)
  const answer = await place.cache.get(`up/r/blobs/${digestOf(short)}`)
  expect(same(await answer.bytes(), short)).toBe(true)
})

test('a blob larger than what is taken at all is refused', async () => {
  await using upstream = await gatedUpstream({ bytes, headSize: 10_000_000_000 })
  await using cache = await cacheOf([upstreamAt(upstream.registry)], { blobBytesMax: 1_000_000 })
  expect((await cache.get(path)).status).toBe(413)
  expect(upstream.gets).toEqual([])
})

test('what a crash left of downloads is gone after a start', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const asking = cache.get(path)
  await until(() => upstream.gets.length === 1)
  upstream.flow(1000)
  await asking
  expect(filesOf(cache.dir)).toHaveLength(1)
  await cache.proxy.close()
  expect(filesOf(cache.dir)).toEqual([])
})

test('a server that starts and ends on the same folder takes nothing from another', async () => {
  await using place = await gatedCache()
  const { upstream, cache } = place
  const left = join(cache.dir, 'arriving', 'of-one-that-was-killed')
  mkdirSync(left, { recursive: true })
  writeFileSync(join(left, 'growing'), 'x')
  const asking = cache.get(path)
  await until(() => upstream.gets.length === 1)
  upstream.flow(1000)
  const answer = await asking
  const other = pullThrough({
    registry: cache.local,
    upstreams: [upstreamAt(upstream.registry)],
  })
  expect(existsSync(left)).toBe(false)
  await other.close()
  upstream.flow(bytes.byteLength)
  expect(same(await answer.bytes(), bytes)).toBe(true)
  await until(async () => (await place.stored()) !== undefined)
})

test('who has the blob already has it confirmed, and nothing is fetched', async () => {
  await using place = await gatedCache()
  const answer = await place.cache.get(path, { headers: { 'if-none-match': `"${digest}"` } })
  expect(answer.status).toBe(304)
  expect([place.upstream.heads(), place.upstream.gets]).toEqual([1, []])
})
