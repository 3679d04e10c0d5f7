/**
 * The ways to one upstream: its host with each account, then its mirrors; which one is asked next.
 *
 * Invariant: a way that asked to be left alone is left alone until then. Credentials go to the
 * host that they are for and to its token service, and a mirror gets none.
 */
import { AppError, type Clock, type Emit, type ErrorCode } from '#kernel/index.ts'
import { registryClient } from '../client/client.ts'
import type { RegistryClient } from '../client/contract.ts'
import { pause } from '../client/retry.ts'
import type { RepositoryRef } from '../reference.ts'
import { guardedFetch, type Addresses, type Fetch } from './addresses.ts'
import type { SourceState, Upstream, UpstreamAccount, UpstreamEvent } from './contract.ts'
import { AskLater, saysAbsent } from './failures.ts'
import { blockedBy, blockedUntilMs, isScarce, pullsLeft, type Quota, readQuota } from './quota.ts'

/** Token services of hosts whose tokens come from another one, by their documentation. */
const knownTokenHosts: Readonly<Record<string, readonly string[]>> = {
  'docker.io': ['auth.docker.io'],
  'registry.gitlab.com': ['gitlab.com'],
}

/** Failures that another way may not have. */
const otherwise: ReadonlySet<ErrorCode> = new Set([
  'oci/unreachable',
  'oci/registry-failed',
  'oci/too-many-requests',
  'oci/bad-answer',
  'oci/unauthorized',
  'oci/denied',
  'oci/private-address',
])

/** Rounds of waiting for an upstream that wants to be left alone. */
const roundsMax = 2

export interface Source {
  readonly registry: string
  readonly account: string | undefined
  readonly mirror: boolean
  readonly client: RegistryClient
  readonly quota: Quota
  lastFailure: string | undefined
  /** A repository of the upstream, as this source names it. */
  repository(remote: string): RepositoryRef
}

/** `pull` counts against the quota; the others do not. */
export type Need = 'pull' | 'other'

export interface Sources {
  readonly all: readonly Source[]
  /** Asks one after the other until one answers, when they are ready. @throws as `ready` does */
  ask<T>(need: Need, work: (source: Source) => Promise<T>, signal?: AbortSignal): Promise<T>
  /**
   * Waits a little when all want to be left alone.
   * @throws AskLater when that would take too long
   */
  ready(need: Need, signal?: AbortSignal): Promise<void>
  /** Those that may be asked now, the best first; or all, when none may. */
  order(need: Need): readonly Source[]
  /** Whether every source is close to its limit. */
  scarce(): boolean
  state(): readonly SourceState[]
}

export interface SourcesOptions {
  readonly upstream: Upstream
  readonly clock: Clock
  readonly emit: Emit
  readonly addresses: Addresses
  readonly heard: (event: UpstreamEvent) => void
  readonly idleTimeoutMs: number | undefined
}

export function openSources(options: SourcesOptions): Sources {
  const { upstream, clock } = options
  const accounts = upstream.accounts.length > 0 ? upstream.accounts : [undefined]
  const all = [
    ...accounts.map((account) => openSource(options, upstream.registry, account, false)),
    ...upstream.mirrors.map((mirror) => openSource(options, mirror, undefined, true)),
  ]
  // One with no pulls left is asked all the same: it refuses, which is free, and says until when.
  const readyMs = (source: Source, need: Need) => blockedUntilMs(source.quota, need, clock.nowMs())
  const order = (need: Need) => {
    const ready = all.filter((source) => readyMs(source, need) === 0)
    const usable = ready.length > 0 ? ready : all
    return usable.toSorted((a, b) => rank(a, clock) - rank(b, clock))
  }
  const ready = async (need: Need, round: number, signal: AbortSignal | undefined) => {
    const nowMs = clock.nowMs()
    const [soonest] = all.toSorted((a, b) => readyMs(a, need) - readyMs(b, need))
    const untilMs = soonest === undefined ? 0 : readyMs(soonest, need)
    if (soonest === undefined || untilMs === 0) return
    const waitMs = untilMs - nowMs
    if (waitMs > upstream.waitMsMax || round > roundsMax)
      throw new AskLater(upstream, blockedBy(soonest.quota, need, nowMs), waitMs)
    await pause(waitMs, signal)
  }
  return {
    all,
    order,
    scarce: () =>
      all.every(
        (source) =>
          isScarce(source.quota, upstream.spareBelow, clock.nowMs()) || readyMs(source, 'pull') > 0,
      ),
    state: () => all.map((source) => stateOf(source, clock)),
    ready: (need, signal) => ready(need, 1, signal),
    ask: async (need, work, signal) => {
      for (let round = 1; ; round += 1) {
        await ready(need, round, signal)
        try {
          return await firstAnswer(order(need), work)
        } catch (error) {
          const code = error instanceof AppError ? error.code : undefined
          const mayWait = code === 'oci/too-many-requests' && round <= roundsMax
          // Then `ready` waits, or tells until when.
          const isBusy =
            code === 'oci/registry-failed' && all.every((one) => readyMs(one, need) > 0)
          if (!mayWait && !isBusy) throw error
        }
      }
    },
  }
}

