/**
 * Requests to registries: scheme, authorization, redirects, retries, time-outs, counters.
 *
 * Invariant: the Authorization header goes to the registry's own origin only, never along a
 * redirect to another; a TLS connection is never followed into plain HTTP. A request without a
 * byte in either direction for `idleTimeoutMs` is given up.
 */
import {
  AppError,
  type Bytes,
  cancelled,
  type Clock,
  messageOf,
  silent,
  systemClock,
} from '#kernel/index.ts'
import { isLoopback } from '../reference.ts'
import { badAnswer, discard, type Question } from './answers.ts'
import { authorizer, checkScheme } from './auth.ts'
import type { RegistryClientOptions, RetryPolicy, Traffic } from './contract.ts'
import { defaultRetry, delayMs, isRetryable, type Pause, retryAfterMs, telling } from './retry.ts'

const redirectsMax = 8
const defaultIdleMs = 60_000

export interface Ask extends Question {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** A path on the registry, or a URL that the registry gave. */
  readonly url: string | URL
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes can be sent again; a stream is sent once, and its sender takes care of repeating. */
  readonly body?: Uint8Array | (() => Bytes)
  /** `repository:NAME:pull,push` */
  readonly scopes: readonly string[]
  readonly signal?: AbortSignal | undefined
  /** False: answers that may get better (429, 5xx) are given back as they are. */
  readonly retry?: boolean
}

/** An answer, its URL for relative links in it, and its body under the idle watch. */
export interface Answer {
  readonly response: Response
  readonly url: URL
  body(): Bytes
}

export interface Transport {
  readonly retry: RetryPolicy
  readonly clock: Clock
  readonly pause: Pause
  readonly traffic: { -readonly [K in keyof Traffic]: number }
  ask(request: Ask): Promise<Answer>
}

