/**
 * The OCI distribution API as a Hono app: access, path, method, route, problem.
 *
 * Reference: docs/http-api.md. Not here: rules of the registry (`#oci`).
 */
import { Hono } from 'hono'
import { AppError, type Emit, meaningOf, silent } from '#kernel/index.ts'
import { may, OverQuota, type Principal, type PullThrough, type Registry } from '#oci/index.ts'
import { type AccessOptions, challenge, checkAllowed, principalOf, refused } from './access.ts'
import { blobRoute } from './blobs.ts'
import type { RouteContext } from './context.ts'
import { catalogRoute, manifestRoute, referrersRoute, tagsRoute } from './manifests.ts'
import { methodsOf, parsePath, type Target } from './paths.ts'
import { problem } from './problems.ts'
import { orUnprefixed, pulledRoute, renamed } from './pulled.ts'
import { beginRoute, uploadRoute } from './uploads.ts'

export interface RegistryAppOptions extends AccessOptions {
  /** Hears of failures that are ours. */
  readonly emit?: Emit
  /** Repositories of other registries. */
  readonly proxy?: PullThrough
}

/** All routes under `/v2/`. */
export function registryApp(registry: Registry, options: RegistryAppOptions = {}): Hono {
  const { emit = silent } = options
  const app = new Hono()
  app.all('*', (c) => answered(registry, c.req.raw, options, emit))
  return app
}

async function answered(
  registry: Registry,
  request: Request,
  options: RegistryAppOptions,
  emit: Emit,
): Promise<Response> {
  try {
    const url = new URL(request.url)
    const principal = await principalOf(request, options)
    const asked = known(principal, url.pathname)
    if (asked === undefined) return notFound(url.pathname)
    const { target, pulled } = renamed(options.proxy, asked, url)
    const methods = methodsOf(target)
    if (!methods.includes(request.method)) return notAllowed(request.method, methods)
    checkAllowed(principal, request.method, target)
    const mayRead = (repository: string) => may(principal, 'pull', repository)
    const context = { registry, request, query: url.searchParams, principal, mayRead }
    if (options.proxy === undefined) return await routed(context, target)
    if (pulled !== undefined) return await pulledRoute({ ...context, ...pulled }, target)
    return await orUnprefixed(options.proxy, context, target, () => routed(context, target))
  } catch (error) {
    if (!(error instanceof AppError) || meaningOf(error.code).status >= 500) {
      const text = `${request.method} failed: ${error instanceof Error ? error.message : 'unknown'}`
      if (!request.signal.aborted) emit({ kind: 'warning', text, hints: [] })
    }
    const denied = error instanceof AppError && error.code === 'oci/unauthorized'
    const retry = error instanceof OverQuota ? { 'retry-after': `${error.retryAfterSeconds}` } : {}
    return problem(error, { ...retry, ...(denied ? challenge : {}) })
  }
}

/** What a path asks for; strangers are not told what is wrong with theirs. */
function known(principal: Principal, path: string): Target | undefined {
  const stranger = principal.kind === 'anonymous'
  try {
    const target = parsePath(path)
    if (target !== undefined || !stranger) return target
  } catch (error) {
    if (!stranger) throw error
  }
  throw refused(principal, undefined)
}

async function routed(context: RouteContext, target: Target): Promise<Response> {
  switch (target.kind) {
    case 'ping':
      return Response.json({}, { headers: { 'docker-distribution-api-version': 'registry/2.0' } })
    case 'catalog':
      return await catalogRoute(context)
    case 'blob':
      return await blobRoute(context, target)
    case 'uploads':
      return await beginRoute(context, target.name)
    case 'upload':
      return await uploadRoute(context, target)
    case 'manifest':
      return await manifestRoute(context, target)
    case 'tags':
      return await tagsRoute(context, target.name)
    case 'referrers':
      return await referrersRoute(context, target)
  }
}

function notFound(path: string): Response {
  const error = { code: 'NAME_UNKNOWN', message: `There is nothing at ${path.slice(0, 200)}` }
  return Response.json({ errors: [error] }, { status: 404 })
}

function notAllowed(method: string, methods: readonly string[]): Response {
  return problem(new AppError('oci/unsupported', `${method} is not possible here`), {
    allow: methods.join(', '),
  })
}
