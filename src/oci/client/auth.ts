/**
 * Answering a registry's question «who are you?»: Basic, and the token flow.
 *
 * Invariant: a credential goes to the registry that it is for, or to the token service that this
 * registry names, over TLS (this machine excepted), and nowhere else. Tokens are kept in memory
 * until shortly before they expire; one request fetches a token for all that wait for it.
 * Source: distribution/distribution, docs/spec/auth/{token,oauth,scope}.md; RFC 7617.
 */
import { z } from 'zod'
import { AppError, type Clock } from '#kernel/index.ts'
import { badAnswer, cappedBody, failure } from './answers.ts'
import type { Credential, Credentials } from './contract.ts'

const tokenBodyBytesMax = 1024 * 1024
const leewayMs = 10_000
/** A cache of other registries asks for one for each repository that somebody names. */
const tokensKeptMax = 1000

/** Some services fill what they do not use with `null` or an empty text. */
const TokenAnswer = z.looseObject({
  token: z.string().min(1).optional().catch(undefined),
  access_token: z.string().min(1).optional().catch(undefined),
  expires_in: z.number().optional().catch(undefined),
})

export type Challenge =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer'
      readonly realm: string
      readonly service: string | undefined
      readonly scopes: readonly string[]
    }

export interface Authorizer {
  /** The Authorization header for a request, as far as the registry's way is known. */
  header(registry: string, scopes: readonly string[]): Promise<string | undefined>
  /**
   * Learns from a 401. The header to try next; undefined when there is nothing better to try.
   */
  challenged(
    registry: string,
    response: Response,
    asked: { readonly scopes: readonly string[]; readonly header: string | undefined },
  ): Promise<string | undefined>
}

export interface AuthorizerOptions {
  readonly credentials: Credentials
  readonly clock: Clock
  /** Whether a token service may see the registry's credentials. */
  readonly tokenHost: (registry: string, host: string) => boolean
  /** Fetches with retries, without authorization of its own. @throws AppError `oci/plain-http` */
  readonly fetch: (url: URL, init: RequestInit, registry: string) => Promise<Response>
}

interface Token {
  readonly header: string
  readonly expiresMs: number
}

/** One for all requests of a client. */
export function authorizer(options: AuthorizerOptions): Authorizer {
  const challenges = new Map<string, Challenge>()
  const tokens = new Map<string, Promise<Token>>()
  const credentials = new Map<string, Promise<Credential | undefined>>()
  const credentialOf = (registry: string) =>
    kept(credentials, registry, () => options.credentials(registry))

  /** Forgets a token that is of no use any more, and never the one that another has put there. */
  const forget = async (key: string, isUseless: (token: Token) => boolean) => {
    const asked = tokens.get(key)
    const token = await asked?.catch(() => undefined)
    if (token !== undefined && isUseless(token) && tokens.get(key) === asked) tokens.delete(key)
  }

  const bearer = async (registry: string, challenge: Challenge, scopes: readonly string[]) => {
    const key = [registry, ...scopes].join(' ')
    await forget(key, ({ expiresMs }) => expiresMs <= options.clock.nowMs())
    const [oldest] = tokens.keys()
    const isFull = !tokens.has(key) && tokens.size >= tokensKeptMax
    if (isFull && oldest !== undefined) tokens.delete(oldest)
    const fresh = async () => {
      const known = challenge.kind === 'bearer' && mayKnow(options, registry, challenge.realm)
      const credential = known ? await credentialOf(registry) : undefined
      return await fetchToken(options, { registry, challenge, scopes }, credential)
    }
    return (await kept(tokens, key, fresh)).header
  }

  return {
    header: async (registry, scopes) => {
      const challenge = challenges.get(registry)
      if (challenge === undefined) return undefined
      if (challenge.kind === 'basic') return basic(await credentialOf(registry))
      return await bearer(registry, challenge, scopes)
    },
    challenged: async (registry, response, { scopes, header }) => {
      const challenge = parseChallenge(response.headers.get('www-authenticate'))
      if (challenge === undefined) return undefined
      challenges.set(registry, challenge)
      if (challenge.kind === 'basic') {
        const next = basic(await credentialOf(registry))
        return next === header ? undefined : next
      }
      const all = [...new Set([...scopes, ...challenge.scopes])]
      // A token that was just refused is fetched anew, once for all to whom that happened.
      await forget([registry, ...all].join(' '), (token) => token.header === header)
      return await bearer(registry, challenge, all)
    },
  }
}

