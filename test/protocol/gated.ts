/**
 * An upstream whose blob flows as the test lets it: on a bare socket, so that it can also stop, lie
 * about lengths and hang up.
 */
import { createServer, type Socket } from 'node:net'
import { listening } from './listening.ts'

export interface Gated extends AsyncDisposable {
  readonly registry: string
  /** GETs of blobs, by the `Range` that they asked for; '' for the whole. */
  readonly gets: readonly string[]
  readonly heads: () => number
  /** Connections that blobs flow on at this moment. */
  readonly open: () => number
  /** Lets the blob flow up to this byte. */
  flow(untilByte: number): void
  /** Hangs up on everybody who gets something. */
  hangUp(): void
}

export interface GatedOptions {
  readonly bytes: Uint8Array
  /** What HEAD and GET announce, when that is not the length. */
  readonly announced?: number
  /** What HEAD announces. */
  readonly headSize?: number
  readonly ranges?: boolean
}

interface Client {
  readonly socket: Socket
  at: number
}

export async function gatedUpstream(options: GatedOptions): Promise<Gated> {
  const { bytes } = options
  const gets: string[] = []
  const clients = new Set<Client>()
  let [heads, until] = [0, 0]
  const push = (client: Client) => {
    const end = Math.min(until, bytes.byteLength)
    if (client.at >= end || client.socket.destroyed) return
    client.socket.write(bytes.subarray(client.at, end))
    client.at = end
    if (end === bytes.byteLength) client.socket.end()
  }
  const server = createServer((socket) => {
    const client = { socket, at: 0 }
    socket.on('error', () => undefined)
    socket.on('close', () => clients.delete(client))
    socket.once('data', (data) => {
      const request = data.toString('latin1')
      const { head, start } = answerTo(request, options)
      socket.write(`${head.join('\r\n')}\r\nconnection: close\r\n\r\n`)
      if (request.startsWith('HEAD') || !request.includes('/blobs/')) {
        heads += 1
        socket.end()
        return
      }
      gets.push(rangeOf(request))
      client.at = start
      clients.add(client)
      push(client)
    })
  })
  const registry = await listening(server)
  return {
    registry,
    gets,
    heads: () => heads,
    open: () => clients.size,
    flow: (untilByte) => {
      until = untilByte
      for (const client of clients) push(client)
    },
    hangUp: () => {
      for (const { socket } of clients) socket.destroy()
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of clients) socket.destroy()
      server.close()
    },
  }
}

function rangeOf(request: string): string {
  return /^range: (\S+)/im.exec(request)?.[1] ?? ''
}

function answerTo(
  request: string,
  { bytes, announced, headSize, ranges = true }: GatedOptions,
): { readonly head: readonly string[]; readonly start: number } {
  const { byteLength } = bytes
  const isBlob = request.includes('/blobs/')
  const size = (request.startsWith('HEAD') ? headSize : announced) ?? byteLength
  const start = ranges ? Number(/bytes=(\d+)-/.exec(rangeOf(request))?.[1] ?? 0) : 0
  if (!isBlob) return { head: ['HTTP/1.1 404 Not Found', 'content-length: 0'], start }
  if (start === 0) return { head: ['HTTP/1.1 200 OK', `content-length: ${size}`], start }
  const range = `content-range: bytes ${start}-${byteLength - 1}/${byteLength}`
  const length = `content-length: ${byteLength - start}`
  return { head: ['HTTP/1.1 206 Partial Content', length, range], start }
}
