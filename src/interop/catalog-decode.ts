/**
 * Reads the catalog of a Rez repository, a family at a time.
 *
 * Invariant: opening touches the head only; what is asked for is read and kept. A place outside the
 * file, or a family whose check sum is wrong, is an error and never a wrong answer.
 * Layout: docs/formats/rez-catalog.md.
 */
import { AppError } from '#kernel/index.ts'
import type { Bound, VersionSet } from '#model/index.ts'
import {
  type Catalog,
  type CatalogFamily,
  type Demand,
  demandKinds,
  layout,
  numberOf,
} from './catalog-layout.ts'
import type { Span } from './span.ts'

interface Reader {
  readonly words: Uint32Array
  readonly text: Buffer
  readonly strings: (string | undefined)[]
  readonly demands: (Demand | undefined)[]
}

const { head, package: field } = layout

/** @throws AppError `interop/bad-catalog` when it is none of this layout, or was cut short. */
export function decodeCatalog(bytes: Uint8Array): Catalog {
  const reader = readerOf(bytes)
  const families = new Map<string, CatalogFamily | undefined>()
  return {
    mtimeMs: numberOf(word(reader, head.mtimeMs), word(reader, head.mtimeMs + 1)),
    names: () => namesOf(reader),
    family: (name) => {
      if (!families.has(name)) families.set(name, familyOf(reader, name))
      return families.get(name)
    },
    demand: (id) => demandOf(reader, id),
    ephemeral: (name) => {
      const row = find(reader, name, head.ephemerals)
      return row === undefined
        ? []
        : Array.from(recordOf(reader, row), (id) => demandOf(reader, id))
    },
  }
}

function readerOf(bytes: Uint8Array): Reader {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2)
  if (words[head.magic] !== layout.magic || words[head.words] !== words.length)
    throw damaged('it is cut short or of another layout')
  const start = (words[head.textAt] ?? 0) * 4
  const length = words[head.textBytes] ?? 0
  if (start + length > aligned.byteLength) throw damaged('its texts lie outside')
  return {
    words,
    text: Buffer.from(aligned.buffer, aligned.byteOffset + start, length),
    strings: [],
    demands: [],
  }
}

function word({ words }: Reader, at: number): number {
  const value = words[at]
  if (value === undefined) throw damaged('a place lies outside')
  return value
}

function stringOf(reader: Reader, id: number): string {
  const known = reader.strings[id]
  if (known !== undefined) return known
  if (id >= word(reader, head.strings)) throw damaged('a string is not there')
  const at = word(reader, head.stringsAt) + id
  const text = reader.text.toString('utf8', word(reader, at), word(reader, at + 1))
  reader.strings[id] = text
  return text
}

function namesOf(reader: Reader): string[] {
  const at = word(reader, head.familiesAt)
  return Array.from({ length: word(reader, head.families) }, (_, index) =>
    stringOf(reader, word(reader, at + index * layout.indexRow)),
  )
}

/** The place of an index row, by binary search; the index is sorted by name. */
function find(reader: Reader, name: string, count: number): number | undefined {
  const start = word(reader, count + 1)
  let low = 0
  let high = word(reader, count)
  while (low < high) {
    const middle = (low + high) >> 1
    const row = start + middle * layout.indexRow
    const other = stringOf(reader, word(reader, row))
    if (other === name) return row
    if (other < name) low = middle + 1
    else high = middle
  }
  return undefined
}

function recordOf(reader: Reader, row: number): Uint32Array {
  const at = word(reader, row + 1)
  const length = word(reader, row + 2)
  const record = reader.words.subarray(at, at + length)
  const bytes = new Uint8Array(record.buffer, record.byteOffset, record.byteLength)
  if (record.length !== length || Bun.hash.crc32(bytes) !== word(reader, row + 3))
    throw damaged('a family has another check sum')
  return record
}

