/**
 * How much an upstream lets us pull: what its headers say, and what follows from it.
 *
 * Source: Docker Hub's pull limits: `ratelimit-limit: 100;w=21600`, `ratelimit-remaining` alike,
 * `docker-ratelimit-source`; HEAD costs nothing and has the headers. RFC 9110, 10.2.3.
 */
import type { Clock } from '#kernel/index.ts'
import { retryAfterMs } from '../client/retry.ts'

/** A 429 that does not say for how long. */
const defaultBlockMs = 60_000
const blockMsMax = 24 * 3_600_000
/** Who is busy for longer has failed, and is asked again to find out. */
const busyMsMax = 15 * 60_000

export interface Quota {
  limit?: number
  remaining?: number
  windowSeconds?: number
  countedBy?: string
  seenMs?: number
  /** Manifests are refused until then; questions and blobs are not. */
  pullsBlockedUntilMs?: number
  /** Everything is refused until then. */
  blockedUntilMs?: number
  /** It is busy until then, and no pulls are used up. */
  busyUntilMs?: number
}

/** Takes from an answer what it says about the quota. `pull`: it is the answer to a pull. */
export function readQuota(
  quota: Quota,
  response: Pick<Response, 'status' | 'headers'>,
  { pull, clock }: { readonly pull: boolean; readonly clock: Clock },
): void {
  const { headers } = response
  const limit = counted(headers.get('ratelimit-limit'))
  const remaining = counted(headers.get('ratelimit-remaining'))
  const nowMs = clock.nowMs()
  if (limit !== undefined) quota.limit = limit.count
  if (remaining !== undefined) {
    quota.remaining = remaining.count
    quota.seenMs = nowMs
  }
  const windowSeconds = limit?.windowSeconds ?? remaining?.windowSeconds
  if (windowSeconds !== undefined) quota.windowSeconds = windowSeconds
  const countedBy = headers.get('docker-ratelimit-source')
  if (countedBy !== null) quota.countedBy = countedBy.slice(0, 100)
  const wanted = retryAfterMs(headers, clock)
  if (response.status === 503 && wanted !== undefined)
    quota.busyUntilMs = nowMs + Math.min(Math.max(wanted, 1000), busyMsMax)
  if (response.status !== 429) return
  const asked = wanted ?? defaultBlockMs
  const untilMs = nowMs + Math.min(Math.max(asked, 1000), blockMsMax)
  // A pull that was refused says nothing about questions; a question that was, about everything.
  if (pull) quota.pullsBlockedUntilMs = untilMs
  else quota.blockedUntilMs = untilMs
}

/** Pulls left, as far as it is still known; undefined: no limit is known. */
export function pullsLeft(quota: Quota, nowMs: number): number | undefined {
  const { remaining, seenMs = 0, windowSeconds = 3600 } = quota
  if (remaining === undefined || Math.abs(nowMs - seenMs) > windowSeconds * 1000) return undefined
  return remaining
}

/** Until when it has to be left alone; 0 when it may be asked now. */
export function blockedUntilMs(quota: Quota, what: 'pull' | 'other', nowMs: number): number {
  const all = Math.max(quota.blockedUntilMs ?? 0, quota.busyUntilMs ?? 0)
  const until = what === 'pull' ? Math.max(all, quota.pullsBlockedUntilMs ?? 0) : all
  // What lies further ahead was asked for when the clock was wrong.
  return until > nowMs && until <= nowMs + blockMsMax ? until : 0
}

/** Why it has to be left alone, if it has. */
export function blockedBy(quota: Quota, what: 'pull' | 'other', nowMs: number): 'busy' | 'used-up' {
  return blockedUntilMs(quota, what, nowMs) === quota.busyUntilMs ? 'busy' : 'used-up'
}

/** Whether the part of the limit that is left is at or below `spareBelow`. */
export function isScarce(quota: Quota, spareBelow: number, nowMs: number): boolean {
  const left = pullsLeft(quota, nowMs)
  return left !== undefined && left <= (quota.limit ?? 0) * spareBelow
}

function counted(
  header: string | null,
): { readonly count: number; readonly windowSeconds: number | undefined } | undefined {
  const match = /^\s*(\d{1,12})\s*(?:;\s*w=(\d{1,9}))?/.exec(header ?? '')
  if (match === null) return undefined
  return {
    count: Number(match[1]),
    windowSeconds: match[2] === undefined ? undefined : Number(match[2]),
  }
}
