/**
 * A family as a request sees it: its versions over all repositories.
 *
 * Invariant: the first repository that has a version has it alone, variants and all. An ephemeral
 * has stretches of versions as candidates, so ranges of it meet exactly when they share a stretch.
 */
import type { VersionSet } from '#model/index.ts'
import type { CatalogFamily } from './catalog-layout.ts'
import { ephemeralPoints } from './ephemeral.ts'
import type { PackageFilter } from './package-filter.ts'
import type { CompareKeys, Releases } from './package-order.ts'
import type { Versions } from './span.ts'

/** Where a version is found: the place of its repository, and its own in the family there. */
export interface Found {
  readonly repository: number
  readonly place: number
}

export interface Family extends Versions {
  readonly name: string
  /** A phantom is a family that no repository has. */
  readonly kind: 'package' | 'ephemeral' | 'phantom'
  /** Number of candidates. */
  readonly size: number
  readonly found: (version: number) => Found
  /** In the repositories, by their place among them. */
  readonly sources: readonly (CatalogFamily | undefined)[]
  /** Whether it is as the only repository has it, so that places of its catalog hold. */
  readonly isWhole: boolean
}

export interface FamilyOptions {
  readonly name: string
  /** In the repositories, by their place among them. */
  readonly sources: readonly (CatalogFamily | undefined)[]
  /** Packages released after this (seconds since 1970) are not looked at. */
  readonly before: number | undefined
  readonly filter: PackageFilter | undefined
  /** Of keys; undefined for newest first. */
  readonly compare: CompareKeys | undefined
  /** Whether a family that is nowhere may stand in for itself, so that it can be named. */
  readonly phantoms: boolean
}

/** A family of packages, over all repositories. */
export function packageFamily(options: FamilyOptions): Family {
  const { name, sources, before, filter, compare, phantoms } = options
  if (sources.every((family) => family === undefined)) {
    const size = phantoms ? 1 : 0
    return { ...nothing, name, kind: 'phantom', size, firstOf: [size], sources }
  }
  const [only] = sources
  const isAll = before === undefined && filter === undefined && compare === undefined
  if (sources.length > 1 || only === undefined || !isAll) return mergedFamily(options)
  const { size: count, firstOf, versionKey: keyOf } = only
  return {
    name,
    kind: 'package',
    size: firstOf[count] ?? 0,
    count,
    sorted: true,
    keyOf,
    firstOf,
    found: (place) => ({ repository: 0, place }),
    sources,
    isWhole: true,
  }
}

const nowhere: Found = { repository: -1, place: -1 }
const nothing = { count: 0, sorted: true, keyOf: () => '', found: () => nowhere, isWhole: false }

function mergedFamily(options: FamilyOptions): Family {
  const { name, sources, before, compare } = options
  const left = unfiltered(versionsOf(sources, before), options)
  const versions = compare === undefined ? left : left.toSorted((a, b) => compare(b.key, a.key))
  const firstOf = [0]
  for (const { repository, place } of versions)
    firstOf.push((firstOf.at(-1) ?? 0) + Math.abs(sources[repository]?.variantCount(place) ?? 0))
  return {
    name,
    kind: 'package',
    size: firstOf.at(-1) ?? 0,
    count: versions.length,
    sorted: compare === undefined,
    keyOf: (version) => versions[version]?.key ?? '',
    firstOf,
    found: (version) => versions[version] ?? nowhere,
    sources,
    isWhole: false,
  }
}

interface Keyed extends Found {
  readonly key: string
}

/** Versions that the filter leaves; one that it hides hides those of later repositories too. */
function unfiltered(
  versions: readonly Keyed[],
  { name, sources, filter }: FamilyOptions,
): readonly Keyed[] {
  if (filter === undefined) return versions
  return versions.filter(({ repository, place }) => {
    const one = sources[repository]?.package(place)
    const timestamp = (): number => one?.timestamp ?? 0
    return one === undefined || !filter({ name, version: one.version, timestamp })
  })
}

/** When the versions of a family were released, newest first. */
export function releasesOf(sources: FamilyOptions['sources']): ReturnType<Releases> {
  return versionsOf(sources, undefined).map(({ repository, place, key }) => ({
    key,
    timestamp: sources[repository]?.package(place).timestamp ?? 0,
  }))
}

/** An ephemeral, of everything that anybody asks of it. */
export function ephemeralFamily(name: string, sets: readonly VersionSet[]): Family {
  const keys = ephemeralPoints(sets)
  return {
    name,
    kind: 'ephemeral',
    size: keys.length,
    count: keys.length,
    sorted: true,
    keyOf: (version) => keys[version] ?? '',
    firstOf: [...keys.keys(), keys.length],
    found: () => nowhere,
    sources: [],
    isWhole: false,
  }
}

/** Versions of all repositories, newest first; the first repository that has one has it alone. */
function versionsOf(
  sources: readonly (CatalogFamily | undefined)[],
  before: number | undefined,
): readonly Keyed[] {
  const found: Keyed[] = []
  const seen = new Set<string>()
  for (const [repository, family] of sources.entries()) {
    const own: string[] = []
    for (let place = 0; place < (family?.size ?? 0); place += 1) {
      const key = family?.versionKey(place) ?? ''
      own.push(key)
      const late = before !== undefined && (family?.package(place).timestamp ?? 0) > before
      if (!seen.has(key) && !late) found.push({ repository, place, key })
    }
    for (const key of own) seen.add(key)
  }
  return found.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1))
}
