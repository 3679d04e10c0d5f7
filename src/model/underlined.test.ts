import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { underlined } from './underlined.ts'

test.each([
  ['imath >>3', 6, 3, 'imath >>3', '      ^^^'],
  ['日本 >>3', 3, 3, '日本 >>3', '     ^^^'],
  ['a\u0301b >>3', 4, 3, 'a\u0301b >>3', '   ^^^'],
  ['x 日本', 2, 2, 'x 日本', '  ^^^^'],
  ['a\u001b[31m\tb', 6, 1, 'a [31m b', '      ^'],
  ['', 0, 0, '', '^'],
  ['end', 3, 1, 'end', '   ^'],
])('%j', (line, at, length, text, carets) => {
  expect(underlined(line, { at, length }, 40)).toEqual({ text, carets })
})

test('a long line is cut around the part', () => {
  const line = `${'3.1 | '.repeat(20)}>>4${' | 5'.repeat(20)}`
  expect(underlined(line, { at: 120, length: 3 }, 40)).toEqual({
    text: '… 3.1 | 3.1 | 3.1 | >>4 | 5 | 5 | 5 | 5…',
    carets: '                    ^^^',
  })
})

test('both lines fit, and the carets stand below the part', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 })
  const place = fc.record({ at: fc.nat(60), length: fc.integer({ min: 1, max: 20 }) })
  fc.assert(
    fc.property(line, place, fc.integer({ min: 10, max: 90 }), (text, part, columns) => {
      const drawn = underlined(text, part, columns)
      expect(Bun.stringWidth(drawn.text)).toBeLessThanOrEqual(columns)
      expect(drawn.carets.length).toBeLessThanOrEqual(columns + 1)
      expect(drawn.carets).toMatch(/^ *\^+$/)
    }),
  )
})
