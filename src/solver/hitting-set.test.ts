import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { smallestMeeting } from './hitting-set.ts'

test('as small as the smallest of all subsets, and every list is met', () => {
  const member = fc.integer({ min: 0, max: 7 })
  const lists = fc.array(fc.uniqueArray(member, { minLength: 1, maxLength: 4 }), { maxLength: 8 })
  fc.assert(
    fc.property(lists, (some) => {
      const found = smallestMeeting(some)
      const meets = (set: ReadonlySet<number>) => some.every((list) => list.some((m) => set.has(m)))
      const subsets = Array.from(
        { length: 256 },
        (_none, mask) => new Set([0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (mask >> bit) & 1)),
      )
      const smallest = Math.min(...subsets.filter(meets).map((set) => set.size))
      expect(found).toBeDefined()
      expect(meets(found ?? new Set())).toBe(true)
      expect(found?.size).toBe(smallest)
    }),
    { numRuns: 300 },
  )
})

test('a list that nothing meets, or too many branches, gives no set', () => {
  expect(smallestMeeting([[]])).toBeUndefined()
  expect(smallestMeeting([])).toEqual(new Set())
})
