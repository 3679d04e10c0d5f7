/**
 * Writes the catalog of a Rez repository.
 *
 * Invariant: equal families give equal bytes; strings and requirements are stored once, and the
 * packages of a family newest first, so that a reader neither parses nor sorts.
 * Layout: docs/formats/rez-catalog.md.
 */
import { type Interval, parseRequirement, parseVersion, type Requirement } from '#model/index.ts'
import { demandKinds, layout, wordsOf } from './catalog-layout.ts'
import type { RezPackage } from './definition.ts'
import type { RezFamily } from './repository.ts'
import { spansOf, type Versions } from './span.ts'

interface Writer {
  readonly strings: Map<string, number>
  readonly demands: Map<string, number>
  readonly demandRows: { readonly requirement: Requirement; readonly words: readonly number[] }[]
  /** Versions by the name of the family. */
  readonly versions: Map<string, Versions>
  /** Numbers of demands by the name of the ephemeral. */
  readonly ephemerals: Map<string, number[]>
}

/** Bytes of a catalog. `mtimeMs` is that of the repository's folder before it was read. */
export function encodeCatalog(families: readonly RezFamily[], mtimeMs: number): Uint8Array {
  const writer: Writer = {
    strings: new Map(),
    demands: new Map(),
    demandRows: [],
    versions: new Map(),
    ephemerals: new Map(),
  }
  const sorted = [...families].sort((a, b) => (a.name < b.name ? -1 : 1))
  const records = sorted.map((family) => record(writer, family.name, familyWords(writer, family)))
  const ephemerals = [...writer.ephemerals]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, ids]) => record(writer, name, ids))
  return assembled(writer, { records, ephemerals, mtimeMs })
}

interface Row {
  readonly name: number
  readonly words: Uint32Array
}

function record(writer: Writer, name: string, words: readonly number[]): Row {
  return { name: stringId(writer, name), words: Uint32Array.from(words) }
}

interface Contents {
  readonly records: readonly Row[]
  readonly ephemerals: readonly Row[]
  readonly mtimeMs: number
}

function assembled(writer: Writer, { records, ephemerals, mtimeMs }: Contents): Uint8Array {
  const { head } = layout
  const parts: Uint32Array[] = []
  let at: number = head.length
  const place = (words: Uint32Array): number => {
    parts.push(words)
    at += words.length
    return at - words.length
  }
  const index = (rows: readonly Row[]): number =>
    place(
      Uint32Array.from(
        rows.flatMap(({ name, words }) => [
          name,
          place(words),
          words.length,
          Bun.hash.crc32(new Uint8Array(words.buffer)),
        ]),
      ),
    )
  const familiesAt = index(records)
  const ephemeralsAt = index(ephemerals)
  const demandStarts = writer.demandRows.map(({ requirement, words }) =>
    place(Uint32Array.from([...words, ...spanWords(writer, requirement)])),
  )
  const demandsAt = place(Uint32Array.from(demandStarts))
  const { offsets, text } = stringSection(writer)
  const stringsAt = place(offsets)
  const textAt = place(new Uint32Array(text.buffer))
  const first = new Uint32Array(head.length)
  first.set([layout.magic, at, writer.strings.size, stringsAt, textAt, offsets.at(-1) ?? 0])
  first.set([demandStarts.length, demandsAt, records.length, familiesAt], head.demands)
  first.set([ephemerals.length, ephemeralsAt, ...wordsOf(mtimeMs)], head.ephemerals)
  const words = new Uint32Array(at)
  let next = 0
  for (const part of [first, ...parts]) {
    words.set(part, next)
    next += part.length
  }
  return new Uint8Array(words.buffer)
}

