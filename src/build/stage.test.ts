import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { normalizeArchive } from './ar.ts'
import { interfaceDigest, interfaceLines } from './interface.ts'
import { findLeaks, judgeLeaks } from './leaks.ts'
import { settleRecords } from './python-record.ts'
import { stagedFiles, tidyStage } from './stage.ts'

function staged(files: Readonly<Record<string, string>>) {
  const folder = temporaryFolder()
  const stage = join(folder.path, 'stage')
  const source = join(folder.path, 'src')
  mkdirSync(source)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(stage, path)), { recursive: true })
    writeFileSync(join(stage, path), text)
  }
  return { stage, source, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

const paths = (stage: string) => stagedFiles(stage).map(({ path }) => path)

test('leftovers and empty folders go, licences come, absolute links become relative', () => {
  using place = staged({
    'usr/local/lib/libx.la': 'x',
    'usr/local/lib/python3.11/site-packages/m/__pycache__/m.cpython-311.pyc': 'x',
    'usr/local/lib/python3.11/site-packages/m-1.dist-info/direct_url.json': '{}',
    'usr/local/share/x/data': 'data',
  })
  writeFileSync(join(place.source, 'LICENSE.md'), 'free')
  writeFileSync(join(place.source, 'COPYING'), 'free')
  writeFileSync(join(place.source, 'licensing.cpp'), 'int x;')
  symlinkSync('/usr/local/share/x/data', join(place.stage, 'usr/local/lib/link'))
  symlinkSync('/backlot/stage/usr/local/share/x', join(place.stage, 'usr/local/lib/staged'))

  const from = { source: place.source, name: 'x', seenStage: '/backlot/stage' }
  const { licenseFiles } = tidyStage(place.stage, from)

  expect(licenseFiles).toEqual([
    'usr/local/share/licenses/x/COPYING',
    'usr/local/share/licenses/x/LICENSE.md',
  ])
  expect(paths(place.stage)).toEqual([
    'usr/local/lib/link',
    'usr/local/lib/staged',
    'usr/local/share/licenses/x/COPYING',
    'usr/local/share/licenses/x/LICENSE.md',
    'usr/local/share/x/data',
  ])
  expect(readlinkSync(join(place.stage, 'usr/local/lib/link'))).toBe('../share/x/data')
  expect(readlinkSync(join(place.stage, 'usr/local/lib/staged'))).toBe('../share/x')
})

test("pip's list names what is installed, where it is, with the hashes of now", () => {
  const site = 'usr/local/lib/python3.11/site-packages'
  using place = staged({
    [`${site}/m/__init__.py`]: 'hello',
    [`${site}/m/a,b.py`]: 'hello',
    'usr/local/bin/tell': 'hello',
    [`${site}/m-1.dist-info/RECORD`]: [
      '../../bin/tell,sha256=old,1',
      'm-1.dist-info/RECORD,,',
      'm-1.dist-info/direct_url.json,sha256=a,2',
      'm/__init__.py,sha256=old,1',
      'm/__pycache__/m.cpython-311.pyc,,',
      '"m/a,b.py",sha256=old,1',
      '',
    ].join('\r\n'),
  })

  settleRecords(stagedFiles(place.stage))

  // printf hello | openssl dgst -sha256 -binary | basenc --base64url
  const now = 'sha256=LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ,5'
  expect(readFileSync(join(place.stage, site, 'm-1.dist-info/RECORD'), 'utf8').split('\n')).toEqual(
    [
      `../../../bin/tell,${now}`,
      'm-1.dist-info/RECORD,,',
      `m/__init__.py,${now}`,
      `"m/a,b.py",${now}`,
      '',
    ],
  )
})

test('licences are found in the odd places where projects keep them', () => {
  using place = staged({ 'usr/local/share/x/data': 'data' })
  const put = (path: string) => {
    mkdirSync(dirname(join(place.source, path)), { recursive: true })
    writeFileSync(join(place.source, path), path)
  }
  for (const path of [
    'LICENSE_1_0.txt',
    'MIT-LICENSE.txt',
    'UNLICENSE',
    'license.cpp',
    'LICENSES/Apache-2.0.txt',
    'docs/COPYING',
    'external/zstd/COPYING',
  ])
    put(path)
  symlinkSync('docs/COPYING', join(place.source, 'COPYING'))
  symlinkSync('/etc/passwd', join(place.source, 'NOTICE'))

  const from = { source: place.source, name: 'x' }
  const { licenseFiles } = tidyStage(place.stage, { ...from, projects: ['external/zstd'] })

  expect(licenseFiles.map((path) => path.replace('usr/local/share/licenses/x/', ''))).toEqual([
    'COPYING',
    'LICENSES/Apache-2.0.txt',
    'LICENSE_1_0.txt',
    'MIT-LICENSE.txt',
    'UNLICENSE',
    'external/zstd/COPYING',
  ])
})

test('without a licence at the top, folders below it are looked into', () => {
  using place = staged({ 'usr/local/share/x/data': 'data' })
  mkdirSync(join(place.source, 'doc'))
  writeFileSync(join(place.source, 'doc', 'COPYING'), 'free')

  const { licenseFiles } = tidyStage(place.stage, { source: place.source, name: 'x' })

  expect(licenseFiles).toEqual(['usr/local/share/licenses/x/doc/COPYING'])
})

test('static libraries lose time, owner and mode, and nothing else', () => {
  const member = (name: string, times: string, body: string) =>
    `${name.padEnd(16)}${times}${String(body.length).padEnd(10)}\`\n${body}${body.length % 2 ? '\n' : ''}`
  const archive = (times: string) =>
    new TextEncoder().encode(
      `!<arch>\n${member('one.o/', times, 'odd')}${member('two.o/', times, 'even')}`,
    )
  const here = archive(
    `${'1700000000'.padEnd(12)}${'1000'.padEnd(6)}${'100'.padEnd(6)}${'100664'.padEnd(8)}`,
  )
  const there = archive(
    `${'1800000000'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100600'.padEnd(8)}`,
  )

  expect([normalizeArchive(here), normalizeArchive(there)]).toEqual([true, true])
  expect(here).toEqual(there)
  expect(new TextDecoder().decode(here)).toContain('odd')
  expect(normalizeArchive(new TextEncoder().encode('not an archive'))).toBe(false)
})

test('a leak in text is an error, in compiled code a warning', () => {
  using place = staged({
    'usr/local/lib/cmake/x.cmake': 'set(A "/backlot/build/x")',
    'usr/local/bin/x': '\0\0/backlot/src/x.cpp\0',
    'usr/local/include/x.h': '// nothing',
  })
  const leaks = findLeaks(stagedFiles(place.stage), ['/backlot/src', '/backlot/build'])

  expect(leaks.map(({ path, grave }) => [path, grave])).toEqual([
    ['usr/local/bin/x', false],
    ['usr/local/lib/cmake/x.cmake', true],
  ])
  expect(() => judgeLeaks(leaks)).toThrow(expect.objectContaining({ code: 'build/leaked-path' }))
  expect(judgeLeaks(leaks.filter(({ grave }) => !grave))).toEqual([
    expect.stringContaining('/usr/local/bin/x'),
  ])
})

test('the interface is headers, configurations and names, not what is behind them', () => {
  const files = {
    'usr/local/include/x.h': 'int x();',
    'usr/local/lib/pkgconfig/x.pc': 'Name: x',
    'usr/local/share/doc/x.txt': 'text',
    'usr/local/bin/x': 'program',
    'usr/local/lib/libx.a': 'static',
  }
  const digest = (more: Readonly<Record<string, string>>) => {
    using place = staged({ ...files, ...more })
    return interfaceDigest(stagedFiles(place.stage), [])
  }

  expect(digest({ 'usr/local/share/doc/x.txt': 'other' })).toBe(digest({}))
  expect(digest({ 'usr/local/bin/x': 'another program' })).toBe(digest({}))
  expect(digest({ 'usr/local/include/x.h': 'long x();' })).not.toBe(digest({}))
  expect(digest({ 'usr/local/lib/libx.a': 'other' })).not.toBe(digest({}))
  expect(digest({ 'usr/local/bin/y': 'a new one' })).not.toBe(digest({}))
  using place = staged(files)
  expect(interfaceLines(stagedFiles(place.stage), []).map((line) => line.split(' ', 2))).toEqual([
    ['file', 'usr/local/include/x.h'],
    ['file', 'usr/local/lib/libx.a'],
    ['file', 'usr/local/lib/pkgconfig/x.pc'],
    ['program', 'usr/local/bin/x'],
  ])
})

test.each([
  ['a control character', { 'usr/local/a\nb': '' }, '"/usr/local/a\\nb" has a control character'],
  ['a backslash', { 'usr/local/a\\b': '' }, 'backslash in its name'],
  [
    'case alone',
    { 'usr/local/A/x': '', 'usr/local/a/y': '' },
    '"/usr/local/A" and "/usr/local/a" differ only in case',
  ],
])('names with %s are told before anything is packed', (_, files, says) => {
  using place = staged(files)

  expect(() => tidyStage(place.stage, { source: place.source, name: 'x' })).toThrow(
    expect.objectContaining({
      code: 'build/bad-file-name',
      message: expect.stringContaining(says),
      hints: [expect.stringContaining('in a step')],
    }),
  )
})

test('a name that is not UTF-8 is told, too', () => {
  using place = staged({ 'usr/local/a': '' })
  writeFileSync(Buffer.concat([Buffer.from(`${place.stage}/usr/local/caf`), Buffer.of(0xe9)]), '')

  expect(() => tidyStage(place.stage, { source: place.source, name: 'x' })).toThrow('not UTF-8')
})

test('links that take a roundabout way lead there directly', () => {
  using place = staged({ 'usr/local/lib/deep/x': 'x', 'usr/local/share/y': 'y' })
  const lib = join(place.stage, 'usr/local/lib')
  const ways = {
    back: ['deep/../deep/x', 'deep/x'],
    empty: ['.//deep/x', 'deep/x'],
    here: ['./', '.'],
    none: ['deep/../nothing', 'nothing'],
    // The system goes through `away` first, to lib/deep, and only then up.
    physical: ['../share/away/../deep/x', 'deep/x'],
    plain: ['../lib/deep', '../lib/deep'],
  } as const
  symlinkSync('../lib/deep', join(place.stage, 'usr/local/share/away'))
  for (const [name, [target]] of Object.entries(ways)) symlinkSync(target, join(lib, name))

  tidyStage(place.stage, { source: place.source, name: 'x' })

  for (const [name, [, target]] of Object.entries(ways))
    expect([name, readlinkSync(join(lib, name))]).toEqual([name, target])
})

const unusable: readonly (readonly [string, Readonly<Record<string, string>>, string, RegExp])[] = [
  [
    'only files that are not kept',
    { 'usr/local/lib/x.la': 'x' },
    'build/outside-prefix',
    /^x installed no files$/,
  ],
  [
    'a name that removes files of other layers',
    { 'usr/local/share/.wh.x': 'x' },
    'build/bad-file-name',
    /^"\/usr\/local\/share\/\.wh\.x" begins with/,
  ],
  [
    'a file where licences are kept',
    { 'usr/local/share/licenses/x': 'x' },
    'build/bad-file-name',
    /^\/usr\/local\/share\/licenses\/x is no folder$/,
  ],
]
test.each(unusable)('%s', (_, files, code, says) => {
  using place = staged(files)
  writeFileSync(join(place.source, 'LICENSE'), 'free')

  const tidying = () => tidyStage(place.stage, { source: place.source, name: 'x' })

  expect(tidying).toThrow(expect.objectContaining({ code, message: expect.stringMatching(says) }))
})

test('a link to a name that no file may have', () => {
  using place = staged({ 'usr/local/lib/x': 'x' })
  symlinkSync('a\tb', join(place.stage, 'usr/local/lib/link'))

  const tidying = () => tidyStage(place.stage, { source: place.source, name: 'x' })

  expect(tidying).toThrow('has a control character or a backslash in its name')
})

test('a build path is found wherever it is in a large file', () => {
  using place = staged({ 'usr/local/share/plain': 'x' })
  const path = '/backlot/build'
  const places = [0, 4 * 1024 * 1024 - 7, 4 * 1024 * 1024, 9_000_000]
  for (const at of places) {
    const bytes = Buffer.alloc(9_000_100, 'a')
    bytes.write(path, at)
    writeFileSync(join(place.stage, `usr/local/share/at-${at}`), bytes)
  }

  const leaks = findLeaks(stagedFiles(place.stage), [path, '/backlot/stage'])

  expect(leaks.map((leak) => leak.path).sort()).toEqual(
    places.map((at) => `usr/local/share/at-${at}`).sort(),
  )
  for (const { excerpt, grave } of leaks)
    expect([excerpt.includes(path), grave]).toEqual([true, true])
})
