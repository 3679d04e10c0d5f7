/**
 * Rez's package orderers: in which order the versions of a family are tried.
 *
 * Invariant: versions are compared by their keys; what compares greater is tried first. Without an
 * orderer that is the newer one.
 * Source: rez 3.4 `package_order.py`. `no_order` is the order of the folder in Rez; here it is
 * newest first.
 */
import { keyOfHead, keyOfTail, parseVersion } from '#model/index.ts'

/** Negative, 0 or positive as the version with key `a` is tried after, with or before that of `b`. */
export type CompareKeys = (a: string, b: string) => number

/** Versions of a family, newest first. */
export type Releases = (
  name: string,
) => readonly { readonly key: string; readonly timestamp: number }[]

/** How the versions of a family are compared; undefined where no orderer is for it. */
export type OrdererOf = (name: string) => CompareKeys | undefined

/** One family or several; without any it is for all. */
type Families = string | readonly string[] | undefined

interface OfFamilies {
  readonly packages?: Families
}

type Simple = OfFamilies &
  (
    | { readonly type: 'no_order' }
    | { readonly type: 'sorted'; readonly descending: boolean }
    | { readonly type: 'version_split'; readonly first_version: string }
    | {
        readonly type: 'soft_timestamp'
        /** Seconds since 1970. */
        readonly timestamp: number
        readonly rank?: number | undefined
      }
  )

/** An orderer as a rezconfig has it. The `default_order` of `per_family` is for nobody, as in Rez. */
export type OrdererSettings =
  | Simple
  | { readonly type: 'per_family'; readonly orderers: readonly Simple[] }

const everyFamily = '*'

/** Of several orderers for a family the first counts. */
export function ordererOf(settings: readonly OrdererSettings[], releases: Releases): OrdererOf {
  const byFamily = new Map<string, Simple>()
  for (const one of settings)
    for (const own of one.type === 'per_family' ? lastOfEach(one.orderers) : [one])
      for (const family of familiesOf(own)) if (!byFamily.has(family)) byFamily.set(family, own)
  const made = new Map<string, CompareKeys | undefined>()
  return (name) => {
    if (!made.has(name)) {
      const own = byFamily.get(name) ?? byFamily.get(everyFamily)
      made.set(name, own && comparison(own, name, releases))
    }
    return made.get(name)
  }
}

/** Within `per_family` a later orderer of a family takes the place of an earlier one. */
function lastOfEach(orderers: readonly Simple[]): Simple[] {
  return orderers.toReversed()
}

function familiesOf({ packages: families }: Simple): readonly string[] {
  return families === undefined ? [everyFamily] : [families].flat()
}

function comparison(own: Simple, name: string, releases: Releases): CompareKeys {
  switch (own.type) {
    case 'no_order':
      return newerFirst
    case 'sorted':
      return own.descending ? newerFirst : (a, b) => newerFirst(b, a)
    case 'version_split': {
      const limit = parseVersion(own.first_version, 'rez').key
      return (a, b) => Number(a <= limit) - Number(b <= limit) || newerFirst(a, b)
    }
    case 'soft_timestamp':
      return bySoftTimestamp(firstAfter(own, releases(name)), own.rank ?? 0)
  }
}

function newerFirst(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

type Soft = Extract<Simple, { readonly type: 'soft_timestamp' }>

/** The lowest version that counts as released after the time; undefined when none does. */
function firstAfter(
  { timestamp: limit, rank = 0 }: Soft,
  newestFirst: ReturnType<Releases>,
): string | undefined {
  let found: string | undefined
  let end = 0
  for (const [at, { key, timestamp }] of newestFirst.entries()) {
    end = at
    if (timestamp === 0) continue
    if (timestamp <= limit) break
    found = key
  }
  const last = newestFirst[end]
  if (rank === 0 || last === undefined) return found
  const trimmed = keyOfHead(last.key, rank - 1)
  return newestFirst
    .slice(0, end)
    .toReversed()
    .find(({ key }) => keyOfHead(key, rank - 1) !== trimmed)?.key
}

/** First what is before, newest first; then what is after, oldest first except within the rank. */
function bySoftTimestamp(first: string | undefined, rank: number): CompareKeys {
  const isBefore = (key: string): boolean => first === undefined || key < first
  return (a, b) => {
    if (isBefore(a) !== isBefore(b)) return isBefore(a) ? 1 : -1
    if (isBefore(a)) return newerFirst(a, b)
    if (rank === 0) return newerFirst(b, a)
    return (
      newerFirst(keyOfHead(b, rank - 1), keyOfHead(a, rank - 1)) ||
      newerFirst(keyOfTail(a, rank - 1), keyOfTail(b, rank - 1))
    )
  }
}
