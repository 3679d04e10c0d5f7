/**
 * The catalog of one Rez repository: what it holds, and the numbers of its file format.
 *
 * Invariant: a reader checks `magic`, which changes with the layout, and the check sum before it
 * reads anything else.
 * Layout: docs/formats/rez-catalog.md. All numbers are 32-bit little-endian words.
 */
import type { Requirement, VersionSet } from '#model/index.ts'
import type { Problem } from './repository.ts'
import type { Terms } from './rez-terms.ts'
import type { Span } from './span.ts'

/** A requirement without its text, which is read when somebody wants to see it. */
export interface Demand {
  readonly name: string
  readonly kind: Requirement['kind']
  readonly versions: VersionSet
  readonly text: () => string
  /** What follows is undefined outside of catalogs, and of use within one only. */
  readonly inCatalog?: {
    /** Number of the name. */
    readonly subject: number
    /** Where what it allows lies in the family; equal places stand at equal words. */
    readonly spansAt: number
    readonly spans: () => readonly Span[]
  }
}

/** A package as the solver reads it; requirements are numbers for `Catalog.demand`. */
export interface CatalogPackage {
  readonly version: string
  /** The definition file, relative to the repository. */
  readonly file: string
  readonly mtimeMs: number
  readonly sizeBytes: number
  /** Seconds since 1970; 0 when unknown. */
  readonly timestamp: number
  readonly requires: () => Uint32Array
  readonly variants: () => readonly Uint32Array[] | undefined
}

/** Packages by their place, newest first; what is not asked for is not read. */
export interface CatalogFamily {
  readonly mtimeMs: number
  readonly size: number
  readonly versionKey: (place: number) => string
  /** Of each package the place of its first candidate, and at the end how many there are. */
  readonly firstOf: Uint32Array
  readonly package: (place: number) => CatalogPackage
  /** -1 when the package has no variants. */
  readonly variantCount: (place: number) => number
  /** Places of the lists of what a package requires, and of what one of its variants does. */
  readonly requiresAt: (place: number) => number
  readonly variantAt: (place: number, variant: number) => number
  /** Numbers for `Catalog.demand`. */
  readonly listAt: (at: number) => Uint32Array
  /**
   * Place of the lists by which variants are compared: of each what it requires, together with what
   * all of them require of the same packages.
   */
  readonly comparedAt: (place: number) => number
  readonly listsAt: (at: number) => readonly Uint32Array[]
  /** What candidates require, packages by their subject; undefined where ephemerals are involved. */
  readonly terms: () => Terms | undefined
  readonly problems: () => readonly Problem[]
}

export interface Catalog {
  /** Of the repository's folder when it was read. */
  readonly mtimeMs: number
  readonly names: () => string[]
  /** Names of families and of what they require have numbers, in the order of the alphabet. */
  readonly subjects: number
  readonly subjectName: (subject: number) => string
  readonly subjectOf: (name: string) => number | undefined
  readonly family: (name: string) => CatalogFamily | undefined
  readonly familyOf: (subject: number) => CatalogFamily | undefined
  /** Whether there is one, without reading it. */
  readonly hasFamily: (subject: number) => boolean
  readonly demand: (id: number) => Demand
  readonly demandText: (id: number) => string
  /** Where a demand stands in `words`, for who wants a number of it. */
  readonly demandAt: (id: number) => number
  readonly words: Uint32Array
  /** Every demand on an ephemeral that a package of the repository makes. */
  readonly ephemeral: (name: string) => readonly Demand[]
}

export const layout = {
  magic: 0x355a_4552, // `REZ5`
  /** Stands for nothing, where a number of a string or a count is expected. */
  none: 0xffff_ffff,
  /** Words of a package, by what they hold; places of lists count from the record's start. */
  package: {
    version: 0,
    versionKey: 1,
    file: 2,
    mtimeMs: 3,
    sizeBytes: 5,
    timestamp: 6,
    requires: 8,
    variants: 9,
    /** Nothing where there is nothing to compare. */
    compared: 10,
    length: 11,
  },
  /** Words of a family before its packages; places count from the record's start. */
  family: {
    mtimeMs: 0,
    packages: 2,
    problems: 3,
    problemsAt: 4,
    firstOf: 5,
    /** Nothing where ephemerals are involved. */
    groupOf: 6,
    groupStart: 7,
    links: 8,
    linkTo: 9,
    linkNeed: 10,
    linkSpans: 11,
    needStart: 12,
    length: 13,
  },
  /** Words of a demand before its intervals. */
  demand: { text: 0, subject: 1, kind: 2, rank: 3, spans: 4, intervals: 5 },
  /** Words of a subject's row: name, place (nothing if it is only required), length. */
  indexRow: 3,
  /** Words of the head, by what they hold. */
  head: {
    magic: 0,
    /** Check sum of all words behind it. */
    sum: 1,
    strings: 2,
    stringsAt: 3,
    textAt: 4,
    textBytes: 5,
    demands: 6,
    demandsAt: 7,
    subjects: 8,
    subjectsAt: 9,
    mtimeMs: 10,
    length: 12,
  },
} as const

/** CRC-32 of what stands behind the sum; about 0.1 ms a megabyte, so that it is always looked at. */
export function sumOf(words: Uint32Array): number {
  const { buffer, byteOffset, byteLength } = words.subarray(layout.head.sum + 1)
  return Bun.hash.crc32(new Uint8Array(buffer, byteOffset, byteLength))
}

export const demandKinds = ['require', 'conflict', 'weak'] as const

/** A number with fraction as two words. */
export function wordsOf(value: number): readonly [number, number] {
  const [low = 0, high = 0] = new Uint32Array(Float64Array.of(value).buffer)
  return [low, high]
}

const pair = new Uint32Array(2)
const double = new Float64Array(pair.buffer)

/** The way back from `wordsOf`. */
export function numberOf(low: number, high: number): number {
  pair[0] = low
  pair[1] = high
  return double[0] ?? 0
}
