/** What was found out lately: a bounded map whose entries are forgotten after a time. */
import type { Clock } from '#kernel/index.ts'

export interface Recent<T> {
  /**
   * The entry and its age, however old; undefined when nothing is known. One that was set by a
   * clock that was ahead is as old as it was ahead, so that it does not stay young.
   */
  get(key: string): { readonly value: T; readonly ageMs: number } | undefined
  set(key: string, value: T): void
  delete(key: string): void
}

/** Keeps at most `entriesMax`, those that were set last. */
export function recent<T>(clock: Clock, entriesMax: number): Recent<T> {
  const entries = new Map<string, { readonly value: T; readonly setMs: number }>()
  return {
    get: (key) => {
      const found = entries.get(key)
      return found && { value: found.value, ageMs: Math.abs(clock.nowMs() - found.setMs) }
    },
    set: (key, value) => {
      entries.delete(key)
      entries.set(key, { value, setMs: clock.nowMs() })
      const [oldest] = entries.keys()
      if (entries.size > entriesMax && oldest !== undefined) entries.delete(oldest)
    },
    delete: (key) => void entries.delete(key),
  }
}

/** One run of `work` for all that ask for the key while it goes on. */
export function singleFlight() {
  const flights = new Map<string, Promise<unknown>>()
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const known = flights.get(key)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a key stands for one type
    if (known !== undefined) return (await known) as T
    const flight = work()
    flights.set(key, flight)
    try {
      return await flight
    } finally {
      flights.delete(key)
    }
  }
}
