/**
 * Reads the catalog of a Rez repository, a family at a time.
 *
 * Invariant: damaged bytes are an error when the catalog is opened, and never a wrong answer.
 * What is asked for is read then, and kept.
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
  sumOf,
} from './catalog-layout.ts'
import { unread } from './rez-terms.ts'
import type { Span } from './span.ts'

interface Reader {
  readonly words: Uint32Array
  readonly text: Buffer
  readonly demands: (Demand | undefined)[]
  readonly families: (CatalogFamily | undefined)[]
  /** Names that were looked at, and their numbers. */
  readonly names: (string | undefined)[]
  readonly subjects: Map<string, number>
}

const { head, package: field, family: part, demand: said } = layout

/** @throws AppError `interop/bad-catalog` when it is none of this layout, or was cut short. */
export function decodeCatalog(bytes: Uint8Array): Catalog {
  const reader = readerOf(bytes)
  const familyAt = (subject: number) => (reader.families[subject] ??= familyOf(reader, subject))
  return {
    mtimeMs: numberOf(word(reader, head.mtimeMs), word(reader, head.mtimeMs + 1)),
    names: () => namesOf(reader),
    subjects: word(reader, head.subjects),
    subjectName: (subject) => subjectName(reader, subject),
    subjectOf: (name) => subjectOf(reader, name),
    family: (name) => {
      const subject = subjectOf(reader, name)
      return subject === undefined ? undefined : familyAt(subject)
    },
    familyOf: familyAt,
    hasFamily: (subject) => hasFamily(reader, subject),
    demand: (id) => demandOf(reader, id),
    demandText: (id) => stringOf(reader, word(reader, demandAt(reader, id) + said.text)),
    demandAt: (id) => demandAt(reader, id),
    words: reader.words,
    ephemeral: (name) => {
      const subject = name.startsWith('.') ? subjectOf(reader, name) : undefined
      const record = subject === undefined ? undefined : recordOf(reader, subject)
      return Array.from(record ?? [], (id) => demandOf(reader, id))
    },
  }
}

function readerOf(bytes: Uint8Array): Reader {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2)
  if (words[head.magic] !== layout.magic) throw damaged('it is of another layout')
  if (bytes.byteLength % 4 !== 0 || words[head.sum] !== sumOf(words))
    throw damaged('it has another check sum')
  const start = (words[head.textAt] ?? 0) * 4
  const length = words[head.textBytes] ?? 0
  if (start + length > aligned.byteLength) throw damaged('its texts lie outside')
  return {
    words,
    text: Buffer.from(aligned.buffer, aligned.byteOffset + start, length),
    demands: [],
    families: [],
    names: [],
    subjects: new Map(),
  }
}

function word({ words }: Reader, at: number): number {
  const value = words[at]
  if (value === undefined) throw damaged('a place lies outside')
  return value
}

function stringOf(reader: Reader, id: number): string {
  if (id >= word(reader, head.strings)) throw damaged('a string is not there')
  const at = word(reader, head.stringsAt) + id
  return reader.text.toString('utf8', word(reader, at), word(reader, at + 1))
}

function namesOf(reader: Reader): string[] {
  const all = Array.from({ length: word(reader, head.subjects) }, (_, subject) => subject)
  return all
    .filter((subject) => hasFamily(reader, subject))
    .map((subject) => subjectName(reader, subject))
}

function hasFamily(reader: Reader, subject: number): boolean {
  if (subject >= word(reader, head.subjects)) return false
  const isThere = word(reader, rowOf(reader, subject) + 1) !== layout.none
  return isThere && !subjectName(reader, subject).startsWith('.')
}

function rowOf(reader: Reader, subject: number): number {
  if (subject >= word(reader, head.subjects)) throw damaged('a name is not there')
  return word(reader, head.subjectsAt) + subject * layout.indexRow
}

function subjectName(reader: Reader, subject: number): string {
  const known = reader.names[subject]
  if (known !== undefined) return known
  const name = stringOf(reader, word(reader, rowOf(reader, subject)))
  reader.names[subject] = name
  reader.subjects.set(name, subject)
  return name
}

/** By binary search; subjects are in the order of their names. */
function subjectOf(reader: Reader, name: string): number | undefined {
  const known = reader.subjects.get(name)
  if (known !== undefined) return known
  let low = 0
  let high = word(reader, head.subjects)
  while (low < high) {
    const middle = (low + high) >> 1
    const other = subjectName(reader, middle)
    if (other === name) return middle
    if (other < name) low = middle + 1
    else high = middle
  }
  return undefined
}

