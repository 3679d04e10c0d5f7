/**
 * Who asks, and whether they may: a principal for each request, and the action of each route.
 *
 * Invariant: whether a route may be taken is decided from the principal and the repository's name
 * before anything is looked up. Without a valid name and password a request learns nothing but that
 * it needs one.
 */
import { AppError } from '#kernel/index.ts'
import { type Action, compiledGrants, everybody, may, type Principal } from '#oci/index.ts'
import type { Target } from './paths.ts'

export interface AccessOptions {
  /** Who may come in; absent: everybody may do everything. */
  readonly users?: (username: string, password: string) => boolean | Promise<boolean>
  /** With `users`: reading needs no name; default false. */
  readonly anonymousRead?: boolean
}

export const challenge = { 'www-authenticate': 'Basic realm="backlot", charset="UTF-8"' }

/** Who asks. @throws AppError `oci/unauthorized` for credentials that are not right */
export async function principalOf(request: Request, options: AccessOptions): Promise<Principal> {
  if (options.users === undefined) return everybody
  const header = request.headers.get('authorization')
  if (header === null) {
    const open = compiledGrants([{ repositories: ['**'], actions: ['pull'] }])
    return { kind: 'anonymous', name: 'anonymous', grants: options.anonymousRead ? open : [] }
  }
  const given = basicCredentials(header)
  if (given === undefined || !(await options.users(given.username, given.password)))
    throw new AppError('oci/unauthorized', 'Wrong name or password')
  return { ...everybody, kind: 'user', name: given.username }
}

/** @throws AppError `oci/unauthorized` for who did not say who asks, `oci/denied` for others */
export function checkAllowed(principal: Principal, method: string, target: Target): void {
  if (target.kind === 'ping' || target.kind === 'catalog') {
    if (principal.kind !== 'anonymous' || principal.grants.length > 0) return
  } else if (may(principal, actionOf(target, method), target.name)) return
  throw refused(principal, target.kind === 'ping' ? undefined : actionOf(target, method))
}

/** The same words whether the repository exists or not. */
export function refused(principal: Principal, action: Action | undefined): AppError {
  if (principal.kind === 'anonymous')
    return new AppError('oci/unauthorized', 'Who asks? A name and password are needed')
  return new AppError('oci/denied', `${principal.name} may not ${action ?? 'ask'} here`, {
    hints: ['Ask who runs this registry for an account that may.'],
  })
}

function actionOf(target: Target, method: string): Action {
  if (target.kind === 'uploads' || target.kind === 'upload') return 'push'
  if (method === 'PUT') return 'push'
  return method === 'DELETE' ? 'delete' : 'pull'
}

function basicCredentials(
  header: string,
): { readonly username: string; readonly password: string } | undefined {
  const encoded = /^basic ([A-Za-z0-9+/=]{1,2048})$/i.exec(header.trim())?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
