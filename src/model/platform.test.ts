import { describe, expect, test } from 'bun:test'
import { componentVersions, findPlatform, platformRequirements, platformYears } from './platform.ts'
import { formatRange } from './range.ts'
import { allowedVersions } from './requirement.ts'
import { parseVersion } from './version.ts'
import { contains } from './version-set.ts'

test('there is a platform for every year from CY2014 to CY2027', () => {
  const expected = Array.from({ length: 14 }, (_, index) => `CY${2014 + index}`)
  expect(platformYears).toEqual(expected)
  expect(platformYears.map((year) => findPlatform(year).status)).toEqual([
    ...Array.from({ length: 13 }, () => 'final' as const),
    'draft',
  ])
})

test.each([
  ['3.11.x', '3.11'],
  ['2.3.2', '2.3.2'],
  ['3.x', '3'],
  ['2.7.5 - 2.7.latest', '2.7,>=2.7.5'],
  ['5.6.1 - 5.6.latest (modified)', '5.6,>=5.6.1'],
  ['5.6.1 (modified)', '5.6.1'],
  ['5.12 (with patch) or 5.13', '5.12 | 5.13'],
  ['4.8.2 with bugfix or 4.8.3', '4.8.2 | 4.8.3'],
  ['2017 Update 6', '2017.6'],
  ['2018', '2018'],
  ['latest', '*'],
])('%s is %s', (wording, range) => {
  expect(formatRange(componentVersions(wording))).toBe(range)
})

test('CY2023 is read whole', () => {
  const platform = findPlatform('CY2023')
  const ranges = [...platform.components].map(([name, set]) => `${name} ${formatRange(set)}`)
  expect(ranges.join('; ')).toBe(
    'cpython 3.10; qt 5.15; pyside 5.15; pyqt 5.15; numpy 1.23; imath 3.1; openexr 3.1; ' +
      'ptex 2.4; opensubdiv 3.5; openvdb 10; alembic 1.8; fbx 2020,>=2020.2; ' +
      'opencolorio 2.2; aces 1.3; boost 1.80; mkl 2020',
  )
  expect({
    gcc: platform.gcc?.text,
    glibc: platform.glibc?.text,
    tbb: platform.tbb?.text,
    cxxStandard: platform.cxxStandard,
    cxx11Abi: platform.cxx11Abi,
    macos: platform.macosDeploymentTarget,
  }).toEqual({
    gcc: '11.2.1',
    glibc: '2.28',
    tbb: '2020.3',
    cxxStandard: 17,
    cxx11Abi: 1,
    macos: '11.0',
  })
})

test('the years before the dual ABI say nothing about it, and CY2014 nothing about glibc', () => {
  const { cxx11Abi, glibc, cxxStandard } = findPlatform('CY2014')
  expect([cxx11Abi, glibc, cxxStandard]).toEqual([undefined, undefined, undefined])
  expect(findPlatform('CY2022').cxx11Abi).toBe(0)
})

describe('gcc, glibc and TBB', () => {
  const allows = (role: 'provide' | 'build', name: string, version: string) => {
    const found = platformRequirements(findPlatform('CY2023'), role)
    const requirement = found.find((entry) => entry.name === name)
    return requirement && contains(allowedVersions(requirement), parseVersion(version))
  }
  test.each([
    ['provide', '__glibc', '2.17', false],
    ['provide', '__glibc', '2.28', true],
    ['provide', '__glibc', '2.39', true],
    ['build', '__glibc', '2.17', true],
    ['build', '__glibc', '2.28', true],
    ['build', '__glibc', '2.34', false],
    ['build', 'gcc', '11.2.1', true],
    ['build', 'gcc', '12.2', false],
    ['provide', 'onetbb', '2021.5', true],
    ['build', 'onetbb', '2021.5', false],
    ['provide', 'imath', '3.1.9', true],
    ['provide', 'imath', '3.2', false],
    ['build', 'imath', '3.2', false],
  ] as const)('%s %s %s: %p', (role, name, version, expected) => {
    expect(allows(role, name, version)).toBe(expected)
  })

  test('a platform only ever asks weakly', () => {
    const asked = platformYears.flatMap((year) => platformRequirements(findPlatform(year), 'build'))
    expect(asked.filter(({ kind }) => kind !== 'weak')).toEqual([])
    expect(asked.length).toBeGreaterThan(200)
  })
})

test.each([
  ['2023', 'CY2023'],
  ['cy23', 'CY2023'],
  ['CY 2024', 'CY2024'],
  ['CY2042', 'CY2022'],
])('%s is answered with %s', (year, near) => {
  expect(() => findPlatform(year)).toThrow(
    expect.objectContaining({
      code: 'model/unknown-platform',
      hints: expect.arrayContaining([`Did you mean '${near}'?`]),
    }),
  )
})
