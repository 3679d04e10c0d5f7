import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { fixedClock, type WorkEvent } from '#kernel/index.ts'
import { defaultRetry, delayMs, isRetryable, pause, retryAfterMs, telling } from './retry.ts'

test('Retry-After in seconds and as a date', () => {
  const clock = fixedClock(Date.UTC(2024, 0, 1))
  const wanted = (text: string, more = {}) =>
    retryAfterMs(new Headers({ 'retry-after': text, ...more }), clock)
  expect(wanted('7')).toBe(7000)
  expect(wanted('Mon, 01 Jan 2024 00:00:30 GMT')).toBe(30_000)
  expect(wanted('Sun, 31 Dec 2023 00:00:00 GMT')).toBe(0)
  for (const odd of ['', 'soon', '-1x', '9'.repeat(40)]) expect(wanted(odd)).toBeUndefined()
  expect(retryAfterMs(new Headers(), clock)).toBeUndefined()
  // Their clock is an hour ahead, or a day behind.
  for (const day of ['Mon, 01 Jan 2024 01', 'Sun, 31 Dec 2023 00'])
    expect(wanted(`${day}:00:30 GMT`, { date: `${day}:00:00 GMT` })).toBe(30_000)
})

test('waits grow, stay in bounds and differ', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), (failures) => {
      const full = Math.min(
        defaultRetry.delayMsMax,
        defaultRetry.firstDelayMs * 2 ** (failures - 1),
      )
      const delay = delayMs(defaultRetry, failures)
      expect(delay).toBeGreaterThanOrEqual(full / 2)
      expect(delay).toBeLessThanOrEqual(full)
    }),
  )
  expect(new Set(Array.from({ length: 20 }, () => delayMs(defaultRetry, 3))).size).toBeGreaterThan(
    1,
  )
})

test('answers that may get better are those of an overloaded or broken server', () => {
  const better = [408, 429, 500, 502, 503, 504]
  const all = Array.from({ length: 400 }, (_, at) => 200 + at)
  expect(all.filter((status) => status < 506 && isRetryable(status))).toEqual(better)
})

test('a wait is cut short by a cancellation', async () => {
  const controller = new AbortController()
  const waiting = pause(60_000, controller.signal)
  controller.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'kernel/cancelled' })
})

test('of many waits at once for one reason the first is told, and later ones again', async () => {
  let nowMs = 0
  const told: WorkEvent[] = []
  const emit = (event: WorkEvent) => void told.push(event)
  const wait = telling({ emit, clock: { nowMs: () => nowMs } })
  const over = AbortSignal.abort()
  const waits = async (why: string) =>
    await Promise.allSettled(Array.from({ length: 16 }, () => wait(2000, why, over)))

  await waits('a answered 429')
  await waits('b answered 429')
  nowMs = 2000
  await waits('a answered 429')

  expect(told.map((event) => event.kind === 'warning' && event.text)).toEqual(
    ['a', 'b', 'a'].map((name) => `${name} answered 429; trying again in 2 s`),
  )
})
