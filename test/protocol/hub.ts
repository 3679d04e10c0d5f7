/**
 * A registry with Docker Hub's habits before one that has none: tokens that expire, pulls counted
 * by account or address, HEAD for free, 429 with Retry-After; and it can be told to fail.
 *
 * Source: Docker's documentation of its pull limits and of its token service.
 */
export interface HubOptions {
  /** Base URL of the registry that has the content. */
  readonly backing: string
  /** Pulls of who does not say who asks. */
  readonly limit?: number
  readonly accounts?: Readonly<
    Record<string, { readonly password: string; readonly limit: number }>
  >
  readonly tokenSeconds?: number
  readonly retryAfterSeconds?: number
}

export interface Hub extends AsyncDisposable {
  readonly registry: string
  readonly asked: readonly string[]
  /** How many requests began with this. */
  count(start: string): number
  /** Pulls that were let through, by account; '' for nobody. */
  readonly pulls: Readonly<Record<string, number>>
  /** Tokens that were given. */
  readonly tokens: () => number
  /** Answers every request from now on; undefined: the registry does again. */
  instead: ((request: Request) => Response | Promise<Response | undefined> | undefined) | undefined
  /** Forgets what was pulled: a new window. */
  reset(): void
  /** Does not know its tokens any more. */
  expire(): void
}

const windowSeconds = 21_600

interface State extends HubOptions {
  readonly pulls: Record<string, number>
  readonly known: Map<string, { readonly account: string; readonly untilMs: number }>
  given: number
}

export function dockerHub(options: HubOptions): Hub {
  const asked: string[] = []
  const state: State = { ...options, pulls: {}, known: new Map(), given: 0 }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const url = new URL(request.url)
      asked.push(`${request.method} ${url.pathname}`)
      const instead = await hub.instead?.(request)
      if (instead !== undefined) return instead
      if (url.pathname === '/token') return token(state, request)
      const account = accountOf(state, request)
      return account === undefined
        ? challenge(url.host)
        : await answer(state, { request, url, account })
    },
  })
  const hub: Hub = {
    registry: `127.0.0.1:${server.port}`,
    asked,
    count: (start) => asked.filter((line) => line.startsWith(start)).length,
    pulls: state.pulls,
    tokens: () => state.given,
    instead: undefined,
    reset: () => {
      for (const name of Object.keys(state.pulls)) state.pulls[name] = 0
    },
    expire: () => state.known.clear(),
    [Symbol.asyncDispose]: () => server.stop(true),
  }
  return hub
}

function token(state: State, request: Request): Response {
  const header = request.headers.get('authorization') ?? ''
  const pair = Buffer.from(header.replace(/^Basic /, ''), 'base64').toString()
  const [name = '', password] = pair.split(':')
  if (header !== '' && state.accounts?.[name]?.password !== password)
    return Response.json({ details: 'incorrect username or password' }, { status: 401 })
  state.given += 1
  const value = `token-${state.given}`
  const seconds = state.tokenSeconds ?? 300
  state.known.set(value, { account: name, untilMs: Date.now() + seconds * 1000 })
  return Response.json({ token: value, expires_in: seconds })
}

function accountOf(state: State, request: Request): string | undefined {
  const header = request.headers.get('authorization') ?? ''
  const known = state.known.get(header.replace(/^Bearer /, ''))
  return known !== undefined && known.untilMs > Date.now() ? known.account : undefined
}

function challenge(host: string): Response {
  const realm = `Bearer realm="http://${host}/token",service="hub"`
  return Response.json(
    { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] },
    { status: 401, headers: { 'www-authenticate': realm } },
  )
}

async function answer(
  state: State,
  { request, url, account }: { request: Request; url: URL; account: string },
): Promise<Response> {
  const manifest = url.pathname.includes('/manifests/')
  const limit = (account === '' ? state.limit : state.accounts?.[account]?.limit) ?? 100
  const used = state.pulls[account] ?? 0
  const counts = manifest && request.method === 'GET'
  if (counts && used >= limit) {
    const message = 'toomanyrequests: You have reached your pull rate limit.'
    const retry = { 'retry-after': `${state.retryAfterSeconds ?? 60}` }
    const headers = { ...limits({ limit, left: 0, account }), ...retry }
    return new Response(message, { status: 429, headers })
  }
  const headers = new Headers(request.headers)
  headers.delete('authorization')
  headers.delete('host')
  const response = await fetch(`${state.backing}${url.pathname}${url.search}`, {
    method: request.method,
    headers,
    redirect: 'manual',
    decompress: false,
  })
  if (counts && response.ok) state.pulls[account] = used + 1
  const told = new Headers(response.headers)
  const left = limit - (state.pulls[account] ?? 0)
  if (manifest)
    for (const [name, value] of Object.entries(limits({ limit, left, account })))
      told.set(name, value)
  const body = request.method === 'HEAD' ? null : response.body
  return new Response(body, { status: response.status, headers: told })
}

function limits(now: { limit: number; left: number; account: string }): Record<string, string> {
  return {
    'ratelimit-limit': `${now.limit};w=${windowSeconds}`,
    'ratelimit-remaining': `${now.left};w=${windowSeconds}`,
    'docker-ratelimit-source': now.account === '' ? '192.0.2.1' : now.account,
  }
}
