/**
 * Writes the catalog of a Rez repository.
 *
 * Invariant: equal families give equal bytes; strings, requirements and spans are stored once, and
 * the packages of a family newest first with what they require in numbers, so that a reader neither
 * parses nor sorts.
 * Layout: docs/formats/rez-catalog.md.
 */
import {
  type Interval,
  mergeRequirements,
  parseRequirement,
  parseVersion,
  type Requirement,
} from '#model/index.ts'
import { demandKinds, layout, sumOf, wordsOf } from './catalog-layout.ts'
import type { RezPackage } from './definition.ts'
import type { RezFamily } from './repository.ts'
import { mergedWishes, numberedTerms, spanWords, type Wish } from './rez-terms.ts'
import { type Span, spansOf, type Versions } from './span.ts'
import { compareRanges } from './variant-order.ts'

/** A requirement that some package has. */
interface Asked {
  /** As the package writes it. */
  readonly text: string
  readonly requirement: Requirement
  readonly number: number
}

/** A package with the numbers of what it requires. */
interface Numbered {
  readonly one: RezPackage
  readonly key: string
  readonly requires: readonly Asked[]
  readonly variants: readonly (readonly Asked[])[] | undefined
  /** What variants are compared by: of each one demand for a package. */
  readonly compared: readonly (readonly Asked[])[]
}

interface NumberedFamily extends Pick<RezFamily, 'name' | 'mtimeMs' | 'problems'> {
  readonly packages: readonly Numbered[]
  readonly versions: Versions
}

interface Writer {
  readonly strings: Map<string, number>
  /** By text. */
  readonly demands: Map<string, Asked>
  readonly families: ReadonlyMap<string, NumberedFamily>
  /** Numbers of all names, in their order. */
  readonly subjects: ReadonlyMap<string, number>
  /** By the number of a demand. */
  readonly wishes: readonly Wish[]
  /** By what they say. */
  readonly distinct: Map<string, Wish>
  /** Spans of all wishes, equal ones once. */
  readonly spans: Lists
}

/** Bytes of a catalog. `mtimeMs` is that of the repository's folder before it was read. */
export function encodeCatalog(families: readonly RezFamily[], mtimeMs: number): Uint8Array {
  const demands = new Map<string, Asked>()
  const sorted = [...families].sort((a, b) => (a.name < b.name ? -1 : 1))
  const numbered = new Map(sorted.map((one) => [one.name, numberedFamily(demands, one)]))
  const requirements = [...demands.values()].map(({ requirement }) => requirement)
  const names = [...new Set([...numbered.keys(), ...requirements.map(({ name }) => name)])].sort()
  const subjects = new Map(names.map((name, number) => [name, number]))
  const writer: Writer = {
    strings: new Map(),
    demands,
    families: numbered,
    subjects,
    wishes: requirements.map((requirement) => ({
      package: subjects.get(requirement.name) ?? 0,
      needed: requirement.kind === 'require',
      spans: spansIn(numbered.get(requirement.name)?.versions, requirement),
    })),
    distinct: new Map(),
    spans: { start: layout.head.length, words: [], places: new Map() },
  }
  return assembled(writer, mtimeMs)
}

/** A family that is nowhere may stand in for itself, as one candidate that suits everybody. */
const standIn: readonly Span[] = [{ start: 0, end: 1 }]

function spansIn(versions: Versions | undefined, requirement: Requirement): readonly Span[] {
  return versions === undefined ? standIn : spansOf(versions, requirement)
}

function numberedFamily(demands: Map<string, Asked>, family: RezFamily): NumberedFamily {
  const { name, mtimeMs, problems } = family
  const packages = family.packages.map((one) => {
    const requires = one.requires.map((text) => asked(demands, text))
    const variants = one.variants?.map((variant) => variant.map((text) => asked(demands, text)))
    const key = parseVersion(one.version, 'rez').key
    return { one, key, requires, variants, compared: comparedOf(demands, requires, variants) }
  })
  packages.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1))
  const firstOf = [0]
  for (const { variants } of packages) firstOf.push((firstOf.at(-1) ?? 0) + (variants?.length ?? 1))
  const keyOf = (version: number): string => packages[version]?.key ?? ''
  const versions = { count: packages.length, sorted: true, keyOf, firstOf }
  return { name, mtimeMs, problems, packages, versions }
}

function asked(demands: Map<string, Asked>, text: string): Asked {
  return demands.get(text) ?? noted(demands, text, parseRequirement(text, 'rez'))
}

function noted(demands: Map<string, Asked>, text: string, requirement: Requirement): Asked {
  const made = { text, requirement, number: demands.size }
  demands.set(text, made)
  return made
}

/**
 * What all variants require makes a difference between them only where one says more about the same
 * package: then it is compared in its place.
 */