/** Where what a demand allows lies in the family here: how many spans, and their ends. */
function spanWords({ versions }: Writer, requirement: Requirement): number[] {
  const family = versions.get(requirement.name)
  const spans = family === undefined ? [] : spansOf(family, requirement)
  return [spans.length, ...spans.flatMap(({ start, end }) => [start, end])]
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
function familyWords(writer: Writer, family: RezFamily): number[] {
  const { mtimeMs, packages, problems } = family
  const keyed = packages.map((one) => ({ one, key: parseVersion(one.version, 'rez').key }))
  keyed.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1))
  const rowsEnd = layout.familyHead + keyed.length * layout.package.length
  const lists: Lists = { start: rowsEnd, words: [], places: new Map() }
  const rows = keyed.flatMap(({ one, key }) => packageWords(writer, { one, key, lists }))
  const told = problems.flatMap(({ path, reason }) => [
    stringId(writer, path),
    stringId(writer, reason),
  ])
  const firstOf = [0]
  for (const { one } of keyed) firstOf.push((firstOf.at(-1) ?? 0) + (one.variants?.length ?? 1))
  const keyOf = (version: number): string => keyed[version]?.key ?? ''
  writer.versions.set(family.name, { count: keyed.length, sorted: true, keyOf, firstOf })
  const firstOfAt = listAt(lists, firstOf)
  const problemsAt = rowsEnd + lists.words.length
  return [
    ...wordsOf(mtimeMs),
    keyed.length,
    problems.length,
    problemsAt,
    firstOfAt,
    ...rows,
    ...lists.words,
    ...told,
  ]
}

interface Lists {
  readonly start: number
  readonly words: number[]
  readonly places: Map<string, number>
}

/** The place of a list with its length before it, the same for equal ones. */
function listAt({ start, words, places }: Lists, items: readonly number[]): number {
  const name = items.join()
  const known = places.get(name)
  if (known !== undefined) return known
  const place = start + words.length
  places.set(name, place)
  words.push(items.length, ...items)
  return place
}

interface PackageRow {
  readonly one: RezPackage
  readonly key: string
  readonly lists: Lists
}

function packageWords(writer: Writer, { one, key, lists }: PackageRow): number[] {
  const ids = (texts: readonly string[]) => texts.map((text) => demandId(writer, text))
  const common = ids(one.requires)
  const own = one.variants?.map(ids)
  const requires = listAt(lists, common)
  const variants =
    own &&
    listAt(
      lists,
      own.map((variant) => listAt(lists, variant)),
    )
  return [
    stringId(writer, one.version),
    stringId(writer, key),
    stringId(writer, one.file),
    ...wordsOf(one.mtimeMs),
    one.sizeBytes,
    ...wordsOf(one.timestamp),
    requires,
    variants ?? layout.none,
    Number(overlaps(writer, common, own)),
  ]
}

/** Whether a variant requires something of what all of them require. */
function overlaps(
  { demandRows }: Writer,
  common: readonly number[],
  variants: readonly (readonly number[])[] = [],
): boolean {
  if (variants.length < 2) return false
  const nameOf = (id: number): number | undefined => demandRows[id]?.words[1]
  const names = new Set(variants.flat().map(nameOf))
  return common.some((id) => names.has(nameOf(id)))
}

function demandId(writer: Writer, text: string): number {
  const known = writer.demands.get(text)
  if (known !== undefined) return known
  const requirement = parseRequirement(text, 'rez')
  const { name, kind, versions } = requirement
  const id = writer.demandRows.length
  writer.demands.set(text, id)
  const words = [
    stringId(writer, text),
    stringId(writer, name),
    demandKinds.indexOf(kind),
    versions.intervals.length,
    ...versions.intervals.flatMap((interval) => intervalWords(writer, interval)),
  ]
  writer.demandRows.push({ requirement, words })
  if (name.startsWith('.')) {
    const ids = writer.ephemerals.get(name) ?? []
    ids.push(id)
    writer.ephemerals.set(name, ids)
  }
  return id
}

function intervalWords(writer: Writer, { lower, upper }: Interval): number[] {
  return [lower, upper].flatMap((bound) =>
    bound === undefined
      ? [layout.none, 0]
      : [stringId(writer, bound.version.key), Number(bound.inclusive)],
  )
}
