import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { formatRequirement, parseRequirement } from '#model/index.ts'
import type { Catalog, CatalogPackage } from './catalog-layout.ts'
import { decodeCatalog } from './catalog-decode.ts'
import { encodeCatalog } from './catalog-encode.ts'
import { catalogOf, familiesOf, type PackageData } from './repository.fixture.ts'

const packages: readonly PackageData[] = [
  { name: 'usd', version: '24.11', requires: ['tbb-2020+<2022'], timestamp: 1_700_000_000 },
  {
    name: 'usd',
    version: '25.02',
    requires: ['tbb-2021|2022', '!boost-1.70', '.gpu-1'],
    variants: [['python-3.11'], []],
  },
  { name: 'naïve', version: '', requires: ['~usd-24+'] },
]

function packagesOf(catalog: Catalog, name: string): CatalogPackage[] {
  const family = catalog.family(name)
  return Array.from({ length: family?.size ?? 0 }, (_, place) => place).flatMap((place) =>
    family === undefined ? [] : [family.package(place)],
  )
}

test('a family comes back as it was, newest first', () => {
  const catalog = catalogOf(packages)
  const texts = (ids: Uint32Array) => Array.from(ids, (id) => catalog.demand(id).text())
  expect(catalog.mtimeMs).toBe(1_700_000_000_789.75)
  expect(catalog.names()).toEqual(['naïve', 'usd'])
  expect(catalog.family('maya')).toBeUndefined()
  const usd = packagesOf(catalog, 'usd')
  expect(usd.map(({ version, file, timestamp }) => [version, file, timestamp])).toEqual([
    ['25.02', 'usd/25.02/package.py', 0],
    ['24.11', 'usd/24.11/package.py', 1_700_000_000],
  ])
  expect(usd.map(({ requires }) => texts(requires()))).toEqual([
    ['tbb-2021|2022', '!boost-1.70', '.gpu-1'],
    ['tbb-2020+<2022'],
  ])
  expect(usd[0]?.variants()?.map(texts)).toEqual([['python-3.11'], []])
  expect(usd[1]?.variants()).toBeUndefined()
  expect(catalog.ephemeral('.gpu').map(({ text }) => text())).toEqual(['.gpu-1'])
})

test('a demand means what its text means', () => {
  const range = fc.constantFrom('', '-1', '-1+', '-1.2+<3', '==1.0', '<2', '-1|3.a', '-1..3', '->1')
  const sign = fc.constantFrom('', '!', '~')
  fc.assert(
    fc.property(fc.array(fc.tuple(sign, range)), (parts) => {
      const requires = parts.map(([own, text]) => `${own}foo${text}`)
      const catalog = catalogOf([{ name: 'bar', version: '1', requires }])
      const ids = packagesOf(catalog, 'bar')[0]?.requires() ?? []
      for (const [at, text] of requires.entries()) {
        const { name, kind, versions } = catalog.demand(ids[at] ?? -1)
        const wanted = parseRequirement(text, 'rez')
        const bounds = (set: typeof versions) =>
          set.intervals.map(({ lower, upper }) =>
            [lower, upper].map((one) => one && [one.version.key, one.inclusive]),
          )
        expect([name, kind, bounds(versions)]).toEqual([
          wanted.name,
          wanted.kind,
          bounds(wanted.versions),
        ])
        expect(formatRequirement(wanted, 'rez')).toBeString()
      }
    }),
  )
})

test('equal families give equal bytes, in any order', () => {
  const families = familiesOf(packages)
  expect(encodeCatalog(families.toReversed(), 1)).toEqual(encodeCatalog(families, 1))
})

test('damage is an error when a catalog is opened', () => {
  const bytes = encodeCatalog(familiesOf(packages), 1)
  const refused = expect.objectContaining({ code: 'interop/bad-catalog' })
  expect(() => decodeCatalog(new Uint8Array())).toThrow(refused)
  for (let length = 1; length < bytes.length; length += 1)
    expect(() => decodeCatalog(bytes.slice(0, length))).toThrow(refused)
  expect(() => decodeCatalog(Uint8Array.of(...bytes, 0, 0, 0, 0))).toThrow(refused)
  for (const change of [0x01, 0x80, 0xff])
    for (const at of bytes.keys()) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] ?? 0) ^ change
      expect(() => decodeCatalog(damaged)).toThrow(refused)
    }
})