function recordOf(reader: Reader, subject: number): Uint32Array | undefined {
  const row = rowOf(reader, subject)
  const at = word(reader, row + 1)
  if (at === layout.none) return undefined
  const length = word(reader, row + 2)
  const record = reader.words.subarray(at, at + length)
  if (record.length !== length) throw damaged('a family lies outside')
  return record
}

function familyOf(reader: Reader, subject: number): CatalogFamily | undefined {
  const record = recordOf(reader, subject)
  if (record === undefined || subjectName(reader, subject).startsWith('.')) return undefined
  const wordAt = (at: number): number => record[at] ?? 0
  const rowAt = (place: number): number => part.length + place * layout.package.length
  const list = (at: number): Uint32Array => record.subarray(at + 1, at + 1 + wordAt(at))
  return {
    mtimeMs: numberOf(wordAt(part.mtimeMs), wordAt(part.mtimeMs + 1)),
    size: wordAt(part.packages),
    firstOf: list(wordAt(part.firstOf)),
    versionKey: (place) => stringOf(reader, wordAt(rowAt(place) + field.versionKey)),
    package: (place) => {
      const start = rowAt(place)
      const number = (at: number): number => numberOf(wordAt(start + at), wordAt(start + at + 1))
      return {
        version: stringOf(reader, wordAt(start + field.version)),
        file: stringOf(reader, wordAt(start + field.file)),
        mtimeMs: number(field.mtimeMs),
        sizeBytes: wordAt(start + field.sizeBytes),
        timestamp: number(field.timestamp),
        requires: () => list(wordAt(start + field.requires)),
        variants: () => {
          const variants = wordAt(start + field.variants)
          return variants === layout.none ? undefined : Array.from(list(variants), list)
        },
      }
    },
    variantCount: (place) => {
      const variants = wordAt(rowAt(place) + field.variants)
      return variants === layout.none ? -1 : wordAt(variants)
    },
    requiresAt: (place) => wordAt(rowAt(place) + field.requires),
    variantAt: (place, variant) => wordAt(wordAt(rowAt(place) + field.variants) + 1 + variant),
    listAt: list,
    comparedAt: (place) => wordAt(rowAt(place) + field.compared),
    listsAt: (at) => Array.from(list(at), list),
    terms: () => {
      if (wordAt(part.groupOf) === layout.none) return undefined
      return {
        groupOf: list(wordAt(part.groupOf)),
        groupStart: list(wordAt(part.groupStart)),
        links: list(wordAt(part.links)),
        linkTo: list(wordAt(part.linkTo)),
        linkNeed: list(wordAt(part.linkNeed)),
        linkSpans: list(wordAt(part.linkSpans)),
        needStart: list(wordAt(part.needStart)),
        read: () => unread,
        words: reader.words,
      }
    },
    problems: () => {
      const start = wordAt(part.problemsAt)
      return Array.from({ length: wordAt(part.problems) }, (_, index) => ({
        path: stringOf(reader, wordAt(start + index * 2)),
        reason: stringOf(reader, wordAt(start + index * 2 + 1)),
      }))
    },
  }
}

function demandAt(reader: Reader, id: number): number {
  if (id >= word(reader, head.demands)) throw damaged('a requirement is not there')
  return word(reader, word(reader, head.demandsAt) + id)
}

function demandOf(reader: Reader, id: number): Demand {
  const known = reader.demands[id]
  if (known !== undefined) return known
  const at = demandAt(reader, id)
  let versions: VersionSet | undefined
  let spans: readonly Span[] | undefined
  const subject = word(reader, at + said.subject)
  const spansAt = word(reader, at + said.spans)
  const demand: Demand = {
    name: subjectName(reader, subject),
    kind: demandKinds[word(reader, at + said.kind)] ?? 'require',
    get versions() {
      return (versions ??= versionsAt(reader, at + said.intervals))
    },
    text: () => stringOf(reader, word(reader, at + said.text)),
    inCatalog: {
      subject,
      spansAt,
      spans: () => (spans ??= spansOfWords(reader, spansAt)),
    },
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

function spansOfWords(reader: Reader, start: number): readonly Span[] {
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
