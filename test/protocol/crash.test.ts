/**
 * kill -9 of `serve` while clients push: what was acknowledged is there afterwards, and right.
 */
import { afterAll, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestOf, temporaryFolder } from '#kernel/index.ts'
import { registryClient } from '#oci/index.ts'
import { blobOf, bytesOf, emptyConfig, manifestOf, seededBytes } from './content.ts'
import { heard } from './servers.ts'

const rounds = Number(process.env['BACKLOT_TEST_CRASHES'] ?? 20)
const timeoutMs = 60_000 + rounds * 3000
const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

async function start(dir: string, port = '0') {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'serve-child.ts'), dir, port], {
    env: {},
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const registry = await heard(child.stdout, /serving (\S+) /)
  return {
    registry,
    kill: async () => {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

interface Acknowledged {
  readonly blobs: Map<Digest, number>
  readonly tags: Map<string, Digest>
}

test(
  `${rounds} times killed: every acknowledged digest and tag is there`,
  async () => {
    const seed = Date.now() % 1_000_000
    const dir = join(folder.path, 'registry')
    const acknowledged: Acknowledged = { blobs: new Map(), tags: new Map() }
    const random = generator(seed)
    try {
      for (let round = 0; round < rounds; round += 1) {
        const server = await start(dir)
        await checkAll(server.registry, acknowledged)
        await pushUntilKilled(server, acknowledged, { random, round })
      }
      const server = await start(dir)
      await checkAll(server.registry, acknowledged)
      await server.kill()
      checkFiles(dir)
      expect(acknowledged.tags.size).toBeGreaterThan(rounds / 2)
    } catch (error) {
      console.error(`seed ${seed}`)
      throw error
    }
  },
  timeoutMs,
)

test(
  'an upload goes on after the server was killed and started again',
  async () => {
    const dir = join(folder.path, 'resume')
    const bytes = seededBytes(3_000_000, 5)
    const first = await start(dir)
    const begun = await fetch(`http://${first.registry}/v2/r/blobs/uploads/`, { method: 'POST' })
    const location = begun.headers.get('location') ?? ''
    const part = await fetch(`http://${first.registry}${location}`, {
      method: 'PATCH',
      headers: { 'content-range': '0-1999999' },
      body: bytes.slice(0, 2_000_000),
    })
    expect(part.headers.get('range')).toBe('0-1999999')
    await first.kill()

    const second = await start(dir)
    const status = await fetch(`http://${second.registry}${location}`)
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-1999999'])
    const end = await fetch(`http://${second.registry}${location}?digest=${digestOf(bytes)}`, {
      method: 'PUT',
      headers: { 'content-range': '2000000-2999999' },
      body: bytes.slice(2_000_000),
    })
    expect(end.status).toBe(201)
    const blob = blobOf(bytes)
    const from = { registry: second.registry, repository: 'r' }
    expect(await bytesOf(registryClient().pullBlob(from, blob.descriptor))).toEqual(bytes)
    await second.kill()
  },
  timeoutMs,
)

test(
  'the client does not notice that the server was killed and came back',
  async () => {
    const dir = join(folder.path, 'comes-back')
    const first = await start(dir)
    const to = { registry: first.registry, repository: 'r' }
    const blob = blobOf(seededBytes(12_000_000, 6))
    const again = Promise.withResolvers<Awaited<ReturnType<typeof start>>>()
    let killed = false
    const source = {
      read: async function* (from: number) {
        for (let at = from; at < blob.bytes.byteLength; at += 65_536) {
          if (at > 6_000_000 && !killed) {
            killed = true
            await first.kill()
            again.resolve(start(dir, first.registry.split(':')[1]))
          }
          yield blob.bytes.subarray(at, at + 65_536)
        }
      },
    }
    const client = registryClient({ retry: { attempts: 12, firstDelayMs: 50, delayMsMax: 400 } })
    expect(await client.pushBlob(to, blob.descriptor, source)).toBe('uploaded')
    expect(await bytesOf(client.pullBlob(to, blob.descriptor))).toEqual(blob.bytes)
    expect(client.traffic().blobBytesSent).toBeLessThan(blob.bytes.byteLength * 2)
    await (await again.promise).kill()
  },
  timeoutMs,
)

/** Four clients push; after a random number of acknowledgements the server is killed. */
async function pushUntilKilled(
  server: { registry: string; kill: () => Promise<void> },
  acknowledged: Acknowledged,
  { random, round }: { random: () => number; round: number },
): Promise<void> {
  const client = registryClient({ retry: { attempts: 1 } })
  const to = { registry: server.registry, repository: 'r' }
  let left = 2 + Math.floor(random() * 20)
  const killing: Promise<void>[] = []
  const acknowledge = () => {
    left -= 1
    if (left <= 0 && killing.length === 0) killing.push(server.kill())
  }
  const push = async (worker: number) => {
    for (let turn = 0; killing.length === 0; turn += 1) {
      const size = Math.floor(random() ** 3 * 6_000_000)
      const blob = blobOf(seededBytes(size, round * 10_000 + worker * 1000 + turn))
      await client.pushBlob(to, blob.descriptor, blob.source)
      acknowledged.blobs.set(blob.descriptor.digest, size)
      acknowledge()
      await client.pushBlob(to, emptyConfig.descriptor, emptyConfig.source)
      const manifest = manifestOf([blob])
      const tag = `t${round}-${worker}-${turn}`
      await client.pushManifest(to, { ...manifest, tag })
      acknowledged.tags.set(tag, manifest.digest)
      acknowledge()
    }
  }
  await Promise.allSettled([0, 1, 2, 3].map(push))
  await (killing[0] ?? server.kill())
}

async function checkAll(registry: string, { blobs, tags }: Acknowledged): Promise<void> {
  const client = registryClient()
  const from = { registry, repository: 'r' }
  for (const [digest, size] of blobs) expect(await client.blobSize(from, digest)).toBe(size)
  const [last] = [...blobs].slice(-1)
  if (last !== undefined) {
    const [digest, size] = last
    expect(await bytesOf(client.pullBlob(from, { digest, size }))).toHaveLength(size)
  }
  for (const [tag, digest] of tags)
    expect((await client.resolve({ ...from, tag }))?.digest).toBe(digest)
}

/** Nothing half-written is visible: each file in blobs/ is what its name says. */
function checkFiles(dir: string): void {
  const names = readdirSync(join(dir, 'blobs', 'sha256'))
  expect(names.length).toBeGreaterThan(rounds)
  for (const name of names) {
    const actual: string = digestOf(readFileSync(join(dir, 'blobs', 'sha256', name)))
    expect(actual).toBe(`sha256:${name}`)
  }
}

function generator(seed: number): () => number {
  let state = seed + 0x9e37_79b9
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) + 0x6d2b_79f5) | 0
    return ((state ^ (state >>> 13)) >>> 0) / 4_294_967_296
  }
}
