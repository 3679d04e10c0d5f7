/**
 * Writes the catalog of a Rez repository.
 *
 * Invariant: equal families give equal bytes; strings and requirements are stored once, and the
 * packages of a family newest first, so that a reader neither parses nor sorts.
 * Layout: docs/formats/rez-catalog.md.
 */
import { type Interval, parseRequirement, parseVersion } from '#model/index.ts'
import { demandKinds, layout, wordsOf } from './catalog-layout.ts'
import type { RezPackage } from './definition.ts'
import type { RezFamily } from './repository.ts'

interface Writer {
  readonly strings: Map<string, number>
  readonly demands: Map<string, number>
  readonly demandRows: number[][]
  /** Numbers of demands by the name of the ephemeral. */
  readonly ephemerals: Map<string, number[]>
}

/** Bytes of a catalog. `mtimeMs` is that of the repository's folder before it was read. */
export function encodeCatalog(families: readonly RezFamily[], mtimeMs: number): Uint8Array {
  const writer: Writer = {
    strings: new Map(),
    demands: new Map(),
    demandRows: [],
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
  const demandStarts = writer.demandRows.map((row) => place(Uint32Array.from(row)))
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

function familyWords(writer: Writer, { mtimeMs, packages, problems }: RezFamily): number[] {
  const keyed = packages.map((one) => ({ one, key: parseVersion(one.version, 'rez').key }))
  keyed.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? 1 : -1))
  const words = [...wordsOf(mtimeMs), keyed.length, problems.length]
  for (const { one, key } of keyed) packageWords(writer, { one, key, words })
  for (const { path, reason } of problems)
    words.push(stringId(writer, path), stringId(writer, reason))
  return words
}

interface PackageRow {
  readonly one: RezPackage
  readonly key: string
  /** Where the words go. */
  readonly words: number[]
}

function packageWords(writer: Writer, { one, key, words }: PackageRow): void {
  words.push(stringId(writer, one.version), stringId(writer, key), stringId(writer, one.file))
  words.push(...wordsOf(one.mtimeMs), one.sizeBytes, ...wordsOf(one.timestamp))
  const list = (texts: readonly string[]): void => {
    words.push(texts.length, ...texts.map((text) => demandId(writer, text)))
  }
  list(one.requires)
  words.push(one.variants?.length ?? layout.none)
  for (const variant of one.variants ?? []) list(variant)
}

function demandId(writer: Writer, text: string): number {
  const known = writer.demands.get(text)
  if (known !== undefined) return known
  const { name, kind, versions } = parseRequirement(text, 'rez')
  const id = writer.demandRows.length
  writer.demands.set(text, id)
  writer.demandRows.push([
    stringId(writer, text),
    stringId(writer, name),
    demandKinds.indexOf(kind),
    versions.intervals.length,
    ...versions.intervals.flatMap((interval) => intervalWords(writer, interval)),
  ])
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
