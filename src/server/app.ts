/**
 * The OCI distribution API as a Hono app: access, path, method, route, problem.
 *
 * Reference: docs/http-api.md. Not here: rules of the registry (`#oci`).
 */
import { Hono } from 'hono'
import { AppError, type Clock, type Emit, silent, systemClock } from '#kernel/index.ts'
import {
  AskLater,
  type AuditEvent,
  type AuditLog,
  type Authority,
  may,
  mayAnything,
  type Principal,
  type PullThrough,
  type Registry,
  type TrafficLog,
} from '#oci/index.ts'
import {
  type Access,
  actionOf,
  apiVersion,
  type Challenged,
  challengeOf,
  checkAllowed,
  principalOf,
  refused,
} from './access.ts'
import { changeOf, type Deed, refusalOf } from './audited.ts'
import { blobRoute } from './blobs.ts'
import { json, type RouteContext } from './context.ts'
import { type Meter, newNote, type Note, openMeter } from './meter.ts'
import { isStatsPath, statsRoute } from './stats.ts'
import { type Crowd, type CrowdLimits, crowdWithin } from './crowd.ts'
import type { SyncRunner } from './sync-runner.ts'
import { countedFailures, networkOf } from './failures.ts'
import { type TellFault, toldFaults } from './faults.ts'
import { type Outside, outsideOf } from './forwarded.ts'
import { catalogRoute, manifestRoute, referrersRoute, tagsRoute } from './manifests.ts'
import { methodsOf, parsePath, type Target } from './paths.ts'
import { problem } from './problems.ts'
import { pulledRoute, renamed } from './pulled.ts'
import { tokenMethods, tokenRoute } from './token.ts'
import { beginRoute, uploadRoute } from './uploads.ts'

const failedLoginsPerMinuteMax = 20
const unlimited = { requests: Infinity, writesPerAccount: Infinity, writesPerAddress: Infinity }

export interface RegistryAppOptions {
  /** Who may come in; absent: everybody may do everything. */
  readonly authority?: Authority
  /** Where changes are recorded. */
  readonly audit?: AuditLog
  readonly outside?: Outside
  readonly limits?: CrowdLimits
  readonly clock?: Clock
  /** Hears of failures that are ours. */
  readonly emit?: Emit
  /** Repositories of other registries. */
  readonly proxy?: PullThrough
  /** Where requests are counted. */
  readonly traffic?: TrafficLog
  /** What copies by lists. */
  readonly sync?: SyncRunner
  /** What measures requests; absent: one of its own. */
  readonly meter?: Meter
}

/** What the server around the app knows of a request. */
export interface Connection {
  /** What is found out about the request. */
  readonly note?: Note
  /** The address at the other end. */
  readonly peer?: () => string
  /** Requests under way, this one included. */
  readonly pending?: number
}

export interface RegistryApp {
  fetch(request: Request, connection?: Connection): Promise<Response>
}

interface App {
  readonly registry: Registry
  readonly access: Access
  readonly crowd: Crowd
  readonly outside: Outside
  readonly tellFault: TellFault
  readonly clock: Clock
  readonly proxy: PullThrough | undefined
  readonly audit: AuditLog | undefined
  readonly traffic: TrafficLog | undefined
  readonly sync: SyncRunner | undefined
  readonly meter: Meter
}

/** All routes under `/v2/`. */
export function registryApp(registry: Registry, options: RegistryAppOptions = {}): RegistryApp {
  const { authority, audit, emit = silent, clock = systemClock } = options
  const { outside = outsideOf({ own: 'http://localhost' }), limits = unlimited } = options
  const failures = countedFailures(clock, failedLoginsPerMinuteMax)
  const access: Access = {
    failures,
    ...(authority === undefined ? {} : { authority }),
    ...(audit === undefined ? {} : { audit }),
  }
  const app = new Hono<{ Bindings: Connection }>()
  const { proxy, sync, traffic } = options
  const crowd = crowdWithin(limits)
  const { meter = openMeter(traffic, clock.nowMs()) } = options
  const parts = {
    registry,
    access,
    crowd,
    outside,
    tellFault: toldFaults(emit, clock),
    clock,
    proxy,
    audit,
    sync,
    traffic,
    meter,
  }
  app.all('*', (c) => {
    const answer = answered(parts, c.req.raw, c.env)
    return c.req.raw.method === 'HEAD' ? withLength(answer) : answer
  })
  return {
    fetch: async (request, connection = {}) => {
      const [note, beganMs] = [newNote(), performance.now()]
      const response = await app.fetch(request, { ...connection, note })
      meter.observe(request, response, note, performance.now() - beganMs)
      return response
    },
  }
}

