import { expect, test } from 'bun:test'
import { rezOptions } from './rez-options.ts'

const before = (text: string): unknown => rezOptions.before().parseArg?.(text, undefined)

test.each([
  ['2026-01-31', Date.UTC(2026, 0, 31, 23, 59, 59)],
  ['2026-01-31T12:00:00Z', Date.UTC(2026, 0, 31, 12)],
  ['1393014494', 1_393_014_494_000],
])('--before %s is as of the end of that day, or that second', (text, ms) => {
  expect(before(text)).toBe(ms / 1000)
})

test('--before takes an age, and refuses what is no time', () => {
  expect(Number(before('14d'))).toBeWithin(Date.now() / 1000 - 15 * 86_400, Date.now() / 1000)
  for (const text of ['', 'yesterday', '2026-02-30', '1y'])
    expect(() => before(text)).toThrow('It must be 2026-01-31')
})
