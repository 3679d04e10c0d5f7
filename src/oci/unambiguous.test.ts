import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { repeatedMember } from './unambiguous.ts'

test.each<[string, string | undefined]>([
  ['{}', undefined],
  ['{"a":1,"b":2}', undefined],
  ['{"a":1,"a":2}', 'a'],
  ['{"a":{"b":1},"c":{"b":1}}', undefined],
  ['{"a":{"b":1,"b":1}}', 'b'],
  ['[{"a":1},{"a":1}]', undefined],
  ['[{"a":1},{"a":1 , "\\u0061" : 2}]', 'a'],
  ['{"a":"a","b":"a"}', undefined],
  ['{"a":"\\"a\\":","b":["a","a"]}', undefined],
  ['{"a\\\\":1,"a\\\\" :2}', 'a\\'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ['"a"', undefined],
])('%s', (text, wanted) => expect(repeatedMember(text)).toBe(wanted))

test('what JavaScript writes has none; with one more of them it has', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 })
  fc.assert(
    fc.property(object, fc.nat(), (value, pick) => {
      const text = JSON.stringify(value)
      expect(repeatedMember(text)).toBeUndefined()
      const names = Object.keys(value)
      const name = names[pick % names.length] ?? ''
      const twice = `${text.slice(0, -1)},${JSON.stringify(name)}:0}`
      expect(repeatedMember(twice)).toBe(name)
    }),
  )
})
