/**
 * The token endpoint: a name and a password for a short-lived bearer token.
 *
 * GET is Docker's first form (Basic, scopes in the query), POST its OAuth2 form. Without a name a
 * token for strangers is given where there is something that everybody may read. Robot tokens and
 * tokens of others are taken as passwords, and as refresh tokens.
 * Source: distribution/distribution, docs/spec/auth/{token,oauth}.md.
 */
import { AppError, readAll } from '#kernel/index.ts'
import { type Authority, mayAnything, parseScopes, type Principal } from '#oci/index.ts'
import { type Access, type Asking, loggedIn, principalOf } from './access.ts'
import { bodyOf } from './context.ts'
import { newNote } from './meter.ts'

const formBytesMax = 64 * 1024
/** With it the head of a request stays below 16 KiB. */
const tokenCharactersMax = 14_000

export const tokenMethods: readonly string[] = ['GET', 'POST']

export interface TokenQuestion {
  readonly request: Request
  readonly query: URLSearchParams
  readonly asking: Asking
  readonly authority: Authority
}

/** @throws AppError `oci/unauthorized`, `oci/too-many-requests`, `oci/rejected` */
export async function tokenRoute(access: Access, question: TokenQuestion): Promise<Response> {
  if (question.request.method === 'POST') return await fromForm(access, question)
  const principal = await principalOf(access, question.asking)
  if (principal.kind === 'anonymous' && !mayAnything(principal))
    throw new AppError('oci/unauthorized', 'A name and a password are needed')
  return await issued(question.authority, principal, question.query.getAll('scope'))
}

async function fromForm(access: Access, question: TokenQuestion): Promise<Response> {
  const { request, authority, asking } = question
  const bytes = await readAll(bodyOf({ request, note: newNote() }), formBytesMax, 'The form')
  const form = new URLSearchParams(new TextDecoder().decode(bytes))
  const login = loginOf(form)
  const principal = await loggedIn(access, {
    ...login,
    address: asking.address(),
  })
  return await issued(authority, principal, form.getAll('scope'))
}

function loginOf(form: URLSearchParams): { readonly username: string; readonly password: string } {
  const grant = form.get('grant_type')
  const password = form.get(grant === 'refresh_token' ? 'refresh_token' : 'password')
  const known = grant === 'password' || grant === 'refresh_token'
  if (known && password !== null) return { username: form.get('username') ?? '', password }
  throw new AppError(
    'oci/rejected',
    known ? `The form has no ${grant}` : 'grant_type is neither password nor refresh_token',
  )
}

async function issued(
  authority: Authority,
  principal: Principal,
  scopes: readonly string[],
): Promise<Response> {
  const wanted = parseScopes(scopes)
  if (wanted === undefined) throw tooManyScopes()
  const { token, lifetimeSeconds, issuedMs } = await authority.issue(principal, wanted)
  if (token.length > tokenCharactersMax) throw tooManyScopes()
  const answer = {
    token,
    access_token: token,
    expires_in: lifetimeSeconds,
    issued_at: new Date(issuedMs).toISOString(),
  }
  return Response.json(answer, { headers: { 'cache-control': 'no-store' } })
}

function tooManyScopes(): AppError {
  return new AppError('oci/rejected', 'More scopes than one token can hold', {
    hints: ['Ask for one token after another, each for what comes next.'],
  })
}
