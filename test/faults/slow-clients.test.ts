/**
 * Clients that never finish, and very many that do nothing: others are served meanwhile, and the
 * slow ones are let go.
 */
import { expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { parseRegistryConfig } from '#model/index.ts'
import { ourRegistry } from '../protocol/servers.ts'

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

test('whoever sends a byte at a time is let go, and nobody else waits for it', async () => {
  await using server = await ourRegistry({ config })
  const port = Number(new URL(server.url).port)
  const crowd = slowClients.flatMap((slow) => Array.from({ length: 50 }, () => borne(port, slow)))
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
  expect(Math.max(...times)).toBeLessThan(30_000)
  expect(answered).toBeGreaterThan(100)
}, 60_000)

test('a slow but steady upload goes through, however long it takes', async () => {
  await using server = await ourRegistry({ config })
  const begun = await fetch(`${server.url}/v2/a/blobs/uploads/`, { method: 'POST' })
  const chunk = new Uint8Array(64 * 1024)
  const steady = (async function* () {
    for (let at = 0; at < 60; at += 1) {
      yield chunk
      await Bun.sleep(200) // This client is slow: that is what is tested, not waited for.
    }
  })()
  const location = begun.headers.get('location') ?? ''
  const answer = await fetch(server.url + location, { method: 'PATCH', body: steady })
  expect(answer.headers.get('range')).toBe(`0-${60 * chunk.byteLength - 1}`)
}, 60_000)

test('heads that are too large are refused', async () => {
  await using server = await ourRegistry({ config })
  const large = await fetch(`${server.url}/v2/`, { headers: { 'x-a': 'a'.repeat(20_000) } })
  expect(large.status).toBe(431)
  const path = await fetch(`${server.url}/v2/${'a/'.repeat(2000)}tags/list`)
  expect(path.status).toBe(404)
})

const connectionsWanted = 10_000

test('ten thousand connections that do nothing hinder nobody', async () => {
  await using server = await ourRegistry()
  const port = Number(new URL(server.url).port)
  const sockets = await Promise.all(Array.from({ length: openable() }, () => opened(port)))
  try {
    for (let at = 0; at < 100; at += 1) {
      const push = `${server.url}/v2/a/blobs/uploads/?digest=${Bun.hash(`${at}`)}`
      expect((await fetch(push, { method: 'POST', body: `${at}` })).status).toBe(400)
      expect((await fetch(`${server.url}/v2/`)).status).toBe(200)
    }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}, 60_000)

/** Each costs two files in this process, which is both ends. */
function openable(): number {
  const limit = Bun.spawnSync(['sh', '-c', 'ulimit -n']).stdout.toString().trim()
  const files = limit === 'unlimited' ? Infinity : Number(limit)
  return Math.max(100, Math.min(connectionsWanted, Math.floor((files - 1000) / 2)))
}

async function opened(port: number): Promise<Socket> {
  const there = Promise.withResolvers<Socket>()
  const socket = connect(port, '127.0.0.1', () => there.resolve(socket))
  socket.on('error', there.reject)
  return await there.promise
}