async function answered(
  app: App,
  request: Request,
  { peer = () => '', pending = 0, note = newNote() }: Connection,
): Promise<Response> {
  const { method } = request
  const header = request.headers.get('authorization')
  const asking = { header, address: () => app.outside.address(request, peer()) }
  let target: Challenged['target']
  try {
    app.crowd.checkRequests(pending)
    const url = urlOf(request)
    const { pathname, searchParams: query } = url
    const { authority } = app.access
    if (pathname === '/v2/token' && authority !== undefined) {
      target = { kind: 'token' }
      if (!tokenMethods.includes(method)) return notAllowed(method, tokenMethods)
      return await tokenRoute(app.access, { request, query, asking, authority })
    }
    const principal = await principalOf(app.access, asking)
    if (isStatsPath(pathname)) {
      if (method !== 'GET' && method !== 'HEAD') return notAllowed(method, ['GET', 'HEAD'])
      const nowMs = app.clock.nowMs()
      return await statsRoute(app, { path: pathname, query, principal, nowMs })
    }
    const asked = known(principal, pathname)
    if (asked === undefined) return notFound(pathname)
    const found = called(app, principal, { asked, url })
    target = found.target
    note.target = target
    note.upstream = found.pulled?.pulled.upstream.prefix ?? ''
    const work = () => allowed(app, { principal, request, query, note, ...found })
    const isSomebody = principal.kind !== 'everybody' && principal.kind !== 'anonymous'
    const isRead = method === 'GET' || method === 'HEAD'
    if (isRead && !isSomebody) return await work()
    const deed = { principal, target, request, query, address: asking.address }
    if (isRead) return await audited(app.audit, deed, work)
    const address = asking.address()
    const account = isSomebody ? `${principal.kind} ${principal.name}` : networkOf(address)
    return await app.crowd.write({ account, address }, () => audited(app.audit, deed, work))
  } catch (error) {
    if (!request.signal.aborted) app.tellFault(method, error)
    return refusal(app, error, {
      url: () => app.outside.url(request, peer()),
      target,
      action: actionOf(target, method),
      tried: header !== null,
    })
  }
}

/** An answer to HEAD says how long that to GET is (RFC 9110, 8.6), though it has no body. */
async function withLength(answer: Promise<Response>): Promise<Response> {
  const response = await answer
  const { body, headers, status } = response
  if (body === null) return response
  if (!headers.has('content-length'))
    headers.set('content-length', `${(await response.bytes()).byteLength}`)
  return new Response(null, { status, headers })
}

/** HTTP/1.0 needs no `Host`, as some health checks send none. @throws AppError `oci/rejected` */
function urlOf(request: Request): URL {
  const url = URL.parse(request.url)
  if (url !== null) return url
  if (!request.headers.has('host')) return new URL(request.url, 'http://localhost')
  throw new AppError('oci/rejected', 'The header Host is no host name')
}

interface Asked extends ReturnType<typeof renamed> {
  readonly principal: Principal
  readonly request: Request
  readonly query: URLSearchParams
  readonly note: Note
}

/** The answer of the route, to who may take it. */
async function allowed(app: App, asked: Asked): Promise<Response> {
  const { principal, request, query, note, target, pulled } = asked
  const { method } = request
  checkAllowed(principal, actionOf(target, method), target)
  const methods = methodsOf(target)
  if (!methods.includes(method)) return notAllowed(method, methods)
  const mayRead = (repository: string) => may(principal, 'pull', repository)
  const context = { registry: app.registry, request, query, principal, mayRead, note }
  if (pulled !== undefined) return await pulledRoute({ ...context, ...pulled }, target)
  return await routed(context, target)
}

/** Records what was done, or refused, before it is answered. */
async function audited(
  audit: AuditLog | undefined,
  deed: Deed,
  work: () => Promise<Response>,
): Promise<Response> {
  if (audit === undefined) return await work()
  let event: AuditEvent | undefined
  try {
    const answer = await work()
    event = changeOf(deed, answer)
    return answer
  } catch (error) {
    if (error instanceof AppError) event = refusalOf(deed, error)
    throw error
  } finally {
    if (event !== undefined) await audit.append(event)
  }
}

type Asking = Omit<Challenged, 'url' | 'service'> & { readonly url: () => string }

function refusal(app: App, error: unknown, asking: Asking): Response {
  if (!(error instanceof AppError)) return problem(error)
  if (error instanceof AskLater)
    return problem(error, { 'retry-after': `${error.retryAfterSeconds}` })
  if (error.code === 'oci/too-many-requests') return problem(error, { 'retry-after': '60' })
  if (error.code === 'oci/overloaded') return problem(error, { 'retry-after': '1' })
  if (error.code !== 'oci/unauthorized') return problem(error)
  const service = app.access.authority?.service ?? ''
  return problem(error, challengeOf({ ...asking, url: asking.url(), service }))
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
  throw refused(principal, 'pull')
}

/** The target by its name here; who may see nothing is not told which upstreams there are. */
function called(
  { proxy }: App,
  principal: Principal,
  { asked, url }: { readonly asked: Target; readonly url: URL },
): ReturnType<typeof renamed> {
  try {
    return renamed(proxy, asked, url)
  } catch (error) {
    const isStranger = principal.kind === 'anonymous' && !mayAnything(principal)
    throw isStranger ? refused(principal, 'pull') : error
  }
}

async function routed(context: RouteContext, target: Target): Promise<Response> {
  switch (target.kind) {
    case 'ping':
      return json({}, apiVersion)
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
