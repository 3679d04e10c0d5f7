/**
 * Log-ins that failed, counted by address, so that passwords cannot be guessed at speed.
 *
 * Invariant: what is remembered is bounded, whatever comes from outside. An IPv6 host has a whole
 * /64 to choose its addresses from, so these are counted together.
 */
import type { Clock } from '#kernel/index.ts'

const windowMs = 60_000
const addressesMax = 10_000

export interface Failures {
  tooMany(address: string): boolean
  count(address: string): void
}

interface Counted {
  failures: number
  readonly sinceMs: number
}

/** @param perMinuteMax How many are borne from one address. */
export function countedFailures(clock: Clock, perMinuteMax: number): Failures {
  const counted = new Map<string, Counted>()
  const current = (key: string): Counted | undefined => {
    const found = counted.get(key)
    if (found === undefined || found.sinceMs > clock.nowMs() - windowMs) return found
    counted.delete(key)
    return undefined
  }
  return {
    tooMany: (address) => (current(networkOf(address))?.failures ?? 0) >= perMinuteMax,
    count: (address) => {
      const key = networkOf(address)
      const found = current(key)
      if (found !== undefined) found.failures += 1
      else {
        const [oldest] = counted.keys()
        if (counted.size >= addressesMax && oldest !== undefined) counted.delete(oldest)
        counted.set(key, { failures: 1, sinceMs: clock.nowMs() })
      }
    },
  }
}

/** The address itself, or the first four groups of an IPv6 one. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...after]
  return groups.slice(0, 4).join(':')
}
