import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { damaged } from './damaged.fixture.ts'
import { decodeShelf, encodeShelf, type Section } from './shelf.ts'

const section = fc.record({
  about: fc.array(fc.string(), { maxLength: 3 }),
  bytes: fc.uint8Array({ maxLength: 40 }),
})
const sections = fc
  .uniqueArray(fc.tuple(fc.string(), section), { selector: ([name]) => name, maxLength: 6 })
  .map((pairs) => new Map<string, Section>(pairs))

test('what is read is what was written, and the order does not matter', () => {
  fc.assert(
    fc.property(sections, fc.string(), (some, stamp) => {
      const bytes = encodeShelf({ stamp, sections: some })
      const read = decodeShelf(bytes)
      const reversed = new Map([...some].toReversed())

      expect(read?.stamp).toBe(stamp)
      expect(new Map(read?.sections)).toEqual(new Map(some))
      expect(encodeShelf({ stamp, sections: reversed })).toEqual(bytes)
    }),
  )
})

test('a shelf that was changed or cut is none', () => {
  const good = new Map([['imath', { about: ['a'], bytes: new Uint8Array([1, 2, 3]) }]])
  const bytes = encodeShelf({ stamp: 's', sections: good })
  fc.assert(
    fc.property(damaged(bytes), (broken) => {
      const same = Buffer.from(broken).equals(bytes)

      expect(decodeShelf(broken) !== undefined).toBe(same)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['nothing', new Uint8Array()],
  ['something else', new TextEncoder().encode('{"catalog":1}')],
  ['a directory that is too long', new TextEncoder().encode('BLSHELF1\u007F\u007F\u007F\u007F{}')],
])('%s is no shelf', (_name, bytes) => {
  expect(decodeShelf(bytes)).toBeUndefined()
})
