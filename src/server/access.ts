/**
 * Who asks, and whether they may: a principal for each request, and the action of each route.
 *
 * Invariant: whether a route may be taken is decided from the principal and the repository's name
 * before anything is looked up, so a refusal is the same whether a repository exists or not: 401
 * for who did not say who asks, 403 for who did. Who may not read learns nothing.
 * Source: distribution/distribution, docs/spec/auth/token.md; RFC 6750, 3; RFC 7617.
 */
import { AppError } from '#kernel/index.ts'
import {
  type Action,
  type AuditLog,
  type Authority,
  everybody,
  may,
  mayAnything,
  mayAsk,
  type Principal,
  scopeText,
} from '#oci/index.ts'
import { failedLogin } from './audited.ts'
import type { Failures } from './failures.ts'
import type { Target } from './paths.ts'

const credentialCharactersMax = 24_576
/** By which old clients know a registry, also by one that lets them in only with a name. */
export const apiVersion = { 'docker-distribution-api-version': 'registry/2.0' }

export interface Access {
  /** Hears of log-ins that failed. */
  readonly audit?: AuditLog
  /** Absent: everybody may do everything. */
  readonly authority?: Authority
  /** Counts log-ins that failed. */
  readonly failures: Failures
}

/** What of a request says who asks. */
export interface Asking {
  /** The header `Authorization`. */
  readonly header: string | null
  /** The address that it comes from. */
  readonly address: () => string
}

/**
 * Who asks.
 * @throws AppError `oci/unauthorized` for credentials that are not right, `oci/too-many-requests`
 *   after too many of them
 */
export async function principalOf(access: Access, asking: Asking): Promise<Principal> {
  const { authority } = access
  if (authority === undefined) return everybody
  const { header } = asking
  if (header === null) return authority.anonymous
  const [, scheme = '', value = ''] =
    header.length > credentialCharactersMax ? [] : (/^(\w+) +(\S+)$/.exec(header.trim()) ?? [])
  if (scheme.toLowerCase() === 'bearer') {
    const principal = await authority.bearer(value)
    if (principal !== undefined) return principal
    throw new AppError('oci/unauthorized', 'The token is not valid, or has expired or been revoked')
  }
  const login = scheme.toLowerCase() === 'basic' ? basicCredentials(value) : undefined
  if (login === undefined) throw new AppError('oci/unauthorized', 'The credentials are malformed')
  return await loggedIn(access, { ...login, address: asking.address() })
}

interface LoginFrom {
  readonly username: string
  readonly password: string
  readonly address: string
}

/** @throws AppError `oci/unauthorized`, `oci/too-many-requests` */
export async function loggedIn(
  { authority, failures, audit }: Access,
  { address, ...login }: LoginFrom,
): Promise<Principal> {
  if (authority === undefined) return everybody
  if (failures.tooMany(address)) throw tooManyLogins()
  const outcome = await authority.login(login)
  if (outcome === 'busy') throw tooManyLogins()
  if (outcome !== 'refused') return outcome
  failures.count(address)
  await audit?.append(failedLogin(login.username, address))
  throw new AppError('oci/unauthorized', 'Wrong name or password, or a token that is not valid')
}

/** @throws AppError `oci/unauthorized` for who did not say who asks, `oci/denied` for others */
export function checkAllowed(principal: Principal, action: Action, target: Target): void {
  if (target.kind === 'ping') {
    // A client that is not asked here would not log in at all.
    if (principal.kind !== 'anonymous' || principal.narrowed !== undefined) return
  } else if (target.kind === 'catalog') {
    if (principal.narrowed === undefined ? mayAnything(principal) : principal.narrowed.catalog)
      return
    throw unauthorized()
  } else {
    if (may(principal, action, target.name)) return
    if (mayAsk(principal, action, target.name)) throw unauthorized()
  }
  throw refused(principal, action)
}

/** The same words whether the repository exists or not. */
export function refused(principal: Principal, action: Action): AppError {
  if (principal.kind === 'anonymous') return unauthorized()
  return new AppError('oci/denied', `${principal.name} may not ${action} here`, {
    hints: ['Ask who runs this registry for an account that may.'],
  })
}

function unauthorized(): AppError {
  return new AppError('oci/unauthorized', 'Log in first, or ask for a token that covers this')
}

/** What a method does to what it is used on. */
export function actionOf(target: Challenged['target'], method: string): Action {
  if (target?.kind === 'uploads' || target?.kind === 'upload' || method === 'PUT') return 'push'
  return method === 'DELETE' ? 'delete' : 'pull'
}

export interface Challenged {
  /** How clients reach this server. */
  readonly url: string
  readonly service: string
  /** What was asked for, as far as the path was understood. */
  readonly target: Target | { readonly kind: 'token' } | undefined
  readonly action: Action
  /** Whether there were credentials, which did not do. */
  readonly tried: boolean
}

/** `WWW-Authenticate`: the token flow first, which is all that many clients read. */
export function challengeOf(challenged: Challenged): Record<string, string> {
  const { url, service, target, action, tried } = challenged
  const scope = scopeOf(target, action)
  const parameters = [
    `realm="${url}/v2/token"`,
    `service="${service}"`,
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    ...(tried ? [`error="${scope === undefined ? 'invalid_token' : 'insufficient_scope'}"`] : []),
  ]
  const basic = 'Basic realm="backlot", charset="UTF-8"'
  if (target?.kind === 'token') return { 'www-authenticate': basic }
  const challenge = { 'www-authenticate': `Bearer ${parameters.join(',')}, ${basic}` }
  return target?.kind === 'ping' ? { ...challenge, ...apiVersion } : challenge
}

/** Who pushes or deletes also looks what is there. */
function scopeOf(target: Challenged['target'], action: Action): string | undefined {
  if (target === undefined || target.kind === 'ping' || target.kind === 'token') return undefined
  if (target.kind === 'catalog') return 'registry:catalog:*'
  return scopeText(target.name, action === 'pull' ? ['pull'] : ['pull', action])
}

function tooManyLogins(): AppError {
  return new AppError('oci/too-many-requests', 'Too many log-ins failed from this address', {
    hints: ['Wait a minute, then try again.'],
    retryable: true,
  })
}

function basicCredentials(
  encoded: string,
): { readonly username: string; readonly password: string } | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
