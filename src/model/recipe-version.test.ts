import { describe, expect, test } from 'bun:test'
import { parseProject } from './project-file.ts'
import { fullProject } from './project.fixture.ts'
import type { Recipe } from './recipe.ts'
import { recipeAt } from './recipe-version.ts'
import type { OptionValue } from './requirement.ts'
import type { Target } from './target.ts'
import { parseVersion } from './version.ts'

function recipe(text = fullProject): Recipe {
  const { package: found } = parseProject(text, 'backlot.yaml')
  if (!found) throw new Error('no package')
  return found
}

function at(
  version: string,
  options: Record<string, OptionValue> = {},
  target: Target = 'linux-x86_64',
  text = fullProject,
) {
  return recipeAt(recipe(text), parseVersion(version), options, target)
}

test('conditions are decided by version, options and target', () => {
  const names = (entries: readonly { requirement: { name: string } }[]) =>
    entries.map(({ requirement }) => requirement.name)
  expect(names(at('3.1.5').requires)).toEqual(['imath', 'libdeflate', 'ilmbase'])
  expect(names(at('3.1.5', { python: true }).requires)).toContain('pybind11')
  expect(names(at('3.1.5', { python: true }, 'macos-x86_64').requires)).not.toContain('pybind11')
  expect(names(at('3.1.5', { python: true }, 'macos-arm64').requires)).toContain('pybind11')
  expect(at('3.1.5').steps.map(({ kind }) => kind)).toEqual(['cmake', 'script'])
  expect(at('3.1.5', { python: true }, 'macos-arm64').steps.map(({ kind }) => kind)).toEqual([
    'cmake',
    'make',
    'python',
    'script',
  ])
  expect(at('3.1.5').patches).toEqual([{ path: 'patches/x.patch', strip: 1 }])
  expect(at('3.1.5', {}, 'macos-arm64').patches).toHaveLength(2)
  expect(at('3.10').patches).toEqual([])
})

test('values take the first whose condition holds', () => {
  expect(at('3.1.5').steps[0]).toMatchObject({
    definitions: { BUILD_TESTING: 'OFF', PYTHON: 'OFF' },
  })
  expect(at('3.1.5', { python: true }).steps[0]).toMatchObject({ definitions: { PYTHON: 'ON' } })
})

test('exports and tests come without conditions', () => {
  const { exports, tests } = at('3.1.5', { python: true })
  expect(exports).toEqual({
    cmake: [{ package: 'OpenEXR', version: '3.1', targets: ['OpenEXR::OpenEXR'], components: [] }],
    pkgConfig: ['OpenEXR'],
    programs: [
      { name: 'exrheader', args: ['-h'], exit: 0 },
      { name: 'exrpy', args: ['--help'], exit: 0 },
    ],
    python: ['OpenEXR'],
  })
  expect(tests).toEqual([{ name: 'test 1', script: 'exrheader -h' }])
  expect(at('3.1.5').exports.python).toEqual([])
})

test('options are filled in and checked', () => {
  expect(at('3.1.5', { simd: 'avx2' }).options).toEqual({
    python: false,
    simd: 'avx2',
    threads: true,
  })
  const code = 'model/bad-option'
  expect(() => at('3.1.5', { simd: 'neon' })).toThrow(expect.objectContaining({ code }))
  expect(() => at('3.1.5', { python: 'maybe' })).toThrow(expect.objectContaining({ code }))
  expect(() => at('3.1.5', { pyton: true })).toThrow(
    expect.objectContaining({ code, hints: expect.arrayContaining(["Did you mean 'python'?"]) }),
  )
})

test('an option may have a name that all objects have a member of', () => {
  const text = fullProject.replace('    threads: true', '    constructor: true')
  expect(at('3.1.5', {}, 'linux-x86_64', text).options['constructor']).toBe(true)
})

test('a version that is not listed is refused; separators do not matter', () => {
  expect(() => at('3.1.6')).toThrow(expect.objectContaining({ code: 'model/unknown-version' }))
  expect(at('3-1-5').version.text).toBe('3.1.5')
})

test('a recipe of kind system has any version', () => {
  const text = 'package: { name: zlib, kind: system, system: { detect: { dpkg: zlib1g-dev } } }'
  expect(at('1.2.13', {}, 'linux-x86_64', text)).toMatchObject({ sources: [], steps: [] })
})

describe('the digest of a version', () => {
  const usual = at('3.1.5').digest
  const changed = (from: string, to: string) => {
    expect(fullProject).toContain(from)
    return at('3.1.5', {}, 'linux-x86_64', fullProject.replace(from, to)).digest
  }

  test.each([
    ['# every key once', '# another comment'],
    ['summary: EXR images', 'summary: images'],
    ['https://example.org/a/v3.1.5.tar.gz', 'https://mirror.example.org/b.tar.gz'],
    ['reason: 2 has another API', 'reason: it breaks'],
    ['- version: 3.10', '- version: 3.11'],
    ['simd: { default: sse4, values: [sse4, avx2] }', 'simd: { default: sse4, values: [sse4] }'],
  ])('does not change with %s', (from, to) => {
    expect(changed(from, to)).toBe(usual)
  })

  test.each([
    ['ea'.repeat(32), 'eb'.repeat(32)],
    ['BUILD_TESTING: "OFF"', 'BUILD_TESTING: "ON"'],
    ['echo done', 'echo over'],
    ['patches/x.patch', 'patches/z.patch'],
    ['CXXFLAGS: -O2', 'CXXFLAGS: -O3'],
    ['imath >=3.1', 'imath >=3.0'],
    ['epoch: 2022-10-14', 'epoch: 2022-10-15'],
    ['default: sse4', 'default: avx2'],
    ['- exrheader -h', '- exrinfo -h'],
  ])('changes with %s', (from, to) => {
    expect(changed(from, to)).not.toBe(usual)
  })

  test('changes with options', () => {
    expect(at('3.1.5', { threads: false }).digest).not.toBe(usual)
  })
})