/** Mirrors last; of accounts the one with the most pulls left; a failing one after one that works. */
function rank(source: Source, clock: Clock): number {
  const left = Math.min(pullsLeft(source.quota, clock.nowMs()) ?? 1e9, 1e9)
  return (source.mirror ? 4e9 : 0) + (source.lastFailure === undefined ? 0 : 2e9) + (1e9 - left)
}

async function firstAnswer<T>(
  sources: readonly Source[],
  work: (source: Source) => Promise<T>,
): Promise<T> {
  let failure: AppError | undefined
  for (const source of sources) {
    try {
      const value = await work(source)
      source.lastFailure = undefined
      return value
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (!source.mirror && !otherwise.has(error.code)) throw error
      if (error.code === 'kernel/cancelled') throw error
      source.lastFailure = error.message
      failure = weightier(failure, source.mirror ? ofMirror(error) : error)
    }
  }
  throw failure ?? new AppError('oci/upstream-failed', 'The upstream has no source')
}

/** What a client is told when several fail: the first, but for the limit, which waiting mends. */
function weightier(before: AppError | undefined, now: AppError): AppError {
  return before === undefined || now.code === 'oci/too-many-requests' ? now : before
}

/** That a mirror lacks something does not mean that the upstream does. */
function ofMirror(error: AppError): AppError {
  if (!saysAbsent(error)) return error
  const { message } = error
  return new AppError('oci/upstream-failed', `Only a mirror answered: ${message}`, { cause: error })
}

function openSource(
  options: SourcesOptions,
  base: string,
  account: UpstreamAccount | undefined,
  mirror: boolean,
): Source {
  const { upstream, clock, emit, addresses, idleTimeoutMs } = options
  const { registry, path } = splitBase(base)
  const quota: Quota = {}
  const guarded = guardedFetch({ addresses, privateHosts: upstream.privateHosts })
  const known = knownTokenHosts[registry] ?? []
  const tokenHosts = new Set([registry, ...known, ...upstream.tokenHosts])
  const client = registryClient({
    clock,
    emit,
    fetch: observedFetch(guarded, { options, registry, quota, tokenHosts }),
    credentials: async (asked) => (asked === registry ? account?.credential : undefined),
    tokenHost: (_registry, host) => tokenHosts.has(host),
    plainHttp: (host) => upstream.plainHosts.includes(host),
    // Sources are changed instead, and downloads are taken up again by who writes them.
    retry: { attempts: 1 },
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
  })
  return {
    registry: base,
    account: account?.name,
    mirror,
    client,
    quota,
    lastFailure: undefined,
    repository: (remote) => ({
      registry,
      repository: path === '' ? remote : `${path}/${remote}`,
    }),
  }
}

/** A host, and the path under which it is shown: `ghcr.io/org`. */
export function splitBase(base: string): { readonly registry: string; readonly path: string } {
  const slash = base.indexOf('/')
  if (slash < 0) return { registry: base, path: '' }
  return { registry: base.slice(0, slash), path: base.slice(slash + 1) }
}

interface Observed {
  readonly options: SourcesOptions
  readonly registry: string
  readonly quota: Quota
  readonly tokenHosts: ReadonlySet<string>
}

/** Tells what came back, and reads the quota from answers of the registry itself. */
function observedFetch(guarded: Fetch, observed: Observed): Fetch {
  const { options, registry, quota, tokenHosts } = observed
  const { upstream, clock, heard } = options
  const ownHost = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  return async (url, init) => {
    const method = init.method ?? 'GET'
    const tell = (status: number) => heard({ upstream: upstream.prefix, method, status, bytes: 0 })
    try {
      const response = await guarded(url, init)
      tell(response.status)
      const own = url.host === ownHost
      const pull = own && method === 'GET' && url.pathname.includes('/manifests/')
      // Where it stores blobs may be busy without its being so.
      const isItself = own || response.status === 429 || tokenHosts.has(url.host)
      if (isItself) readQuota(quota, response, { pull, clock })
      return response
    } catch (error) {
      tell(0)
      throw error
    }
  }
}

function stateOf(source: Source, clock: Clock): SourceState {
  const { registry, account, mirror, quota, lastFailure } = source
  const nowMs = clock.nowMs()
  return {
    registry,
    account,
    mirror,
    limit: quota.limit,
    remaining: pullsLeft(quota, nowMs),
    windowSeconds: quota.windowSeconds,
    countedBy: quota.countedBy,
    seenMs: quota.seenMs,
    blockedUntilMs: blockedUntilMs(quota, 'pull', nowMs) || undefined,
    lastFailure,
  }
}