function comparedOf(
  demands: Map<string, Asked>,
  requires: readonly Asked[],
  variants: Numbered['variants'] = [],
): Numbered['compared'] {
  const nameOf = ({ requirement }: Asked): string => requirement.name
  const names = new Set(variants.flat().map(nameOf))
  const common = requires.some((one) => names.has(nameOf(one))) ? requires : []
  return variants.map((variant) => {
    const merged = new Map<string, Asked>()
    for (const own of [...common, ...variant]) {
      const before = merged.get(nameOf(own))
      merged.set(nameOf(own), before === undefined ? own : together(demands, before, own))
    }
    return [...merged.values()]
  })
}

/** Both demands as one; the first where they clash, because then nobody can have the variant. */
function together(demands: Map<string, Asked>, a: Asked, b: Asked): Asked {
  const both = mergeRequirements(a.requirement, b.requirement, 'rez')
  // No package can write the name, so that what packages do write is kept as it is.
  const name = `${a.text} & ${b.text}`
  return both === undefined ? a : (demands.get(name) ?? noted(demands, name, both))
}

function assembled(writer: Writer, mtimeMs: number): Uint8Array {
  const { head } = layout
  const records = [...writer.subjects.keys()].map((name) => recordOf(writer, name))
  const demandRows = demandWords(writer)
  const first = new Uint32Array(head.length)
  const parts: Uint32Array[] = [first, Uint32Array.from(writer.spans.words)]
  let at: number = head.length + writer.spans.words.length
  const place = (words: Uint32Array): number => {
    parts.push(words)
    at += words.length
    return at - words.length
  }
  const rows = records.flatMap(({ name, words }) =>
    words === undefined ? [name, layout.none, 0] : [name, place(words), words.length],
  )
  const subjectsAt = place(Uint32Array.from(rows))
  const demandsAt = place(Uint32Array.from(demandRows.map(place)))
  const { offsets, text } = stringSection(writer)
  const stringsAt = place(offsets)
  const textAt = place(new Uint32Array(text.buffer))
  first.set([layout.magic, 0, writer.strings.size, stringsAt, textAt, offsets.at(-1) ?? 0])
  first.set([demandRows.length, demandsAt, records.length, subjectsAt], head.demands)
  first.set(wordsOf(mtimeMs), head.mtimeMs)
  const words = new Uint32Array(at)
  let next = 0
  for (const part of parts) {
    words.set(part, next)
    next += part.length
  }
  words[head.sum] = sumOf(words)
  return new Uint8Array(words.buffer)
}

interface Row {
  readonly name: number
  /** Of a family, or of everything that is asked of an ephemeral; undefined of other names. */
  readonly words: Uint32Array | undefined
}

function recordOf(writer: Writer, name: string): Row {
  const family = writer.families.get(name)
  const words =
    family === undefined ? askedOf(writer, name) : Uint32Array.from(familyWords(writer, family))
  return { name: stringId(writer, name), words }
}

function askedOf({ demands }: Writer, name: string): Uint32Array | undefined {
  if (!isEphemeral(name)) return undefined
  const own = [...demands.values()].filter(({ requirement }) => requirement.name === name)
  return Uint32Array.from(own, ({ number }) => number)
}

function isEphemeral(name: string): boolean {
  return name.startsWith('.')
}

function stringId(writer: Writer, text: string): number {
  const known = writer.strings.get(text)
  if (known !== undefined) return known
  const id = writer.strings.size
  writer.strings.set(text, id)
  return id
}

/** UTF-8 of all strings one behind the other, padded to whole words, and where each starts. */
function stringSection({ strings }: Writer): { offsets: Uint32Array; text: Uint8Array } {
  const texts = [...strings.keys()]
  const joined = Buffer.from(texts.join(''))
  const offsets = new Uint32Array(texts.length + 1)
  let end = 0
  for (const [index, text] of texts.entries()) {
    end += Buffer.byteLength(text)
    offsets[index + 1] = end
  }
  const text = new Uint8Array(Math.ceil(joined.length / 4) * 4)
  text.set(joined)
  return { offsets, text }
}

/** Packages have rows of one length; what they list stands behind the rows, each list once. */
function familyWords(writer: Writer, family: NumberedFamily): number[] {
  const { mtimeMs, packages, problems, versions } = family
  const rowsEnd = layout.family.length + packages.length * layout.package.length
  const lists: Lists = { start: rowsEnd, words: [], places: new Map() }
  const rows = packages.flatMap((one) => packageWords(writer, one, lists))
  const told = problems.flatMap(({ path, reason }) => [
    stringId(writer, path),
    stringId(writer, reason),
  ])
  const firstOfAt = listAt(lists, Array.from(versions.firstOf))
  const terms = termWords(writer, packages, lists)
  return [
    ...wordsOf(mtimeMs),
    packages.length,
    problems.length,
    rowsEnd + lists.words.length,
    firstOfAt,
    ...terms,
    ...rows,
    ...lists.words,
    ...told,
  ]
}

