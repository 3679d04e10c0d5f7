import { describe, expect, test } from 'bun:test'
import { AppError } from '#kernel/index.ts'
import * as fc from 'fast-check'
import { runs } from './versions.fixture.ts'
import { fullProject } from './project.fixture.ts'
import { parseProject } from './project-file.ts'
import { base, meaningless, misshapen, unreadable } from './refusals.fixture.ts'

const read = (text: string) => parseProject(text, 'backlot.yaml')

function complaintAbout(text: string): string {
  try {
    read(text)
  } catch (error) {
    if (error instanceof AppError && error.code === 'model/bad-file') return error.message
    throw error
  }
  throw new Error(`Taken, and it should not be:\n${text}`)
}

test('a file that uses every key is read whole', () => {
  const project = read(fullProject)
  const { package: recipe } = project
  expect(recipe?.versions.map(({ version }) => version.text)).toEqual(['3.10', '3.1.5'])
  expect(recipe?.versions[1]).toMatchObject({
    epoch: 1665705600,
    sources: [{ kind: 'url', sha256: 'ea'.repeat(32), debSrc: 'openexr', strip: 1 }],
    patches: [
      { path: 'patches/x.patch', strip: 1 },
      { path: 'p/y.patch', strip: 0, when: { targets: ['macos'] } },
    ],
  })
  expect(recipe?.versions[0]?.sources).toMatchObject([
    { kind: 'git', submodules: true, strip: 0 },
    { kind: 'pypi', sha256: 'ab'.repeat(32), into: 'third/numpy', strip: 2 },
    { kind: 'path', path: '../src' },
  ])
  expect(recipe?.options).toEqual({
    python: { default: false, summary: 'bindings' },
    simd: { default: 'sse4', values: ['sse4', 'avx2'], summary: '' },
    threads: { default: true, summary: '' },
  })
  expect(Object.keys(project.environments)).toEqual(['default', 'next'])
  expect(project.environments['default']).toMatchObject({
    platform: 'CY2023',
    packages: [{ text: 'openexr 3.1' }, { text: 'imath[python=true]' }],
    variables: { A: '1' },
    targets: ['linux-x86_64'],
  })
  expect([project.recipes, project.registry, project.mirrors, project.matrix]).toEqual([
    ['recipes', '../more'],
    '127.0.0.1:5000/vfx',
    [
      { kind: 'deb-src' },
      { kind: 'folder', path: '/srv/mirror' },
      { kind: 'http', url: 'http://127.0.0.1:8080/' },
    ],
    { anything: ['goes'] },
  ])
})

test('a project is plain data: written as JSON and read again it is the same', () => {
  const project = read(fullProject)
  expect(JSON.parse(JSON.stringify(project))).toEqual(project)
})

test('names of members that all objects have are ordinary names', () => {
  const project = read('environment: {}')
  expect(project.environments['constructor']).toBeUndefined()
  const when = '{ require: a, when: { option: { constructor: true } } }'
  expect(complaintAbout(`${base}  requires: [${when}]`)).toContain('is not declared')
})

test('the digest is of what the file says, not of how', () => {
  const same = 'environment:\n  variables: { B: "2", "A": 1 } # comment\n  packages: [imath]\n'
  const other = 'environment: {packages: ["imath"], variables: {A: "1", B: 2}}'
  expect(read(same).digest).toBe(read(other).digest)
  expect(read(same).digest).not.toBe(read(other.replace('imath', 'openexr')).digest)
})

test('a system package has probes and no versions', () => {
  const text = `package:
  name: zlib
  kind: system
  system:
    detect: [{ pkg-config: zlib }, { program: [nvcc, --version], pattern: "release ([0-9.]+)" }]
    install: { debian: zlib1g-dev, rocky: [zlib-devel] }
`
  expect(read(text).package).toMatchObject({
    kind: 'system',
    versions: [],
    system: {
      detect: [
        { kind: 'pkg-config', name: 'zlib' },
        { kind: 'program', argv: ['nvcc', '--version'], pattern: 'release ([0-9.]+)' },
      ],
      install: { debian: ['zlib1g-dev'], rocky: ['zlib-devel'] },
    },
  })
})

