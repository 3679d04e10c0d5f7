/**
 * How long a client waits for an upstream that says nothing while an older answer is here.
 *
 * Invariant: a question goes on when nobody waits for it any more, and what it finds out counts. An
 * upstream that has just let somebody wait in vain lets nobody else wait until it answers, or a
 * while has passed.
 */
import { AppError, type Clock } from '#kernel/index.ts'
import type { Upstream } from './contract.ts'
import { recent } from './recent.ts'

const silentMs = 30_000
const upstreamsMax = 1000

export interface Patience {
  /** The answer. @throws AppError `oci/unreachable` when that takes too long, else as `asking` */
  answer<T>(upstream: Upstream, asking: Promise<T>): Promise<T>
}

export function openPatience(clock: Clock, patienceMs: number): Patience {
  const silent = recent<true>(clock, upstreamsMax)
  return {
    answer: async ({ prefix, registry }, asking) => {
      const since = silent.get(prefix)
      const waitMs = since !== undefined && since.ageMs < silentMs ? 0 : patienceMs
      const late = Promise.withResolvers<never>()
      const timer = setTimeout(() => {
        if (waitMs > 0) silent.set(prefix, true)
        late.reject(
          new AppError('oci/unreachable', `${registry} does not answer`, { retryable: true }),
        )
      }, waitMs)
      const heard = () => {
        clearTimeout(timer)
        silent.delete(prefix)
      }
      asking.then(heard, () => clearTimeout(timer))
      return await Promise.race([asking, late.promise])
    },
  }
}