/** Places of the lists that `Terms` has, in the order of the layout. */
function termWords(
  { wishes, distinct, spans }: Writer,
  packages: readonly Numbered[],
  lists: Lists,
): readonly number[] {
  const groupOf: number[] = []
  const groups: (readonly Wish[])[] = []
  const known = new Map<string, number>()
  for (const { requires, variants } of packages)
    for (const own of variants ?? [[]]) {
      const all = [...requires, ...own]
      if (all.some(({ requirement }) => isEphemeral(requirement.name)))
        return Array.from(
          { length: layout.family.length - layout.family.groupOf },
          () => layout.none,
        )
      const name = all.map(({ number }) => number).join()
      const group = known.get(name) ?? groups.length
      if (group === groups.length) {
        known.set(name, group)
        const merged = mergedWishes(all.flatMap(({ number }) => wishes[number] ?? []))
        groups.push(merged.map((wish) => shared(distinct, wish)))
      }
      groupOf.push(group)
    }
  const { terms, wishes: linkWishes } = numberedTerms({ groupOf, groups, compare: (a, b) => a - b })
  const linkSpans = linkWishes.map((wish) => placeIn(spans, spanWords(wish.spans)))
  const { groupStart, links, linkTo, linkNeed, needStart } = terms
  return [groupOf, groupStart, links, linkTo, linkNeed, linkSpans, needStart].map((list) =>
    listAt(lists, Array.from(list)),
  )
}

/** One object for wishes that say the same. */
function shared(distinct: Map<string, Wish>, wish: Wish): Wish {
  const name = `${wish.package}:${wish.needed}:${spanWords(wish.spans).join()}`
  const known = distinct.get(name) ?? wish
  distinct.set(name, known)
  return known
}

interface Lists {
  readonly start: number
  readonly words: number[]
  readonly places: Map<string, number>
}

/** The place of a list with its length before it, the same for equal ones. */
function listAt(lists: Lists, items: readonly number[]): number {
  return placeIn(lists, [items.length, ...items])
}

/** The place of words, the same for equal ones. */
function placeIn({ start, words, places }: Lists, own: readonly number[]): number {
  const name = own.join()
  const known = places.get(name)
  if (known !== undefined) return known
  const place = start + words.length
  places.set(name, place)
  for (const word of own) words.push(word)
  return place
}

function packageWords(writer: Writer, numbered: Numbered, lists: Lists): number[] {
  const { one, key, requires, variants, compared } = numbered
  const list = (all: readonly Asked[]): number =>
    listAt(
      lists,
      all.map(({ number }) => number),
    )
  const requiresAt = list(requires)
  return [
    stringId(writer, one.version),
    stringId(writer, key),
    stringId(writer, one.file),
    ...wordsOf(one.mtimeMs),
    one.sizeBytes,
    ...wordsOf(one.timestamp),
    requiresAt,
    variants === undefined ? layout.none : listAt(lists, variants.map(list)),
    compared.length < 2 ? layout.none : listAt(lists, compared.map(list)),
  ]
}

function demandWords(writer: Writer): Uint32Array[] {
  const { demands, subjects, spans, wishes } = writer
  const ranks = ranksOf([...demands.values()])
  return [...demands.values()].map(({ text, requirement, number }) => {
    const { name, kind, versions } = requirement
    return Uint32Array.from([
      stringId(writer, text),
      subjects.get(name) ?? 0,
      demandKinds.indexOf(kind),
      ranks[number] ?? 0,
      placeIn(spans, spanWords(wishes[number]?.spans ?? [])),
      versions.intervals.length,
      ...versions.intervals.flatMap((interval) => intervalWords(writer, interval)),
    ])
  })
}

/** By number: how many different ranges are lower. */
function ranksOf(demands: readonly Asked[]): readonly number[] {
  const sorted = demands.toSorted((a, b) => compareRanges(a.requirement, b.requirement))
  const ranks: number[] = []
  let rank = 0
  for (const [at, { requirement, number }] of sorted.entries()) {
    const before = sorted[at - 1]
    if (before && compareRanges(before.requirement, requirement) !== 0) rank += 1
    ranks[number] = rank
  }
  return ranks
}

function intervalWords(writer: Writer, { lower, upper }: Interval): number[] {
  return [lower, upper].flatMap((bound) =>
    bound === undefined
      ? [layout.none, 0]
      : [stringId(writer, bound.version.key), Number(bound.inclusive)],
  )
}