test('a complaint has line, column, the nearest word and an excerpt', () => {
  const text = `${base}  requirs:\n    - imath\n`
  expect(complaintAbout(text)).toBe(
    `backlot.yaml:6:3: unknown key 'requirs' in package (did you mean 'requires'?)
  5 |   build: { steps: [{ script: make }] }
  6 |   requirs:
    |   ^^^^^^^`,
  )
})

test('several mistakes are told in the order of the file, five at most', () => {
  const wrong = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => `${key}: 1\n`).join('')
  const lines = complaintAbout(`registry: "?"\n${wrong}`).split('\n')
  const places = lines.flatMap((line) => /^backlot.yaml:(\d+):/.exec(line)?.[1] ?? [])
  expect(places).toEqual(['1', '2', '3', '4', '5'])
  expect(lines.at(-1)).toBe('… and 3 more')
})

test.each([
  ['imath ==3.1.9', true],
  ['imath <4', true],
  ['imath <=4', true],
  ['imath 3.1', true],
  ['imath 3..4', true],
  ['imath >=3.1,<4', true],
  ['imath 3 | 4', true],
  ['~imath <4', true],
  ['!imath >=4', true],
  ['!imath', true],
  ['imath', false],
  ['imath >=3.1', false],
  ['imath !=3.1.4', false],
  ['imath 3 | >=5', false],
  ['!imath 2', false],
  ['~imath >=3', false],
])('%s in a recipe needs a reason: %p', (requirement, needed) => {
  for (const key of ['requires', 'build-requires']) {
    const plain = `${base}  ${key}: ["${requirement}"]\n`
    const reasoned = `${base}  ${key}: [{ require: "${requirement}", reason: it breaks }]\n`
    if (needed) expect(complaintAbout(plain)).toContain('leaves newer versions out')
    else expect(read(plain).package?.name).toBe('imath')
    expect(read(reasoned).package?.name).toBe('imath')
  }
})

test('an environment may bound versions without a reason', () => {
  expect(read('environment: { packages: [imath ==3.1.9] }').environments).toHaveProperty('default')
})

describe('refused', () => {
  const cases = [...unreadable, ...misshapen, ...meaningless]
  test.each(cases.map(([text, why]) => [text.slice(0, 60), why, text] as const))(
    '%p: %s',
    (_, why, text) => {
      expect(complaintAbout(text)).toContain(why)
    },
  )

  test.each(['(a+)+$', '(?=a)(b)', '(a)\\1', 'no group', '(open'])('pattern %p', (pattern) => {
    const text = `package: { name: a, kind: system, system: { detect: { program: a, pattern: '${pattern}' } } }`
    expect(complaintAbout(text)).toContain('package.system.detect')
  })

  test('control characters of a hostile file do not reach the terminal', () => {
    expect(complaintAbout('registry: "x\u001b[2J" # \u001b]0;boo\u0007\n')).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f]/,
    )
  })

  test('a file of nothing but mistakes is refused in time', () => {
    const keys = Array.from({ length: 40_000 }, (_, index) => `k${index}: 1`).join('\n')
    expect(complaintAbout(keys)).toContain('more')
  })
})

test('any damage to a file leaves a project or a complaint', () => {
  const edit = fc.record({
    at: fc.nat({ max: fullProject.length }),
    drop: fc.nat({ max: 12 }),
    put: fc.constantFrom(
      '',
      ' ',
      '\n',
      ':',
      '- ',
      '{',
      ']',
      '"',
      '*a',
      '&a ',
      '!b ',
      '\t',
      '#',
      '3',
    ),
  })
  const property = fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
    const damaged = edits.reduce(
      (text, { at, drop, put }) => text.slice(0, at) + put + text.slice(at + drop),
      fullProject,
    )
    try {
      read(damaged)
    } catch (error) {
      expect(error).toMatchObject({ code: 'model/bad-file' })
      expect(String(error)).toMatch(/backlot\.yaml:\d+:\d+: \S/)
    }
  })
  fc.assert(property, { ...runs, numRuns: 200 })
})
