/**
 * Bun's HTTP server at an address, and a new certificate for it while it runs.
 *
 * Bun cannot change the certificate of a server: another one takes over the port, and the older
 * ends with its last connection. A listener that closes resets what it has not accepted yet, so for
 * a while the older one still takes what had begun to connect to it.
 *
 * What Bun does by itself about slow clients (test/faults/slow-clients.test.ts): a request whose
 * head is not whole after about 12 seconds, a body that arrives slower than 16 KiB a second over
 * the idle time-out, and a connection on which nothing moves for so long, are closed; more than
 * 16 KiB of head are answered with 431.
 */
import { AppError, systemCode } from '#kernel/index.ts'
import type { RegistryApp } from './app.ts'
import type { Tls } from './certificate.ts'
import { unpaceLoopback } from './pacing.ts'
import { filesOf, type SocketCalls, socketsAt } from './sockets.ts'

/** More than the round trips of a far client that was connecting. */
const lateMs = 2000

/** Blobs are bounded by the registry, manifests by their route. */
const bodyBytesMax = 512 * 1024 ** 3

export interface ListenOptions {
  readonly host: string
  readonly port: number
  readonly tls: Tls | undefined
  readonly idleSeconds: number
  /** How long requests in flight may go on when the listener stops. */
  readonly graceMs: number
  readonly app: RegistryApp
  /** Without these all is sent as the system's settings have it. */
  readonly calls: SocketCalls | undefined
}

export interface Listener {
  readonly port: number
  /** Uses this certificate for connections from now on. */
  renew(tls: Tls): void
  /** Ends requests in flight after a short grace. */
  stop(): Promise<void>
}

/** @throws AppError `oci/port-taken` */
export function listenAt(options: ListenOptions): Listener {
  const { host, port, tls, graceMs, calls } = options
  try {
    // Two servers share the port while one takes over from the other, so ask if it is free before.
    if (tls !== undefined && port !== 0) void serverAt(options, { reusePort: false }).stop(true)
    let server = serverAt(options, { reusePort: tls !== undefined })
    /** Those that take no connection any more, until their last one has ended. */
    const ending = new Map<typeof server, Promise<void>>()
    const end = async (one: typeof server): Promise<void> => {
      const ended = one.stop(false)
      ending.set(one, ended)
      await ended
      ending.delete(one)
    }
    let late: { readonly server: typeof server; readonly timer: Timer } | undefined
    const letGo = (): void => {
      if (late === undefined) return
      clearTimeout(late.timer)
      void end(late.server)
      late = undefined
    }
    return {
      port: server.port ?? port,
      renew: (renewed) => {
        letGo()
        const before = server
        const at = before.port ?? port
        server = serverAt({ ...options, port: at, tls: renewed }, { reusePort: true })
        if (calls !== undefined) leadToNewest(at, calls)
        late = { server: before, timer: setTimeout(letGo, lateMs) }
      },
      stop: async () => {
        letGo()
        const timer = setTimeout(() => {
          for (const one of ending.keys()) void one.stop(true)
        }, graceMs)
        void end(server)
        await Promise.all(ending.values())
        clearTimeout(timer)
      },
    }
  } catch (error) {
    const taken = systemCode(error) === 'EADDRINUSE'
    throw new AppError(
      'oci/port-taken',
      taken ? `${host}:${port} is taken` : `Cannot listen on ${host}:${port}`,
      { hints: [taken || (port > 0 && port < 1024) ? otherPort : otherAddress], cause: error },
    )
  }
}

/** Has what connects from now on come to the newer of two that listen. */
function leadToNewest(port: number, calls: SocketCalls): void {
  const newest = 1
  for (const file of filesOf(socketsAt(port, 'listening'))) calls.leadConnectionsTo(file, newest)
}

const otherPort = 'Choose another port with --port; 0 takes a free one.'
const otherAddress =
  'Name an address of this machine with --host: 127.0.0.1 for itself, 0.0.0.0 for all of its networks.'

function serverAt(
  { host, port, tls, idleSeconds, app, calls }: ListenOptions,
  { reusePort }: { readonly reusePort: boolean },
) {
  const serving = Bun.serve({
    hostname: host,
    port,
    fetch: (request, server) =>
      app.fetch(request, {
        peer: () => server.requestIP(request)?.address ?? '',
        pending: server.pendingRequests,
      }),
    development: false,
    reusePort, // Without it being false, Bun lets a second server share the port.
    idleTimeout: idleSeconds,
    maxRequestBodySize: bodyBytesMax,
    ...(tls === undefined ? {} : { tls }),
  })
  if (calls !== undefined) unpaceLoopback(serving.port ?? port, calls)
  return serving
}
