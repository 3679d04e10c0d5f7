import { expect, test } from 'bun:test'
import { nextRunMs, parseCron } from './schedule.ts'

const at = (text: string) => Date.parse(`${text}:00Z`)
const next = (cron: string, after: string) => {
  const ms = nextRunMs({ kind: 'cron', fields: parseCron(cron) }, at(after))
  return ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16)
}

test.each([
  ['* * * * *', '2026-01-31T23:59', '2026-02-01T00:00'],
  ['30 3 * * *', '2026-01-31T03:30', '2026-02-01T03:30'],
  ['30 3 * * *', '2026-01-31T03:29', '2026-01-31T03:30'],
  ['*/20 8-10/2 * * *', '2026-05-01T08:41', '2026-05-01T10:00'],
  ['5/20 * * * *', '2026-05-01T08:06', '2026-05-01T08:25'],
  ['0 0 * * 1-5', '2026-11-20T12:00', '2026-11-23T00:00'],
  ['0 0 * * 7', '2026-11-16T00:00', '2026-11-22T00:00'],
  ['0 0 13 * 5', '2026-02-01T00:00', '2026-02-06T00:00'],
  ['0 0 29 2 *', '2026-03-01T00:00', '2028-02-29T00:00'],
  ['0 0 31 2 *', '2026-01-01T00:00', undefined],
  ['0,15 1 1,15 */6 *', '2026-01-15T01:15', '2026-07-01T01:00'],
])('%s after %s is %s', (cron, after, want) => expect(next(cron, after)).toBe(want))

test.each(['', '* * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8'])(
  "'%s' is no schedule",
  (cron) =>
    expect(() => parseCron(cron)).toThrow(expect.objectContaining({ code: 'model/bad-schedule' })),
)

test.each(['5-1 * * * *', '*/0 * * * *', 'a * * * *', '1;2 * * * *', '* * * * mon', '1- * * * *'])(
  "'%s' is no schedule either",
  (cron) => expect(() => parseCron(cron)).toThrow(/is not a schedule/),
)

test('every so long', () => {
  expect(nextRunMs({ kind: 'every', ms: 60_000 }, 1000)).toBe(61_000)
})