/** @throws AppError `oci/unreachable`, `oci/plain-http`, `kernel/cancelled` from its `ask` */
export function transport(options: RegistryClientOptions): Transport {
  const clock = options.clock ?? systemClock
  const retry = { ...defaultRetry, ...options.retry }
  const pause = telling({ emit: options.emit ?? silent, clock })
  const plain = options.plainHttp ?? isLoopback
  const traffic = {
    requests: 0,
    blobBytesSent: 0,
    blobBytesReceived: 0,
    manifestBytesSent: 0,
    manifestBytesReceived: 0,
  }
  const once = async (request: Ask, url: URL, authorization: string | undefined) => {
    checkScheme(url, plain(url.host))
    traffic.requests += 1
    return await fetchWatched(request, url, {
      idleMs: options.idleTimeoutMs ?? defaultIdleMs,
      fetch: options.fetch ?? fetch,
      signals: [options.signal, request.signal],
      headers: {
        'accept-encoding': 'identity',
        'user-agent': options.userAgent ?? 'backlot',
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
    })
  }
  const repeated = (request: Ask, attempt: () => Promise<Answer>): Promise<Answer> =>
    withRetries(request, attempt, {
      retry,
      clock,
      pause,
      signal: anyOf([options.signal, request.signal]),
    })
  const auth = authorizer({
    credentials: options.credentials ?? (async () => undefined),
    clock,
    tokenHost: options.tokenHost ?? (() => true),
    fetch: async (url, init, registry) => {
      const request = tokenAsk(url, init, registry)
      return (await repeated(request, () => once(request, url, undefined))).response
    },
  })
  const authorized = async (request: Ask): Promise<Answer> => {
    const base = baseUrl(request.registry, plain)
    const start = new URL(String(request.url), base)
    const own = start.origin === base.origin
    const header = own ? await auth.header(request.registry, request.scopes) : undefined
    const answer = await following(request, start, base, (url, isOwn) =>
      once(request, url, isOwn ? header : undefined),
    )
    if (answer.response.status !== 401 || !own) return answer
    const asked = { scopes: request.scopes, header }
    await discard(answer.response)
    const next = await auth.challenged(request.registry, answer.response, asked)
    if (next === undefined) return answer
    return await following(request, start, base, (url, isOwn) =>
      once(request, url, isOwn ? next : undefined),
    )
  }
  return {
    retry,
    clock,
    pause,
    traffic,
    ask: (request) => repeated(request, () => authorized(request)),
  }
}

function tokenAsk(url: URL, init: RequestInit, registry: string): Ask {
  return {
    registry,
    what: 'fetch a token',
    method: init.method === 'POST' ? 'POST' : 'GET',
    url,
    headers: Object.fromEntries(new Headers(init.headers).entries()),
    scopes: [],
    ...(typeof init.body === 'string' ? { body: new TextEncoder().encode(init.body) } : {}),
  }
}

function baseUrl(registry: string, plain: (registry: string) => boolean): URL {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  return new URL(`${plain(registry) ? 'http' : 'https'}://${host}/`)
}

/** Follows redirects by hand: only what may be repeated, and credentials stay at home. */
async function following(
  request: Ask,
  start: URL,
  base: URL,
  once: (url: URL, own: boolean) => Promise<Answer>,
): Promise<Answer> {
  let url = start
  for (let hops = 0; hops <= redirectsMax; hops += 1) {
    const answer = await once(url, url.origin === base.origin)
    const { status, headers } = answer.response
    const location = headers.get('location')
    const redirects = status === 307 || status === 308 || (status >= 301 && status <= 303)
    const repeatable = request.method === 'GET' || request.method === 'HEAD' || status >= 307
    if (!redirects || location === null || !repeatable) return answer
    await discard(answer.response)
    if (!URL.canParse(location, url.href)) throw badAnswer(request, 'it redirects to no URL')
    const next = new URL(location, url)
    if (url.protocol === 'https:') checkScheme(next, false)
    url = next
  }
  throw badAnswer(request, `it redirects more than ${redirectsMax} times`)
}

async function withRetries(
  request: Ask,
  attempt: () => Promise<Answer>,
  options: {
    readonly retry: RetryPolicy
    readonly clock: Clock
    readonly pause: Pause
    readonly signal: AbortSignal | undefined
  },
): Promise<Answer> {
  const { retry, clock, pause, signal } = options
  const { registry } = request
  const attempts =
    request.retry === false || typeof request.body === 'function' ? 1 : retry.attempts
  for (let failures = 1; ; failures += 1) {
    const result = await attempt().catch((error: unknown) => networkFailure(error, request, signal))
    const last = failures >= attempts
    if (result instanceof AppError) {
      if (last || !result.retryable) throw result
      await pause(delayMs(retry, failures), `${registry} cannot be reached`, signal)
      continue
    }
    const { status, headers } = result.response
    if (!isRetryable(status) || last) return result
    const wanted = retryAfterMs(headers, clock)
    if (wanted !== undefined && wanted > retry.retryAfterMsMax) return result
    await discard(result.response)
    const why = `${registry} answered ${status}`
    await pause(wanted ?? delayMs(retry, failures), why, signal)
  }
}

/** A failure of the connection as an error; other errors as they are. */
export function networkFailure(
  error: unknown,
  question: Question,
  signal: AbortSignal | undefined,
): AppError {
  if (signal?.aborted) return cancelled('The transfer')
  if (error instanceof AppError) return error
  const reason = messageOf(error)
  const { registry } = question
  const plain = `If it speaks HTTP without TLS, as \`backlot serve\` does: BACKLOT_PLAIN_HTTP=${registry}`
  return new AppError(
    'oci/unreachable',
    `${registry} could not be reached or broke off at «${question.what}»: ${reason}`,
    {
      hints: [
        'Check the name of the registry and the network, then run this again.',
        ...tlsHints(reason, plain),
      ],
      retryable: true,
      cause: error,
    },
  )
}

/**
 * What to do when TLS is why a server could not be reached.
 * @param reason What the connection failed with.
 * @param plain What to do if the server speaks HTTP without TLS.
 */
export function tlsHints(reason: string, plain: string): readonly string[] {
  if (/self.signed|unable to (?:verify|get)/i.test(reason))
    return ['NODE_EXTRA_CA_CERTS=FILE names a PEM file with certificates to trust besides.']
  return /TLS handshake|SSL/.test(reason) ? [plain] : []
}

interface WatchedFetch {
  readonly idleMs: number
  readonly fetch: NonNullable<RegistryClientOptions['fetch']>
  readonly signals: readonly (AbortSignal | undefined)[]
  readonly headers: Readonly<Record<string, string>>
}

async function fetchWatched(request: Ask, url: URL, options: WatchedFetch): Promise<Answer> {
  const idle = new AbortController()
  const expire = () => idle.abort(new Error(`no byte for ${options.idleMs} ms`))
  let timer = setTimeout(expire, options.idleMs)
  const touch = () => {
    clearTimeout(timer)
    timer = setTimeout(expire, options.idleMs)
    timer.unref()
  }
  const { body } = request
  try {
    const response = await options.fetch(url, {
      method: request.method,
      headers: { ...options.headers },
      redirect: 'manual',
      decompress: false,
      signal: anyOf([...options.signals, idle.signal]) ?? null,
      ...(body === undefined ? {} : { body: bodyInit(body, touch) }),
    })
    touch()
    if (response.body === null) clearTimeout(timer)
    return { response, url, body: () => touched(response, touch, () => clearTimeout(timer)) }
  } catch (error) {
    clearTimeout(timer)
    throw error
  }
}

function bodyInit(body: Uint8Array | (() => Bytes), touch: () => void): Bun.BodyInit {
  if (typeof body !== 'function') return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const chunks = body()[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await chunks.next()
      touch()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    cancel: async () => void (await chunks.return?.()),
  })
}

async function* touched(response: Response, touch: () => void, end: () => void): Bytes {
  try {
    for await (const chunk of response.body ?? []) {
      touch()
      yield chunk
    }
  } finally {
    end()
  }
}

function anyOf(signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length === 0 ? undefined : AbortSignal.any(given)
}