function familyOf(reader: Reader, name: string): CatalogFamily | undefined {
  const found = find(reader, name, head.families)
  if (found === undefined) return undefined
  const record = recordOf(reader, found)
  const wordAt = (at: number): number => record[at] ?? 0
  const rowOf = (place: number): number => layout.familyHead + place * layout.package.length
  const list = (at: number): Uint32Array => record.subarray(at + 1, at + 1 + wordAt(at))
  return {
    mtimeMs: numberOf(wordAt(0), wordAt(1)),
    size: wordAt(2),
    firstOf: list(wordAt(5)),
    versionKey: (place) => stringOf(reader, wordAt(rowOf(place) + field.versionKey)),
    package: (place) => {
      const start = rowOf(place)
      const number = (at: number): number => numberOf(wordAt(start + at), wordAt(start + at + 1))
      const variants = wordAt(start + field.variants)
      return {
        version: stringOf(reader, wordAt(start + field.version)),
        file: stringOf(reader, wordAt(start + field.file)),
        mtimeMs: number(field.mtimeMs),
        sizeBytes: wordAt(start + field.sizeBytes),
        timestamp: number(field.timestamp),
        requires: list(wordAt(start + field.requires)),
        variants: variants === layout.none ? undefined : Array.from(list(variants), list),
      }
    },
    variantCount: (place) => {
      const variants = wordAt(rowOf(place) + field.variants)
      return variants === layout.none ? -1 : wordAt(variants)
    },
    requiresAt: (place) => wordAt(rowOf(place) + field.requires),
    variantAt: (place, variant) => wordAt(wordAt(rowOf(place) + field.variants) + 1 + variant),
    listAt: list,
    variantsName: (place) => {
      const start = rowOf(place)
      const variants = wordAt(start + field.variants)
      if (wordAt(start + field.overlaps) === 0) return variants
      return `${wordAt(start + field.requires)}:${variants}`
    },
    problems: () => {
      const start = wordAt(4)
      return Array.from({ length: wordAt(3) }, (_, index) => ({
        path: stringOf(reader, wordAt(start + index * 2)),
        reason: stringOf(reader, wordAt(start + index * 2 + 1)),
      }))
    },
  }
}

function demandOf(reader: Reader, id: number): Demand {
  const known = reader.demands[id]
  if (known !== undefined) return known
  if (id >= word(reader, head.demands)) throw damaged('a requirement is not there')
  const at = word(reader, word(reader, head.demandsAt) + id)
  let versions: VersionSet | undefined
  let spans: readonly Span[] | undefined
  const demand: Demand = {
    name: stringOf(reader, word(reader, at + 1)),
    kind: demandKinds[word(reader, at + 2)] ?? 'require',
    get versions() {
      return (versions ??= versionsAt(reader, at + 3))
    },
    text: () => stringOf(reader, word(reader, at)),
    spans: () => (spans ??= spansAt(reader, at + 4 + word(reader, at + 3) * 4)),
  }
  reader.demands[id] = demand
  return demand
}

function versionsAt(reader: Reader, start: number): VersionSet {
  const intervals = Array.from({ length: word(reader, start) }, (_, index) => {
    const lower = boundAt(reader, start + 1 + index * 4)
    const upper = boundAt(reader, start + 3 + index * 4)
    return { ...(lower && { lower }), ...(upper && { upper }) }
  })
  return { intervals }
}

function spansAt(reader: Reader, start: number): readonly Span[] {
  const spans: Span[] = []
  const end = start + 1 + word(reader, start) * 2
  for (let at = start + 1; at < end; at += 2)
    spans.push({ start: word(reader, at), end: word(reader, at + 1) })
  return spans
}

/** A bound by its key; its text is that of the requirement. */
function boundAt(reader: Reader, at: number): Bound | undefined {
  const id = word(reader, at)
  if (id === layout.none) return undefined
  return { version: { text: '', key: stringOf(reader, id) }, inclusive: word(reader, at + 1) === 1 }
}

function damaged(why: string): AppError {
  return new AppError('interop/bad-catalog', `A catalog of a Rez repository is damaged: ${why}`)
}
