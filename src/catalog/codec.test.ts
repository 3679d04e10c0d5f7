import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { AppError } from '#kernel/index.ts'
import { decodeCatalog, encodeCatalog } from './codec.ts'
import { damaged } from './damaged.fixture.ts'
import { build } from './fixture.ts'

const imath = build('imath', '3.1.6', { host: ['__glibc >=2.17'], epoch: 1_660_000_000 })
const full = build('openexr', '3.1.5', {
  against: [imath],
  range: '>=3.1,<4',
  system: ['zlib >=1.2', 'opengl'],
  host: ['__glibc >=2.17,<3', '__linux *'],
  constraints: ['!ilmbase', '~numpy >=1.26'],
  options: { python: true, simd: 'none' },
  platform: 'CY2023',
  deprecated: true,
})
const plain = build('openexr', '3.1.4')
const from = { name: 'openexr', origin: 'local' }

test('what was written is read, whatever the order it was written in', () => {
  const bytes = encodeCatalog('openexr', [full, plain])

  expect(encodeCatalog('openexr', [plain, full, plain])).toEqual(bytes)
  const read = decodeCatalog(bytes, from)
  expect(read).toHaveLength(2)
  for (const wrote of [full, plain])
    expect(read.find((entry) => entry.manifest === wrote.manifest)).toEqual(wrote)
})

test('the fixture of version 1 is read, and written again byte for byte', () => {
  const path = join(import.meta.dir, '../../docs/formats/fixtures/catalog-1.json')
  const bytes = new Uint8Array(readFileSync(path))
  const read = decodeCatalog(bytes, from)

  expect(read.map((entry) => [entry.config.version, entry.config.deprecated ?? false])).toEqual(
    expect.arrayContaining([
      ['3.1.5', false],
      ['3.1.4', true],
    ]),
  )
  expect(encodeCatalog('openexr', read)).toEqual(bytes)
})

test('a catalog without builds is one', () => {
  expect(decodeCatalog(encodeCatalog('openexr', []), from)).toEqual([])
})

test('the origin is where it was read from', () => {
  const bytes = encodeCatalog('openexr', [plain])

  expect(decodeCatalog(bytes, { name: 'openexr', origin: 'ghcr.io/vfx' })[0]?.origin).toBe(
    'ghcr.io/vfx',
  )
})

test.each([
  ['nothing', ''],
  ['something else', '<html>'],
  ['another version', '{"catalog":2,"name":"openexr","strings":[],"builds":[]}'],
  ['another package', '{"catalog":1,"name":"imath","strings":[],"builds":[]}'],
  ['texts that are numbers', '{"catalog":1,"name":"openexr","strings":[1],"builds":[]}'],
  ['a short row', '{"catalog":1,"name":"openexr","strings":[],"builds":[[1]]}'],
  ['no builds', '{"catalog":1,"name":"openexr","strings":[]}'],
  ['null', 'null'],
])('%s is refused', (_name, text) => {
  expect(() => decodeCatalog(new TextEncoder().encode(text), from)).toThrow(
    expect.objectContaining({ code: 'solver/bad-catalog' }),
  )
})

test('a build of another package in it is refused', () => {
  const bytes = encodeCatalog('imath', [imath])
  const text = new TextDecoder().decode(bytes).replace('"name":"imath"', '"name":"openexr"')

  expect(() => decodeCatalog(new TextEncoder().encode(text), from)).toThrow(
    'holds a build of imath',
  )
})

test.each([
  ['a version', '3.1.5', ' '],
  ['a range', '>=3.1,<4', '>=>='],
  ['a fact', '__glibc', '__GLIBC'],
  ['a digest', full.manifest, 'sha256:12'],
  ['a name', 'zlib', '../zlib'],
  ['an option', 'python', '__proto__'],
  ['a requirement', '!ilmbase', '!'],
  ['a target', 'linux-x86_64', 'linux'],
])('%s that is none is refused', (_name, good, bad) => {
  const text = new TextDecoder().decode(encodeCatalog('openexr', [full]))
  expect(text).toContain(`"${good}"`)
  const broken = text.replaceAll(`"${good}"`, JSON.stringify(bad))

  expect(() => decodeCatalog(new TextEncoder().encode(broken), from)).toThrow(
    expect.objectContaining({ code: 'solver/bad-catalog' }),
  )
})

test('any change of bytes is read as a catalog or refused, and nothing else happens', () => {
  const bytes = encodeCatalog('openexr', [full, plain])
  fc.assert(
    fc.property(damaged(bytes), (broken) => {
      try {
        decodeCatalog(broken, from)
      } catch (error) {
        expect(error).toBeInstanceOf(AppError)
      }
    }),
    { numRuns: 2000 },
  )
})
