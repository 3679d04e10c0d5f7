/**
 * When to ask again, and how long to wait before.
 *
 * Source: RFC 9110, 10.2.3 (Retry-After).
 */
import { type Clock, type Emit, throwIfCancelled } from '#kernel/index.ts'
import type { RetryPolicy } from './contract.ts'

export const defaultRetry: RetryPolicy = {
  attempts: 5,
  firstDelayMs: 300,
  delayMsMax: 15_000,
  retryAfterMsMax: 120_000,
}

const toldFromMs = 1000

export function isRetryable(status: number): boolean {
  if (status === 501 || status === 505 || status === 507) return false
  return status === 408 || status === 429 || status >= 500
}

/** Milliseconds before attempt `failures + 1`; with jitter, so that many clients spread out. */
export function delayMs(policy: RetryPolicy, failures: number): number {
  const full = Math.min(policy.delayMsMax, policy.firstDelayMs * 2 ** (failures - 1))
  return full * (0.5 + Math.random() / 2)
}

/**
 * What `Retry-After` asks for, in seconds or as a date; undefined when it is not there. A date is
 * by the clock of who wrote it, which `Date` tells.
 */
export function retryAfterMs(headers: Headers, clock: Clock): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const untilMs = dateMs(text)
  if (untilMs === undefined) return undefined
  return Math.max(0, untilMs - (dateMs(headers.get('date')) ?? clock.nowMs()))
}

function dateMs(text: string | null): number | undefined {
  const ms = text === null || text === '' ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/** Waits between attempts, because of `why`. @throws AppError `kernel/cancelled` */
export type Pause = (ms: number, why: string, signal: AbortSignal | undefined) => Promise<void>

/**
 * Pauses that tell of waits that a person would notice; of several at once for the same reason, as
 * when many requests are told to slow down, the first one alone.
 */
export function telling({ emit, clock }: { readonly emit: Emit; readonly clock: Clock }): Pause {
  const toldUntilMs = new Map<string, number>()
  return async (ms, why, signal) => {
    const nowMs = clock.nowMs()
    if (ms >= toldFromMs && nowMs >= (toldUntilMs.get(why) ?? nowMs)) {
      toldUntilMs.set(why, nowMs + ms)
      const text = `${why}; trying again in ${Math.ceil(ms / 1000)} s`
      emit({ kind: 'warning', text, hints: [] })
    }
    await pause(ms, signal)
  }
}

/** Waits, unless cancelled. @throws AppError `kernel/cancelled` */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfCancelled(signal, 'The transfer')
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal?.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
  throwIfCancelled(signal, 'The transfer')
}
