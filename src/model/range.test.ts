import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { runs, setOf } from './versions.fixture.ts'
import { formatRange, parseRange } from './range.ts'
import { parseVersion } from './version.ts'
import { contains, equalSets, isEmptySet, noVersion } from './version-set.ts'

describe('native ranges', () => {
  test.each([
    ['3.1', '3.1', '3.1 3.1.0 3.1.6 3.1-hotfix', '3 3.0 3.10 3.2 3.1a 3.1-rc1'],
    ['>=3.1,<4', '>=3.1,<4', '3.1 3.9 3.99.1', '3.0 4 4.0 3.1-rc1'],
    ['>= 3.1 , < 4', '>=3.1,<4', '3.1', '4'],
    ['<4 >=3.1', '>=3.1,<4', '3.1', '4'],
    ['==3.1.9', '==3.1.9', '3.1.9 3-1-9', '3.1.9.1 3.1'],
    ['!=3.1.9', '<3.1.9 | >3.1.9', '3.1 3.1.9.1', '3.1.9'],
    ['3.1 | 3.3', '3.1 | 3.3', '3.1.2 3.3', '3.2'],
    ['3.3|3.1', '3.1 | 3.3', '3.1', '3.2'],
    ['>=3 | 3.1', '>=3', '3 9', '2'],
    ['*', '*', '0 1-rc1', ''],
    ['3..4', '>=3,<=4', '3 3.5 4', '4.0'],
    ['>3', '>3', '3.0 4', '3'],
    ['3.9 >=3.9.1', '3.9,>=3.9.1', '3.9.1 3.9.9', '3.9 3.9.0 3.10'],
    ['3 >3.1', '3,>3.1', '3.1.1 3.9', '3.1 4'],
    ['<=3', '<=3', '2 3', '3.0'],
    ['>=3.1, !=3.1.4, <4', '>=3.1,<3.1.4 | >3.1.4,<4', '3.1.3 3.1.5', '3.1.4'],
    ['2.1.0-rc1', '2.1.0-rc1', '2.1.0-rc1 2.1.0-rc1.1', '2.1.0 2.1.0-rc2'],
  ])('%s', (text, canonical, inside, outside) => {
    const range = parseRange(text)
    const split = (list: string) => list.split(' ').filter((version) => version !== '')
    expect(formatRange(range)).toBe(canonical)
    expect(split(inside).filter((v) => !contains(range, parseVersion(v)))).toEqual([])
    expect(split(outside).filter((v) => contains(range, parseVersion(v)))).toEqual([])
  })

  test.each([
    ['', 'an alternative is empty'],
    ['3 |', 'an alternative is empty'],
    ['>=3,<2', "no version can be in '>=3,<2'"],
    ['3, 4', "no version can be in '3, 4'"],
    ['4..3', "no version can be in '4..3'"],
    ['>=3,', 'a comma stands alone'],
    ['>=3,,<4', 'a comma stands alone'],
    ['3+', 'write >= before the version'],
    ['=3', 'write =='],
    ['^3', "'^' and '~' are not range operators"],
    ['~=3.1', "'^' and '~' are not range operators"],
    ['3.1.*', '3.1 means 3.1.x'],
    ['3.1.x', '3.1 means 3.1.x'],
    ['3..', "'..' wants a version on both sides"],
    ['>=', 'is no version and no comparison'],
    ['>=3.1;4', 'is no version and no comparison'],
    ['>=3..1', 'is not a version'],
    ['1'.repeat(20_000), 'longer than'],
  ])('refused %#', (text, why) => {
    expect(() => parseRange(text)).toThrow(why)
  })

  test('the empty set has a text of its own', () => {
    expect(formatRange(noVersion)).toBe('!*')
    expect(isEmptySet(parseRange('!*'))).toBe(true)
  })
})

describe.each(['native', 'rez'] as const)('text of ranges, %s', (scheme) => {
  test('reading what was written gives the same set, and writes the same', () => {
    const property = fc.property(setOf(scheme), (set) => {
      fc.pre(!isEmptySet(set))
      const text = formatRange(set, scheme)
      const back = parseRange(text, scheme)
      expect(equalSets(back, set)).toBe(true)
      expect(formatRange(back, scheme)).toBe(text)
    })
    fc.assert(property, runs)
  })

  test('any text is a range or a refusal', () => {
    const piece = fc.constantFrom(...'0123.-+<>=!|,* _ax~^'.split(''), '==', '..', '>=', 'rc1')
    const property = fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        parseRange(pieces.join(''), scheme)
      } catch (error) {
        expect(error).toMatchObject({ code: 'model/bad-range' })
      }
    })
    fc.assert(property, { ...runs, numRuns: 3000 })
  })
})
