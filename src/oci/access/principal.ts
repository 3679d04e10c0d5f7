/**
 * Who asks, and what they may do.
 *
 * Invariant: what is allowed follows from the principal and the repository's name alone, so that
 * an answer «no» is the same whether the repository exists or not.
 * Not here: finding out who asks (accounts, tokens, OIDC), HTTP (`#server`).
 */
import { z } from 'zod'
import { namePattern, type NamePattern } from './pattern.ts'

/** What is allowed to some repositories; `admin` stands for all other actions. */
export const Grant = z.object({
  /** Patterns of names, as `namePattern` reads them. */
  repositories: z.array(z.string()).readonly(),
  actions: z.array(z.enum(['pull', 'push', 'delete', 'admin'])).readonly(),
})
export type Grant = z.infer<typeof Grant>
export type Action = Grant['actions'][number]

export interface Principal {
  /** `everybody`: access is not restricted. `anonymous`: it is, and nobody said who asks. */
  readonly kind: 'everybody' | 'anonymous' | 'user' | 'token' | 'oidc'
  /** For people and the audit log: `ada`, `ci-openexr`, `repo:aswf/openexr:ref:refs/heads/main`. */
  readonly name: string
  readonly grants: readonly CompiledGrant[]
  /** What may be done without a log-in: nobody loses that by one. */
  readonly everybodys?: readonly CompiledGrant[]
  /** The number of the account, where there is one. */
  readonly account?: number
  readonly expiresMs?: number
  /** A bearer token allows no more than it was asked for, whatever its account may do. */
  readonly narrowed?: Narrowed
}

export interface Narrowed {
  readonly grants: readonly CompiledGrant[]
  /** Whether repositories may be listed. */
  readonly catalog: boolean
}

export interface CompiledGrant {
  readonly grant: Grant
  readonly matches: readonly NamePattern[]
}

/** Everybody, where access is not restricted. */
export const everybody: Principal = {
  kind: 'everybody',
  name: 'everybody',
  grants: compiledGrants([{ repositories: ['**'], actions: ['admin'] }]),
}

/** Grants with their patterns ready to be asked. */
export function compiledGrants(grants: readonly Grant[]): readonly CompiledGrant[] {
  return grants.map((grant) => ({ grant, matches: grant.repositories.map(namePattern) }))
}

/** Whether the principal may do this to a repository. */
export function may(principal: Principal, action: Action, repository: string): boolean {
  const { narrowed } = principal
  return (
    mayAsk(principal, action, repository) &&
    (narrowed === undefined || allow(narrowed.grants, action, repository))
  )
}

/** Whether another bearer token of the same account could. */
export function mayAsk(principal: Principal, action: Action, repository: string): boolean {
  const { grants, everybodys = [] } = principal
  return allow(grants, action, repository) || allow(everybodys, action, repository)
}

/** Whether there is a repository that the principal may do something to. */
export function mayAnything({ grants, everybodys = [] }: Principal): boolean {
  return grants.length > 0 || everybodys.length > 0
}

function allow(grants: readonly CompiledGrant[], action: Action, repository: string): boolean {
  return grants.some(
    ({ grant, matches }) =>
      (grant.actions.includes(action) || grant.actions.includes('admin')) &&
      matches.some((match) => match(repository)),
  )
}
