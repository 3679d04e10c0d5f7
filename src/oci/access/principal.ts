/**
 * Who asks, and what they may do.
 *
 * Invariant: what is allowed follows from the principal and the repository's name alone, so that
 * an answer «no» is the same whether the repository exists or not.
 * Not here: finding out who asks (accounts, tokens, OIDC), HTTP (`#server`).
 */
import { namePattern, type NamePattern } from './pattern.ts'

/** `admin` stands for all others, and for what is not about one repository. */
export type Action = 'pull' | 'push' | 'delete' | 'admin'

/** What is allowed to some repositories. */
export interface Grant {
  /** Patterns of names, as `namePattern` reads them. */
  readonly repositories: readonly string[]
  readonly actions: readonly Action[]
}

export interface Principal {
  /** `everybody`: access is not restricted. `anonymous`: it is, and nobody said who asks. */
  readonly kind: 'everybody' | 'anonymous' | 'user' | 'token' | 'oidc'
  /** For people and the audit log: `ada`, `ci-openexr`, `repo:aswf/openexr:ref:refs/heads/main`. */
  readonly name: string
  readonly grants: readonly CompiledGrant[]
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
export function may({ grants }: Principal, action: Action, repository: string): boolean {
  return grants.some(
    ({ grant, matches }) =>
      (grant.actions.includes(action) || grant.actions.includes('admin')) &&
      matches.some((match) => match(repository)),
  )
}
