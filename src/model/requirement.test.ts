import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { runs, setOf } from './versions.fixture.ts'
import {
  allowedVersions,
  formatRequirement,
  mergeRequirements,
  parseRequirement,
  type Requirement,
} from './requirement.ts'
import { contains, equalSets, intersectionOf, isEmptySet } from './version-set.ts'
import { parseVersion } from './version.ts'

describe('native requirements', () => {
  test.each([
    ['imath', 'imath', 'require'],
    ['imath 3.1', 'imath 3.1', 'require'],
    ['imath>=3.1,<4', 'imath >=3.1,<4', 'require'],
    ['  imath   ==3.1.9 ', 'imath ==3.1.9', 'require'],
    ['imath 3.1 | 3.3', 'imath 3.1 | 3.3', 'require'],
    ['imath *', 'imath', 'require'],
    ['!openexr 2', '!openexr 2', 'conflict'],
    ['! openexr', '!openexr', 'conflict'],
    ['~numpy >=1.26', '~numpy >=1.26', 'weak'],
    ['openexr[threads, python=true] 3.1', 'openexr[python=true,threads=true] 3.1', 'require'],
    ['openexr[simd=avx2]', 'openexr[simd=avx2]', 'require'],
    ['__glibc >=2.28', '__glibc >=2.28', 'require'],
  ] as const)('%s', (text, canonical, kind) => {
    const requirement = parseRequirement(text)
    expect([requirement.text, requirement.kind]).toEqual([canonical, kind])
    expect(parseRequirement(canonical)).toEqual(requirement)
  })

  test('options are switches or text', () => {
    const { options } = parseRequirement('a[x,y=false,z=avx2]')
    expect(options).toEqual({ x: true, y: false, z: 'avx2' })
  })

  test.each([
    ['', 'model/bad-requirement'],
    ['Imath 3', 'model/bad-name'],
    ['>=3', 'model/bad-name'],
    ['../x', 'model/bad-name'],
    ['imath >=', 'model/bad-range'],
    ['imath[x 3', 'model/bad-requirement'],
    ['imath[]', 'model/bad-requirement'],
    ['imath[x=1=2]', 'model/bad-requirement'],
    ['imath[x,x]', 'model/bad-requirement'],
    ['!imath[x]', 'model/bad-requirement'],
    [`imath ${'1|'.repeat(10_000)}1`, 'model/bad-requirement'],
  ])('refused %#', (text, code) => {
    expect(() => parseRequirement(text)).toThrow(expect.objectContaining({ code }))
  })

  test('a name in capitals is answered with the lower-case one', () => {
    expect(() => parseRequirement('OpenEXR 3')).toThrow(
      expect.objectContaining({ hints: expect.arrayContaining(["Did you mean 'openexr'?"]) }),
    )
  })
})

describe('merging', () => {
  const merged = (a: string, b: string) =>
    mergeRequirements(parseRequirement(a), parseRequirement(b))?.text

  test.each([
    ['imath >=3', 'imath <4', 'imath >=3,<4'],
    ['imath 3', 'imath 4', undefined],
    ['imath', '!imath 3', 'imath <3 | >=3_'],
    ['~imath >=3', 'imath', 'imath >=3'],
    ['~imath >=3', '~imath <4', '~imath >=3,<4'],
    ['~imath 3', '~imath 4', '!imath'],
    ['!imath 3', '!imath 4', '!imath 3 | 4'],
    ['imath[python=true] 3', 'imath[simd=avx2]', 'imath[python=true,simd=avx2] 3'],
    ['imath[python=true]', 'imath[python=false]', undefined],
  ])('%s and %s', (a, b, expected) => {
    expect(merged(a, b)).toBe(expected)
  })

  test('requirements of different packages are not merged', () => {
    expect(() => merged('imath', 'openexr')).toThrow(TypeError)
  })

  test('what both allow is what the merged one allows', () => {
    const kinds = fc.constantFrom('require', 'conflict', 'weak')
    const requirement = fc.tuple(kinds, setOf('native')).map(([kind, versions]): Requirement => {
      const made: Requirement = { name: 'a', kind, versions, options: {}, text: '' }
      return { ...made, text: formatRequirement(made) }
    })
    const property = fc.property(requirement, requirement, (a, b) => {
      const both = intersectionOf(allowedVersions(a), allowedVersions(b))
      const one = mergeRequirements(a, b)
      if (one) expect(equalSets(allowedVersions(one), both)).toBe(true)
      else expect(isEmptySet(both) && [a.kind, b.kind].includes('require')).toBe(true)
    })
    fc.assert(property, runs)
  })
})

test('a conflict allows what its range leaves out', () => {
  const allowed = allowedVersions(parseRequirement('!imath 3'))
  expect(['2', '3', '3.1', '4'].map((text) => contains(allowed, parseVersion(text)))).toEqual([
    true,
    false,
    false,
    true,
  ])
})
