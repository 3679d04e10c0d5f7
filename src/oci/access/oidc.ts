/**
 * Tokens that others sign, such as those of GitHub Actions: who they are for, what they allow.
 *
 * Invariant: a token is taken only with one of two signature algorithms, under a key of the issuer
 * that the configuration names for it, for our audience, within its time. Its claims allow what a
 * rule says whose patterns all match, and nothing else; a rule that does not speak of events never
 * lets a pull request do more than pull, because a pull request runs what a stranger wrote.
 * Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 8725 (best practices for JSON Web Tokens).
 */
import { type KeyObject, verify } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '#kernel/index.ts'
import { isRepositoryName } from '../reference.ts'
import type { Jwks } from './jwks.ts'
import { namePattern } from './pattern.ts'
import type { Action, Grant } from './principal.ts'
import { decoded, tokenCharactersMax } from './sessions.ts'

const leewaySeconds = 60
const nameCharactersMax = 255

export interface OidcRule {
  /** Claims and the patterns that they must match. */
  readonly when: Readonly<Record<string, string>>
  /** Patterns of repositories; `${claim}` is the value of a claim, lower-cased. */
  readonly repositories: readonly string[]
  readonly actions: readonly Action[]
}

export interface OidcProvider {
  readonly issuer: string
  readonly audience: string
  readonly jwks: Jwks
  readonly rules: readonly OidcRule[]
}

export interface OidcIdentity {
  /** The claim `sub`. */
  readonly name: string
  readonly grants: readonly Grant[]
  readonly expiresMs: number
}

const Header = z.looseObject({
  alg: z.enum(['RS256', 'ES256']),
  kid: z.string().min(1).max(200),
  typ: z.string().optional(),
  crit: z.never().optional(),
})
const Claims = z.looseObject({
  iss: z.string(),
  sub: z.string().min(1).max(2000),
  aud: z.union([z.string(), z.array(z.string()).max(100)]),
  exp: z.number(),
  nbf: z.number().optional(),
  iat: z.number().optional(),
})
type Claims = z.infer<typeof Claims>

/** Whether a text has the form of a signed token. */
export function looksSigned(text: string): boolean {
  return /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(text)
}

/**
 * Who a token speaks for; undefined for one that is not to be believed.
 * @throws AppError `oci/issuer-gone`
 */
export async function oidcIdentity(
  token: string,
  providers: readonly OidcProvider[],
  clock: Clock,
): Promise<OidcIdentity | undefined> {
  if (token.length > tokenCharactersMax || !looksSigned(token)) return undefined
  const [head = '', body = '', signature = ''] = token.split('.')
  const header = Header.safeParse(decoded(head)).data
  const claims = Claims.safeParse(decoded(body)).data
  if (header === undefined || claims === undefined) return undefined
  // One issuer may have several audiences, each with rules of its own.
  const provider = providers.find(
    ({ issuer, audience }) => issuer === claims.iss && isForUs(claims, audience, clock),
  )
  if (provider === undefined) return undefined
  const key = await provider.jwks.key(header.kid, header.alg)
  if (key === undefined) return undefined
  const signed = Buffer.from(`${head}.${body}`)
  const bytes = Buffer.from(signature, 'base64url')
  if (!isSignedBy(key, signed, bytes)) return undefined
  return {
    name: claims.sub.slice(0, nameCharactersMax),
    grants: grantsOf(claims, provider.rules),
    expiresMs: claims.exp * 1000,
  }
}

function isSignedBy(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false // Of a length that no signature has.
  }
}

function isForUs({ aud, exp, nbf, iat }: Claims, audience: string, clock: Clock): boolean {
  const now = clock.nowMs() / 1000
  const meant = typeof aud === 'string' ? aud === audience : aud.includes(audience)
  return (
    meant && exp > now && (nbf ?? 0) <= now + leewaySeconds && (iat ?? 0) <= now + leewaySeconds
  )
}

/** What the rules allow to who has these claims. */
function grantsOf(
  claims: Readonly<Record<string, unknown>>,
  rules: readonly OidcRule[],
): readonly Grant[] {
  return rules.flatMap(({ when, repositories, actions }) => {
    const fits = Object.entries(when).every(([claim, pattern]) => {
      const value = claims[claim]
      return typeof value === 'string' && namePattern(pattern)(value)
    })
    if (!fits) return []
    const careful = isPullRequest(claims) && when['event_name'] === undefined
    const allowed = careful ? actions.filter((action) => action === 'pull') : actions
    const filled = repositories.flatMap((pattern) => filledPattern(pattern, claims) ?? [])
    return allowed.length === 0 || filled.length === 0
      ? []
      : [{ repositories: filled, actions: allowed }]
  })
}

/** Also of a workflow of the base branch that a pull request started, whose `sub` names that branch. */
function isPullRequest(claims: Readonly<Record<string, unknown>>): boolean {
  const { event_name: event, ref, sub } = claims
  return (
    (typeof event === 'string' && event.startsWith('pull_request')) ||
    (typeof ref === 'string' && ref.startsWith('refs/pull/')) ||
    (typeof sub === 'string' && /:pull_request(?::|$)|:refs\/pull\//.test(sub))
  )
}

/** Undefined when a claim that it names is missing or is no repository name: it may hold no `*`. */
function filledPattern(
  pattern: string,
  claims: Readonly<Record<string, unknown>>,
): string | undefined {
  const nameIn = (claim: string): string => {
    const value = claims[claim]
    return typeof value === 'string' ? value.toLowerCase() : ''
  }
  const wanted = [...pattern.matchAll(/\$\{([a-z_]+)\}/g)].map(([, claim = '']) => nameIn(claim))
  if (!wanted.every(isRepositoryName)) return undefined
  return pattern.replaceAll(/\$\{([a-z_]+)\}/g, (_all, claim: string) => nameIn(claim))
}
