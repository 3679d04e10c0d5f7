/**
 * Who may come in: Basic authentication against users that the caller knows.
 *
 * Invariant: without a valid name and password a request learns nothing but that it needs one.
 * Later: tokens scoped to repositories; `mayRead` in RouteContext is where they will answer.
 */
import { AppError } from '#kernel/index.ts'

export interface AccessOptions {
  /** Who may come in; absent: everybody may do everything. */
  readonly users?: (username: string, password: string) => boolean | Promise<boolean>
  /** With `users`: reading needs no name; default false. */
  readonly anonymousRead?: boolean
}

export const challenge = { 'www-authenticate': 'Basic realm="backlot", charset="UTF-8"' }

/** @throws AppError `oci/unauthorized` */
export async function checkAccess(request: Request, options: AccessOptions): Promise<void> {
  if (options.users === undefined) return
  const header = request.headers.get('authorization')
  const given = basicCredentials(header)
  if (given !== undefined && (await options.users(given.username, given.password))) return
  const reads = request.method === 'GET' || request.method === 'HEAD'
  if (header === null && reads && options.anonymousRead) return
  throw new AppError(
    'oci/unauthorized',
    header === null ? 'Who asks? A name and password are needed' : 'Wrong name or password',
  )
}

function basicCredentials(
  header: string | null,
): { readonly username: string; readonly password: string } | undefined {
  const encoded = /^basic ([A-Za-z0-9+/=]{1,2048})$/i.exec(header?.trim() ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}
