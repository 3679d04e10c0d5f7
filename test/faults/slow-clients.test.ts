/**
 * Clients that never finish, and very many that do nothing: others are served meanwhile, and the
 * slow ones are let go.
 */
import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { heard, ourRegistry } from '../protocol/servers.ts'

const config = parseRegistryConfig('limits: { idle-timeout: 8s }', 'registry.yaml')
const post = 'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n'

interface Slow {
  readonly name: string
  readonly first: string
  readonly more: string
}

const slowClients: readonly Slow[] = [
  { name: 'says nothing', first: '', more: '' },
  { name: 'header by header', first: 'GET /v2/ HTTP/1.1\r\nHost: x\r\n', more: 'X-A: b\r\n' },
  { name: 'byte by byte', first: 'GET /v2/ HTTP/1.1\r\nX-A: ', more: 'b' },
  {
    name: 'a second request byte by byte',
    first: 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/ HTTP/1.1\r\nX-A: ',
    more: 'b',
  },
  { name: 'a body byte by byte', first: `${post}Content-Length: 1000000\r\n\r\n`, more: 'b' },
  {
    name: 'chunk by chunk',
    first: `${post}Transfer-Encoding: chunked\r\n\r\n`,
    more: '1\r\nb\r\n',
  },
]

/** Resolves with how long the server bore the client. */
async function borne(port: number, { first, more }: Slow): Promise<number> {
  const beganMs = performance.now()
  const ended = Promise.withResolvers<number>()
  const socket = connect(port, '127.0.0.1', () => socket.write(first))
  const trickle = setInterval(() => more !== '' && socket.write(more), 250)
  socket.resume()
  socket.on('error', () => undefined)
  socket.on('close', () => {
    clearInterval(trickle)
    ended.resolve(performance.now() - beganMs)
  })
  return await ended.promise
}

test('who sends a byte at a time is let go, not who is slow but steady', async () => {
  await using server = await ourRegistry({ config })
  const port = Number(new URL(server.url).port)
  const crowd = slowClients.flatMap((slow) => Array.from({ length: 50 }, () => borne(port, slow)))
  const steady = steadyUpload(server.url)
  let answered = 0
  const all = Promise.all(crowd)
  const times = await (async () => {
    for (;;) {
      expect((await fetch(`${server.url}/v2/`)).status).toBe(200)
      answered += 1
      const ended = await Promise.race([all, Bun.sleep(20)])
      if (ended !== undefined) return ended
    }
  })()
  await steady
  expect(Math.max(...times)).toBeLessThan(30_000)
  expect(answered).toBeGreaterThan(100)
}, 60_000)

test('who takes nothing of an answer is let go, and others get theirs', async () => {
  await using server = await ourRegistry({ config })
  const port = Number(new URL(server.url).port)
  const blob = new Uint8Array(32 * 1024 * 1024)
  const path = `/v2/a/blobs/${digestOf(blob)}`
  const push = `${server.url}/v2/a/blobs/uploads/?digest=${digestOf(blob)}`
  expect((await fetch(push, { method: 'POST', body: blob })).status).toBe(201)
  const crowd = Array.from({ length: 100 }, () => untaken(port, path))
  const all = Promise.all(crowd)
  const taken = await (async () => {
    for (;;) {
      const answer = await fetch(server.url + path, { headers: { range: 'bytes=0-65535' } })
      expect((await answer.arrayBuffer()).byteLength).toBe(65_536)
      const ended = await Promise.race([all, Bun.sleep(20)])
      if (ended !== undefined) return ended
    }
  })()
  expect(Math.max(...taken)).toBeLessThan(blob.byteLength)
}, 60_000)

/** Asks for a blob and reads only when the server has had enough; how much there was then. */
async function untaken(port: number, path: string): Promise<number> {
  const ended = Promise.withResolvers<number>()
  let bytes = 0
  const socket = connect(port, '127.0.0.1', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    socket.pause()
  })
  socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  socket.on('error', () => undefined)
  socket.on('close', () => ended.resolve(bytes))
  // Longer than the idle time-out: this client is slow, that is what is tested.
  setTimeout(() => socket.resume(), 16_000)
  return await ended.promise
}

/** An upload of 64 KiB every fifth of a second, for longer than the idle time-out. */
async function steadyUpload(url: string): Promise<void> {
  const begun = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' })
  const chunk = new Uint8Array(64 * 1024)
  const steady = (async function* () {
    for (let at = 0; at < 60; at += 1) {
      yield chunk
      await Bun.sleep(200) // This client is slow: that is what is tested, not waited for.
    }
  })()
  const location = begun.headers.get('location') ?? ''
  const answer = await fetch(url + location, { method: 'PATCH', body: steady })
  expect(answer.headers.get('range')).toBe(`0-${60 * chunk.byteLength - 1}`)
}

test('heads that are too large are refused', async () => {
  await using server = await ourRegistry({ config })
  const large = await fetch(`${server.url}/v2/`, { headers: { 'x-a': 'a'.repeat(20_000) } })
  expect(large.status).toBe(431)
  const path = await fetch(`${server.url}/v2/${'a/'.repeat(2000)}tags/list`)
  expect(path.status).toBe(404)
})

const connectionsWanted = 10_000

test('ten thousand connections that do nothing hinder nobody', async () => {
  using folder = temporaryFolder()
  const argv = [process.execPath, join(import.meta.dir, '../protocol/serve-child.ts'), folder.path]
  const child = Bun.spawn([...argv, '0'], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  const registry = await heard(child.stdout, /serving (\S+) /)
  const url = `http://${registry}`
  const port = Number(new URL(url).port)
  const sockets = await Promise.all(Array.from({ length: openable() }, () => opened(port)))
  for (let at = 0; at < 100; at += 1) {
    const body = `blob ${at}`
    const push = `${url}/v2/a/blobs/uploads/?digest=${digestOf(body)}`
    expect((await fetch(push, { method: 'POST', body })).status).toBe(201)
    expect(await (await fetch(`${url}/v2/a/blobs/${digestOf(body)}`)).text()).toBe(body)
  }
  for (const socket of sockets) socket.destroy()
  await child.stdin.end()
  expect(await child.exited).toBe(0)
}, 60_000)

/** What this process may open, with some to spare. */
function openable(): number {
  const limit = Bun.spawnSync(['sh', '-c', 'ulimit -n']).stdout.toString().trim()
  const files = limit === 'unlimited' ? Infinity : Number(limit)
  return Math.max(100, Math.min(connectionsWanted, files - 1000))
}

async function opened(port: number): Promise<Socket> {
  const there = Promise.withResolvers<Socket>()
  const socket = connect(port, '127.0.0.1', () => there.resolve(socket))
  socket.on('error', there.reject)
  return await there.promise
}
