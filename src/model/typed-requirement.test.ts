import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { AppError } from '#kernel/index.ts'
import { parseRequirement, type Requirement } from './requirement.ts'
import { parseTypedRequirement } from './typed-requirement.ts'
import type { Scheme } from './version.ts'

function below(text: string, scheme: Scheme): readonly string[] {
  try {
    parseTypedRequirement(text, scheme)
    return []
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return error.message.split('\n').slice(1)
  }
}

test.each([
  ['openexr >>3', '        ^^^'],
  ['openexr >=3,<<4', '            ^^^'],
  ['openexr 3.1 | ^4', '              ^'],
  ['openexr >=3.1,<2', '        ^^^^^^^^'],
  ['openexr 3.1 |', '             ^'],
  ['OpenEXR 3', '^'],
  ['!openexR 3', '       ^'],
  ['openexr[python 3', '       ^'],
  ['openexr[python=] 3', '       ^^^^^^^^^'],
  ['openexr 3.1$', '           ^'],
  ['openexr 3.1..', '        ^^^^^'],
])('native: %s', (text, caret) => {
  const [shown = '', carets = ''] = below(text, 'native')
  expect(shown).toBe(text)
  expect(carets.replace(/\^+$/, '^')).toBe(caret.replace(/\^+$/, '^'))
})

test.each([
  ['maya-2024..', '     ^'],
  ['maya-2024+<2023', '     ^'],
  ['ma ya-2024', '  ^'],
  ['usd-24|>>3', '       ^'],
  ['usd-24 25', '      ^'],
])('rez: %s', (text, caret) => {
  const [shown = '', carets = ''] = below(text, 'rez')
  expect(shown).toBe(text)
  expect(carets.replace(/\^+$/, '^')).toBe(caret)
})

test('a long text is shown around the fault', () => {
  const [shown = '', carets = ''] = below(`openexr ${'3.1 | '.repeat(40)}>>4 | 3`, 'native')
  expect(shown.length).toBeLessThanOrEqual(76)
  expect(shown.slice(carets.indexOf('^'), carets.length)).toBe('>>4')
})

test('it reads what parseRequirement reads, and points into the text', () => {
  const letters = fc.constantFrom(...'ab3.1 <>=!~[]|,-+*^$@#\u0007'.split(''))
  const texts = fc.string({ unit: letters, maxLength: 30 })
  fc.assert(
    fc.property(texts, fc.constantFrom<Scheme>('native', 'rez'), (text, scheme) => {
      let wanted: Requirement
      try {
        wanted = parseRequirement(text, scheme)
      } catch {
        const [shown = ' ', carets = '^'] = below(text, scheme)
        expect(carets.length).toBeLessThanOrEqual(Math.max(1, shown.length + 1))
        return
      }
      expect(parseTypedRequirement(text, scheme)).toEqual(wanted)
    }),
    { numRuns: 2000 },
  )
})