/** The first challenge that we can answer. */
export function parseChallenge(header: string | null): Challenge | undefined {
  const text = header ?? ''
  const start = /(?:^|,\s*)bearer\s+/i.exec(text)
  if (start !== null) {
    const parameters = new Map<string, string>()
    const rest = text.slice(start.index + start[0].length)
    for (const [, key = '', quoted, bare] of rest.matchAll(/([a-z_]+)=(?:"([^"]*)"|([^\s,"]+))/gi))
      if (!parameters.has(key.toLowerCase()))
        parameters.set(key.toLowerCase(), quoted ?? bare ?? '')
    const realm = parameters.get('realm')
    const scopes = (parameters.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
    if (realm !== undefined)
      return { kind: 'bearer', realm, service: parameters.get('service'), scopes }
  }
  return /(?:^|,\s*)basic(?:\s|$)/i.test(text) ? { kind: 'basic' } : undefined
}

function mayKnow({ tokenHost }: AuthorizerOptions, registry: string, realm: string): boolean {
  return URL.canParse(realm) && tokenHost(registry, new URL(realm).host)
}

async function fetchToken(
  options: AuthorizerOptions,
  want: {
    readonly registry: string
    readonly challenge: Challenge
    readonly scopes: readonly string[]
  },
  credential: Credential | undefined,
): Promise<Token> {
  const { registry, challenge, scopes } = want
  const question = { registry, what: 'fetch a token' }
  if (challenge.kind !== 'bearer' || !URL.canParse(challenge.realm))
    throw badAnswer(question, 'its token service is not a URL')
  const { url, init } = tokenRequest(
    new URL(challenge.realm),
    challenge.service,
    scopes,
    credential,
  )
  const response = await options.fetch(url, init, registry)
  if (!response.ok) throw await failure(response, question)
  const body = await cappedBody(response, tokenBodyBytesMax, 'The token')
  const answer = TokenAnswer.safeParse(parsed(body))
  const token = answer.data?.token ?? answer.data?.access_token
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
    throw badAnswer(question, 'there is no token in its answer')
  const lifeMs = Math.max(60, answer.data?.expires_in ?? 60) * 1000 - leewayMs
  return { header: `Bearer ${token}`, expiresMs: options.clock.nowMs() + lifeMs }
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credential: Credential | undefined,
): { url: URL; init: RequestInit } {
  if (credential?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: credential.token,
      client_id: 'backlot',
      scope: scopes.join(' '),
      ...(service === undefined ? {} : { service }),
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return { url: realm, init: { method: 'POST', headers, body: form.toString() } }
  }
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  const header = basic(credential)
  return { url, init: header === undefined ? {} : { headers: { authorization: header } } }
}

function basic(credential: Credential | undefined): string | undefined {
  if (credential?.kind !== 'password') return undefined
  const pair = `${credential.username}:${credential.password}`
  return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch {
    return undefined
  }
}

/** The promise under a key, made if there is none; a refusal is not kept. */
async function kept<T>(
  promises: Map<string, Promise<T>>,
  key: string,
  make: () => Promise<T>,
): Promise<T> {
  const known = promises.get(key)
  if (known !== undefined) return await known
  const made = make()
  promises.set(key, made)
  try {
    return await made
  } catch (error) {
    if (promises.get(key) === made) promises.delete(key)
    throw error
  }
}

/** Refuses to send anything in the clear over a network. */
export function checkScheme(url: URL, allowed: boolean): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && allowed)) return
  throw new AppError('oci/plain-http', `${url.protocol}//${url.host} is not TLS`, {
    hints: ['Only this machine is spoken to in plain HTTP; allow others by name if you must.'],
  })
}
