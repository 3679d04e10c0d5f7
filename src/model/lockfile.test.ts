import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalJson, digestOf } from '#kernel/index.ts'
import * as fc from 'fast-check'
import { runs } from './versions.fixture.ts'
import { parseLockfile } from './lock-reader.ts'
import { formatLockfile, type Lockfile } from './lockfile.ts'
import { targets } from './target.ts'

const digest = fc.constantFrom(...['a', 'b', 'c', 'd'].map((text) => digestOf(text)))
const name = fc.constantFrom('zlib', 'imath', 'openexr', 'x264', 'a.b', 'scikit-build-core')
const common = { name, version: fc.constantFrom('1', '3.1.6', '2-rc1') }
const optional = {
  needs: fc.array(fc.string(), { maxLength: 2 }),
  provides: fc.dictionary(name, fc.string()),
}
const requiredKeys = ['name', 'version', 'kind'] as const
const lockedPackage = fc.oneof(
  fc.record(
    {
      ...common,
      ...optional,
      kind: fc.constant('build'),
      build: digest,
      layer: digest,
      size: fc.nat(),
    },
    { requiredKeys: [...requiredKeys, 'build', 'layer', 'size'] },
  ),
  fc.record(
    {
      ...common,
      ...optional,
      kind: fc.constant('recipe'),
      recipe: digest,
      options: fc.dictionary(name, fc.oneof(fc.boolean(), fc.string())),
    },
    { requiredKeys: [...requiredKeys, 'recipe', 'options'] },
  ),
  fc.record(
    { ...common, ...optional, kind: fc.constant('system'), range: fc.string() },
    { requiredKeys: [...requiredKeys, 'range'] },
  ),
)
/** Each package depends on some of those before it. */
const packages = fc
  .uniqueArray(lockedPackage, { selector: (entry) => entry.name, maxLength: 6 })
  .chain((entries) =>
    fc.tuple(
      ...entries.map((entry, index) =>
        fc
          .subarray(entries.slice(0, index).map((before) => before.name))
          .map((depends): unknown => ({ ...entry, depends })),
      ),
    ),
  )
const target = fc.record({
  packages,
  host: fc.array(fc.record({ name: fc.constant('__glibc'), range: fc.string() }), { maxLength: 2 }),
})
const environment = fc.record(
  {
    asked: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
    choice: fc.record(
      { excludeNewer: fc.string(), lowest: fc.constantFrom('all', 'direct') },
      { requiredKeys: [] },
    ),
    until: fc.constant('2026-01-31T23:59:59Z'),
    platform: fc.constantFrom('CY2023', 'CY2024'),
    request: digest,
    variables: fc.dictionary(fc.string(), fc.string()),
    targets: fc.dictionary(fc.constantFrom(...targets), target),
  },
  { requiredKeys: ['asked', 'request', 'variables', 'targets'] },
)
const lockfile = fc.record({
  lockfile: fc.constant(1),
  environments: fc.dictionary(name, environment, { maxKeys: 3 }),
})

test('reading what was written gives the same lockfile, and writes the same bytes', () => {
  const property = fc.property(lockfile, (lock) => {
    const read = parseLockfile(JSON.stringify(lock), 'backlot.lock')
    const written = formatLockfile(read)
    const again = parseLockfile(written, 'backlot.lock')
    expect(canonicalJson(again)).toBe(canonicalJson(lock))
    expect(formatLockfile(again)).toBe(written)
  })
  fc.assert(property, { ...runs, numRuns: 100 })
})

test('a lockfile of format 1 is still read, and still written the same', () => {
  const path = join(import.meta.dir, '../../docs/formats/fixtures/lockfile-1.json')
  const fixture = readFileSync(path, 'utf8')
  const lock = parseLockfile(fixture, path)
  expect(lock.environments['default']?.targets['linux-x86_64']?.packages).toHaveLength(3)
  expect(formatLockfile(lock)).toBe(fixture)
})

