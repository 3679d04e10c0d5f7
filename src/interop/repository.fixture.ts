/** Families in memory, as tests need them. */
import { decodeCatalog } from './catalog-decode.ts'
import { encodeCatalog } from './catalog-encode.ts'
import type { Catalog } from './catalog-layout.ts'
import type { RezFamily } from './repository.ts'

export interface PackageData {
  readonly name: string
  readonly version: string
  readonly requires?: readonly string[]
  readonly variants?: readonly (readonly string[])[]
  readonly timestamp?: number
}

/** Packages grouped into families, as a repository has them. */
export function familiesOf(packages: readonly PackageData[]): RezFamily[] {
  const byName = Map.groupBy(packages, ({ name }) => name)
  return [...byName].map(([name, own]) => ({
    name,
    mtimeMs: 1_700_000_000_123.5,
    problems: [],
    packages: own.map(({ version, requires = [], variants = [], timestamp = 0 }) => ({
      version,
      file: version === '' ? `${name}/package.py` : `${name}/${version}/package.py`,
      mtimeMs: 1_700_000_000_456.25,
      sizeBytes: 100,
      timestamp,
      requires,
      variants: variants.length === 0 ? undefined : variants,
    })),
  }))
}

/** A catalog that went through its bytes. */
export function catalogOf(packages: readonly PackageData[]): Catalog {
  return decodeCatalog(encodeCatalog(familiesOf(packages), 1_700_000_000_789.75))
}
