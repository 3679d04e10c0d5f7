/**
 * Scopes of the Docker token flow: `repository:aswf/openexr:pull,push`, `registry:catalog:*`.
 *
 * Source: distribution/distribution, docs/spec/auth/scope.md.
 */
import { isRepositoryName } from '../reference.ts'
import { type Action, type Grant, may, type Principal } from './principal.ts'

export interface Access {
  readonly grants: readonly Grant[]
  /** Whether repositories may be listed. */
  readonly catalog: boolean
}

const scopesMax = 100
const scopeActions = ['pull', 'push', 'delete'] as const

/**
 * What scopes ask for: texts with one scope each, or several with spaces between. What is not
 * understood is left out, as the specification has it. Undefined when there are too many.
 */
export function parseScopes(texts: readonly string[]): Access | undefined {
  const scopes = texts.flatMap((text) => text.split(' ')).filter((scope) => scope !== '')
  if (scopes.length > scopesMax) return undefined
  const grants = scopes.flatMap((scope) => repositoryScope(scope) ?? [])
  return { grants, catalog: scopes.includes('registry:catalog:*') }
}

/** What of it the principal may do. */
export function narrowedTo(principal: Principal, wanted: Access): Access {
  const grants = wanted.grants.flatMap(({ repositories: [repository = ''], actions }) => {
    const allowed = actions.filter((action) => may(principal, action, repository))
    return allowed.length === 0 ? [] : [{ repositories: [repository], actions: allowed }]
  })
  return { grants, catalog: wanted.catalog }
}

/** The scope that a request needs. */
export function scopeText(repository: string, actions: readonly Action[]): string {
  return `repository:${repository}:${actions.join(',')}`
}

function repositoryScope(scope: string): Grant | undefined {
  const [, name = '', list = ''] =
    /^repository(?:\([a-z]+\))?:([^:]+):([a-z,*]+)$/.exec(scope) ?? []
  // A name that is none holds no `*`, so what is granted is never a pattern.
  if (!isRepositoryName(name)) return undefined
  const words = list.split(',')
  const actions = scopeActions.filter((action) => words.includes(action) || words.includes('*'))
  return actions.length === 0 ? undefined : { repositories: [name], actions }
}