const layer = digestOf('layer')
const small: Lockfile = {
  lockfile: 1,
  environments: {
    default: {
      asked: ['openexr 3.1', '~numpy >=1.26'],
      choice: { excludeNewer: '14d' },
      until: '2026-01-31T12:00:00Z',
      platform: 'CY2023',
      request: digestOf('request'),
      variables: { B: '2', A: '1' },
      targets: {
        'linux-x86_64': {
          host: [{ name: '__glibc', range: '>=2.28' }],
          packages: [
            { name: 'zlib', version: '1.2.13', kind: 'system', range: '>=1.2', depends: [] },
            {
              name: 'imath',
              version: '3.1.6',
              kind: 'build',
              build: layer,
              layer,
              size: 9,
              depends: [],
            },
            {
              name: 'openexr',
              version: '3.1.5',
              kind: 'recipe',
              recipe: layer,
              options: { python: true },
              depends: ['imath', 'zlib'],
              needs: ['imath >=3.1'],
              provides: { exr: '3.1.5' },
            },
          ],
        },
      },
    },
  },
}

test('a package is one line, so a diff shows what changed', () => {
  const built = '"depends":[],"kind":"build"'
  const planned = '"depends":["imath","zlib"],"kind":"recipe","needs":["imath >=3.1"]'
  const rest = '"options":{"python":true},"provides":{"exr":"3.1.5"},"recipe":"D"'
  expect(formatLockfile(small).replaceAll(layer, 'D').replaceAll(digestOf('request'), 'R')).toBe(
    `{
  "environments": {
    "default": {
      "asked": [
        "openexr 3.1",
        "~numpy >=1.26"
      ],
      "choice": {"excludeNewer":"14d"},
      "platform": "CY2023",
      "request": "R",
      "targets": {
        "linux-x86_64": {
          "host": [{"name":"__glibc","range":">=2.28"}],
          "packages": [
            {"name":"zlib","version":"1.2.13","depends":[],"kind":"system","range":">=1.2"},
            {"name":"imath","version":"3.1.6","build":"D",${built},"layer":"D","size":9},
            {"name":"openexr","version":"3.1.5",${planned},${rest}}
          ]
        }
      },
      "until": "2026-01-31T12:00:00Z",
      "variables": {"A":"1","B":"2"}
    }
  },
  "lockfile": 1
}
`,
  )
})

const text = formatLockfile(small)
test.each([
  ['', 'it is not JSON'],
  [text.slice(0, 400), 'it is not JSON'],
  [`<<<<<<< ours\n${text}`, 'it has merge markers'],
  ['[]', 'it is not an object'],
  [text.replace('"lockfile": 1', '"lockfile": "1"'), "'lockfile' is not 1"],
  [text.replace('"size":9', '"size":-9'), 'is not a number of bytes'],
  [text.replace('"size":9', '"size":9,"x":1'), "unknown key 'x'"],
  [text.replace(`"build":"${layer}"`, '"build":"sha256:12"'), 'is not a digest'],
  [text.replace('linux-x86_64', 'linux-mips'), "unknown target 'linux-mips'"],
  [text.replace('"name":"imath"', '"name":"../x"'), 'is not a package name'],
  [text.replace('"name":"imath"', '"name":"zlib"'), 'names a package twice'],
  [text.replace('["imath","zlib"]', '["imath","qt"]'), 'lacks qt, which openexr depends on'],
  [text.replace('"name":"__glibc"', '"name":"glibc"'), 'is not a fact about a host'],
])('a broken lockfile is refused: %#', (broken, why) => {
  expect(() => parseLockfile(broken, 'backlot.lock')).toThrow(
    expect.objectContaining({
      code: 'model/bad-lockfile',
      message: expect.stringContaining(why),
      hints: [expect.stringContaining('backlot lock')],
    }),
  )
})

test.each(['', ', "more": {}'])('one of a newer Backlot wants that Backlot%s', (more) => {
  const newer = text.replace('"lockfile": 1', `"lockfile": 2${more}`)
  expect(() => parseLockfile(newer, 'backlot.lock')).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('has format 2, and this Backlot reads format 1'),
      hints: [expect.stringContaining('newer Backlot'), expect.stringContaining('backlot lock')],
    }),
  )
})

test('damage anywhere leaves a lockfile or a refusal', () => {
  const edit = fc.tuple(
    fc.nat({ max: text.length }),
    fc.nat({ max: 9 }),
    fc.constantFrom('', '"', '1', '{', ',', 'null'),
  )
  const property = fc.property(edit, ([at, drop, put]) => {
    try {
      parseLockfile(text.slice(0, at) + put + text.slice(at + drop), 'backlot.lock')
    } catch (error) {
      expect(error).toMatchObject({ code: 'model/bad-lockfile' })
    }
  })
  fc.assert(property, { ...runs, numRuns: 2000 })
})
