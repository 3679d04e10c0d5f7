/** Names, targets, host facts, suggestions and build configurations: the small doors. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '#kernel/index.ts'
import { parse } from 'yaml'
import { z } from 'zod'
import { type BuildConfig, parseBuildConfig } from './build-config.ts'
import { parseHostFact } from './host-fact.ts'
import { jsonSchema } from './json-schema.ts'
import { isPackageName, parsePackageName } from './name.ts'
import { fullProject } from './project.fixture.ts'
import { didYouMean } from './suggest.ts'
import { hostTarget, parseTarget } from './target.ts'

test.each(['imath', 'libdeflate', 'scikit-build-core', 'zope.interface', 'a_b', 'x264', 'a__b'])(
  '%s is a package name',
  (name) => {
    expect(parsePackageName(name)).toBe(name)
  },
)

test.each([
  '',
  'Imath',
  '3d',
  '-a',
  'a-',
  'a..',
  '../a',
  'a/b',
  'a b',
  'a---b',
  'é',
  '__A',
  'a'.repeat(101),
])('%p is not a package name', (name) => {
  expect(isPackageName(name)).toBe(false)
  expect(() => parsePackageName(name)).toThrow(expect.objectContaining({ code: 'model/bad-name' }))
})

test.each([
  ['requirs', ['requires', 'recipes'], 'requires'],
  ['OpenEXR', ['openexr', 'imath'], 'openexr'],
  ['lbidef', ['libdef', 'lib'], 'libdef'],
  ['opnexr', ['openexr', 'openvdb'], 'openexr'],
  ['qt', ['boost', 'imath'], undefined],
  ['', ['a'], undefined],
  ['x'.repeat(70), ['x'.repeat(69)], undefined],
] as const)('%s among %j is %p', (word, known, expected) => {
  expect(didYouMean(word, known)).toBe(expected)
})

test.each([
  ['linux', 'x64', 'linux-x86_64'],
  ['linux', 'arm64', 'linux-aarch64'],
  ['darwin', 'arm64', 'macos-arm64'],
  ['darwin', 'x64', 'macos-x86_64'],
  ['win32', 'x64', 'windows-x86_64'],
] as const)('%s %s is %s', (platform, arch, target) => {
  expect(hostTarget(platform, arch)).toBe(target)
})

test('what is no target says which are', () => {
  expect(() => parseTarget('linux-x86-64')).toThrow(
    expect.objectContaining({
      code: 'model/unknown-target',
      hints: ["Did you mean 'linux-x86_64'?", expect.stringContaining('macos-arm64')],
    }),
  )
  expect(() => hostTarget('freebsd', 'x64')).toThrow("'freebsd-x86_64'")
})

test('facts about a host are written with = or a space', () => {
  expect(parseHostFact('__glibc=2.17')).toMatchObject({
    name: '__glibc',
    version: { text: '2.17' },
  })
  expect(parseHostFact('__cuda 12.4').version.text).toBe('12.4')
  for (const wrong of ['glibc=2', '__glibc=1=2', '__glibc'])
    expect(() => parseHostFact(wrong)).toThrow()
})

describe('build configurations', () => {
  const digest = digestOf('x')
  const config: BuildConfig = {
    schemaVersion: 1,
    name: 'imath',
    version: '3.1.6',
    buildId: '0'.repeat(64),
    target: 'linux-x86_64',
    options: { python: false },
    platform: 'CY2023',
    requires: [],
    provides: [],
    constraints: ['!ilmbase'],
    system: [{ name: 'zlib', range: '>=1.2', version: '1.2.13' }],
    host: [{ name: '__glibc', range: '>=2.28' }],
    exports: { cmake: [], pkgConfig: ['Imath'], programs: [], python: [] },
    interface: digest,
    license: 'BSD-3-Clause',
    licenseFiles: [],
    sources: [{ kind: 'url', url: 'https://example.org/a.tgz', sha256: 'ab' }],
    recipe: digest,
    toolchain: { compiler: 'gcc', version: '12.2.0', cxxStandard: 17, cxx11Abi: 1 },
    fileList: digest,
    diffId: digest,
    sizeBytes: 12,
    sandbox: true,
    epoch: 0,
    createdBy: 'backlot 0.1.0',
  }

  test('are read from text and from bytes, whole', () => {
    const text = JSON.stringify(config)
    expect(parseBuildConfig(text, 'here')).toEqual(config)
    expect(parseBuildConfig(new TextEncoder().encode(text), 'here')).toEqual(config)
  })

  test('of schema version 1 are still read', () => {
    const path = join(import.meta.dir, '../../docs/formats/fixtures/build-1.json')
    const fixture = readFileSync(path, 'utf8')
    expect(parseBuildConfig(fixture, path)).toEqual({ provides: [], ...JSON.parse(fixture) })
  })

  test('of a newer Backlot may have more members', () => {
    const text = JSON.stringify({ ...config, signatures: [] })
    expect(parseBuildConfig(text, 'here')).toEqual(config)
  })

  test.each([
    ['{', 'is not JSON'],
    ['null', 'expected object'],
    [JSON.stringify({ ...config, schemaVersion: 2 }), 'schemaVersion'],
    [JSON.stringify({ ...config, name: '../x' }), 'is not a package name'],
    [JSON.stringify({ ...config, diffId: 'sha256:0' }), "'diffId' is not a digest"],
    [JSON.stringify({ ...config, host: [{ name: 'x', range: '1' }] }), "'host.0.name'"],
    [JSON.stringify({ ...config, sizeBytes: -1 }), "'sizeBytes'"],
  ])('that do not fit are refused: %#', (text, why) => {
    expect(() => parseBuildConfig(text, 'here')).toThrow(
      expect.objectContaining({ code: 'model/bad-build', message: expect.stringContaining(why) }),
    )
  })
})

test('the JSON Schema takes what the file takes, as editors read it, and refuses slips', () => {
  const editor = z.fromJSONSchema(jsonSchema())
  const takes = (text: string) => editor.safeParse(parse(text)).success
  expect(takes(fullProject)).toBe(true)
  expect(takes(fullProject.replace('sha256', 'sha265'))).toBe(false)
  expect(takes(fullProject.replace('  requires:', '  requirs:'))).toBe(false)
  expect(takes('environment: { packages: imath }')).toBe(false)
})

test('the JSON Schema knows the keys of the file, and is the same each time', () => {
  const schema = jsonSchema()
  expect(Object.keys(Object(schema['properties']))).toEqual([
    'package',
    'environment',
    'environments',
    'matrix',
    'recipes',
    'registry',
    'mirrors',
  ])
  expect(JSON.stringify(schema)).toBe(JSON.stringify(jsonSchema()))
  expect(JSON.stringify(schema)).not.toContain('"yaml"')
})
