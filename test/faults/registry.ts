/**
 * The real `backlot serve` in a process of its own, and a proxy before it that fails on demand.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { ended, type Outcome, type Project, type Running } from '../cli/harness.ts'
import { listening } from '../protocol/listening.ts'

export interface Served extends AsyncDisposable {
  /** Host and port. */
  readonly host: string
  readonly data: string
  readonly child: Running
  /** Stops it as Ctrl-C does. */
  stop(): Promise<number>
}

/** Starts `backlot serve`; with a port given, on that. */
export async function serveRegistry(
  place: Project,
  options: { readonly data?: string; readonly port?: string } = {},
): Promise<Served> {
  const data = options.data ?? join(place.home, '../registry')
  const words = ['--port', options.port ?? '0', '--data', data, '--format', 'json']
  const child = place.start('serve', ...words)
  const { url } = await firstDocument(child)
  const stop = async () => {
    child.kill('SIGINT')
    return await child.exited
  }
  const host = new URL(url).host
  return { host, data, child, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}

async function firstDocument(child: Running): Promise<{ url: string }> {
  let text = ''
  const decoder = new TextDecoder()
  const reader = child.stdout.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    text += decoder.decode(value, { stream: true })
    if (text.endsWith('}\n')) {
      reader.releaseLock()
      return JSON.parse(text)
    }
    if (done) {
      const said: Outcome = await ended(child)
      throw new Error(`serve ended with ${said.exitCode}: ${said.stderr}`)
    }
  }
}

export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** The connection breaks after so many bytes of the answer's body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** The answer's body has one bit changed. */
  | { readonly kind: 'flip' }
  /** The connection breaks before there is an answer. */
  | { readonly kind: 'hang up' }
  /** The bytes of the last request of an upload arrive, and then the connection breaks. */
  | { readonly kind: 'half done' }
  /** There is no answer, and the connection stays. */
  | { readonly kind: 'silence' }

/** What goes wrong with a request; undefined: nothing. */
export type Rule = (request: {
  readonly method: string
  readonly path: string
}) => Fault | undefined

export interface Proxy extends AsyncDisposable {
  readonly host: string
  /** Requests as `GET /v2/…`, with the range where one was asked for. */
  readonly asked: string[]
  rule: Rule
}

/** A proxy before a registry; faults come from `rule`, which may be exchanged at any time. */
export async function faultyProxy(upstream: string): Promise<Proxy> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url: path = '/' } = request
    const { range } = request.headers
    asked.push(`${method} ${path}${range === undefined ? '' : ` ${range}`}`)
    const fault = proxy.rule({ method, path })
    const body = await bodyOf(request)
    if (fault?.kind === 'silence') return
    if (fault?.kind === 'hang up') return void request.socket.destroy()
    if (fault?.kind === 'status') {
      response.writeHead(fault.status, { ...fault.headers, 'content-length': '0' })
      return void response.end()
    }
    const headers = forwarded(request)
    if (fault?.kind === 'half done') {
      await fetch(`http://${upstream}${path.replace(/\?.*/, '')}`, {
        method: 'PATCH',
        headers,
        body,
      })
      return void request.socket.destroy()
    }
    const got = await fetch(`http://${upstream}${path}`, {
      method,
      headers,
      redirect: 'manual',
      ...(body.byteLength === 0 ? {} : { body }),
    })
    const bytes = new Uint8Array(await got.arrayBuffer())
    const answered = Object.fromEntries(got.headers.entries())
    if (fault?.kind === 'flip') bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    response.writeHead(got.status, answered)
    if (fault?.kind !== 'cut') return void response.end(bytes)
    response.write(bytes.subarray(0, fault.afterBytes), () => request.socket.destroy())
  }
  const host = await listening(server)
  const proxy: Proxy = {
    host,
    asked,
    rule: () => undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

function forwarded(request: IncomingMessage): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers))
    if (
      typeof value === 'string' &&
      !/^(?:host|connection|content-length|transfer-encoding)$/.test(name)
    )
      headers.set(name, value)
  return headers
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}
