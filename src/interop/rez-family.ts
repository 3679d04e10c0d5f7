/**
 * A family as a request sees it: its versions over all repositories, and places for its candidates.
 *
 * Places count candidates from 0: versions newest first, or in the order of an orderer, their
 * variants by index. What a range allows is a few spans of places.
 * Invariant: the first repository that has a version has it alone, variants and all. An ephemeral
 * has stretches of versions as candidates, so ranges of it meet exactly when they share a stretch.
 */
import { complementOf, contains, type VersionSet } from '#model/index.ts'
import type { CatalogFamily, Demand } from './catalog-layout.ts'
import { ephemeralPoints } from './ephemeral.ts'
import type { PackageFilter } from './package-filter.ts'
import type { CompareKeys, Releases } from './package-order.ts'

/** Places of candidates, from `start` up to and without `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where a version is found: the place of its repository, and its own in the family there. */
export interface Found {
  readonly repository: number
  readonly place: number
}

export interface Family {
  readonly name: string
  /** A phantom is a family that no repository has. */
  readonly kind: 'package' | 'ephemeral' | 'phantom'
  /** Number of candidates. */
  readonly size: number
  /** In the order in which they are tried; empty for phantoms. */
  readonly versions: readonly Found[]
  /** Whether that is newest first. */
  readonly sorted: boolean
  readonly keyOf: (version: number) => string
  /** Of each version, the place of its first candidate. */
  readonly firstOf: readonly number[]
  /** In the repositories, by their place among them. */
  readonly sources: readonly (CatalogFamily | undefined)[]
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
  const { name, sources, before, compare, phantoms } = options
  const left = unfiltered(versionsOf(sources, before), options)
  const keyAt = (found: Found | undefined): string =>
    found === undefined ? '' : (sources[found.repository]?.versionKey(found.place) ?? '')
  const versions =
    compare === undefined ? left : left.toSorted((a, b) => compare(keyAt(b), keyAt(a)))
  const firstOf: number[] = []
  let size = 0
  for (const { repository, place } of versions) {
    firstOf.push(size)
    size += Math.abs(sources[repository]?.variantCount(place) ?? 0)
  }
  const keyOf = (version: number): string => keyAt(versions[version])
  const exists = sources.some((family) => family !== undefined)
  const common = { name, versions, sorted: compare === undefined, keyOf, firstOf, sources }
  if (exists) return { ...common, kind: 'package', size }
  return { ...common, kind: 'phantom', size: phantoms ? 1 : 0 }
}

/** Versions that the filter leaves; one that it hides hides those of later repositories too. */
function unfiltered(
  versions: readonly Found[],
  { name, sources, filter }: FamilyOptions,
): readonly Found[] {
  if (filter === undefined) return versions
  return versions.filter(({ repository, place }) => {
    const one = sources[repository]?.package(place)
    const timestamp = (): number => one?.timestamp ?? 0
    return one === undefined || !filter({ name, version: one.version, timestamp })
  })
}

/** When the versions of a family were released, newest first. */
export function releasesOf(sources: FamilyOptions['sources']): ReturnType<Releases> {
  return versionsOf(sources, undefined).map(({ repository, place }) => ({
    key: sources[repository]?.versionKey(place) ?? '',
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
    versions: keys.map((_key, place) => ({ repository: -1, place })),
    sorted: true,
    keyOf: (version) => keys[version] ?? '',
    firstOf: [...keys.keys()],
    sources: [],
  }
}

/** Versions of all repositories, newest first; the first repository that has one has it alone. */
function versionsOf(
  sources: readonly (CatalogFamily | undefined)[],
  before: number | undefined,
): readonly Found[] {
  const having = sources.filter((family) => family !== undefined)
  if (having.length === 1 && before === undefined) {
    const repository = sources.findIndex((family) => family !== undefined)
    return Array.from({ length: having[0]?.size ?? 0 }, (_, place) => ({ repository, place }))
  }
  const found: (Found & { readonly key: string })[] = []
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

/** The version that has the candidate at a place. */
export function versionAt({ firstOf }: Family, place: number): number {
  let low = 0
  let high = firstOf.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((firstOf[middle] ?? 0) <= place) low = middle + 1
    else high = middle
  }
  return low - 1
}

/**
 * Where the candidates lie that a demand allows. A phantom satisfies whoever wants it and offends
 * nobody.
 */
export function spansOf(
  family: Family,
  { kind, versions }: Pick<Demand, 'kind' | 'versions'>,
): readonly Span[] {
  const { size, firstOf } = family
  if (family.kind === 'phantom') return [{ start: 0, end: size }]
  const allowed = kind === 'conflict' ? complementOf(versions) : versions
  if (!family.sorted) return spansOneByOne(family, allowed)
  const { intervals } = allowed
  const spans: Span[] = []
  for (const { lower, upper } of intervals) {
    const first = upper === undefined ? 0 : firstBelow(family, upper.version.key, !upper.inclusive)
    const behind =
      lower === undefined ? size : firstBelow(family, lower.version.key, lower.inclusive)
    const start = firstOf[first] ?? size
    const end = firstOf[behind] ?? size
    if (start < end) spans.push({ start, end })
  }
  return spans.toReversed()
}

/** Where versions lie in any order, each is looked at. */
function spansOneByOne({ versions, keyOf, firstOf, size }: Family, allowed: VersionSet): Span[] {
  const spans: { start: number; end: number }[] = []
  for (const version of versions.keys()) {
    if (!contains(allowed, { text: '', key: keyOf(version) })) continue
    const start = firstOf[version] ?? size
    const end = firstOf[version + 1] ?? size
    const last = spans.at(-1)
    if (last?.end === start) last.end = end
    else if (start < end) spans.push({ start, end })
  }
  return spans
}

/** The place of the first version that is below this key, or equal to it unless `past`. */
function firstBelow({ versions, keyOf }: Family, key: string, past: boolean): number {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >> 1
    const own = keyOf(middle)
    if (own > key || (past && own === key)) low = middle + 1
    else high = middle
  }
  return low
}

/** The places that both lists of spans hold. */
export function meeting(a: readonly Span[], b: readonly Span[]): readonly Span[] {
  return a.flatMap((one) =>
    b.flatMap((other) => {
      const start = Math.max(one.start, other.start)
      const end = Math.min(one.end, other.end)
      return start < end ? [{ start, end }] : []
    }),
  )
}
