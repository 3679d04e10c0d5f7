/**
 * How several versions of a package are written: one by one, or merged into ranges.
 *
 * Invariant: what is merged is true of every version in between. A version between two others is
 * looked up in the source, whether or not it takes part in a conflict.
 */
import type { CandidateId, Dependency, PackageId, PackageSource } from '#solver/index.ts'
import { type Labels, written } from './labels.ts'

/** A version of a package with its candidates. */
interface Row {
  readonly version: string
  /** Sorts as the version does. */
  readonly key: string
  readonly ids: readonly CandidateId[]
}

/** What is told about, and what it is called. */
export interface Context {
  readonly source: PackageSource
  readonly labels: Labels
  /** Versions of a package, ascending. */
  readonly rowsOf: (id: PackageId) => readonly Row[]
}

export interface Subject {
  readonly text: string
  readonly isPlural: boolean
}

const listedMax = 4

/** Looks at each package once. */
export function contextOf(source: PackageSource, labels: Labels): Context {
  const known = new Map<PackageId, readonly Row[]>()
  const rowsOf = (id: PackageId): readonly Row[] => {
    const rows = known.get(id) ?? rowsFor(source, labels, id)
    known.set(id, rows)
    return rows
  }
  return { source, labels, rowsOf }
}

function rowsFor(source: PackageSource, labels: Labels, id: PackageId): readonly Row[] {
  const rows = new Map<string, Row & { readonly ids: CandidateId[] }>()
  for (const candidate of source.candidates(id)) {
    const { version, key } = labels.candidate(candidate)
    const row = rows.get(key)
    if (row === undefined) rows.set(key, { version, key, ids: [candidate] })
    else row.ids.push(candidate)
  }
  return [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Versions of some candidates, for people: `3.1.4`, `3.1.4 or 3.1.5`, `3.1.0 to 3.1.9`. */
export function versionsText(
  { labels, rowsOf }: Pick<Context, 'labels' | 'rowsOf'>,
  about: PackageId,
  from: { readonly ids: ReadonlySet<CandidateId>; readonly word: 'and' | 'or' },
): string {
  const { ids, word } = from
  const rows = rowsOf(about)
  const isPartly = (row: Row) => row.ids.some((id) => ids.has(id))
  const isWhole = rows.every((row) => !isPartly(row) || row.ids.every((id) => ids.has(id)))
  if (!isWhole) return listed(variantTexts(labels, rows, ids), word)
  return listed(runsOf(rows, rows.map(isPartly)).map(runText), word)
}

/** Candidates that say something. */
export interface Speakers {
  readonly ids: ReadonlySet<CandidateId>
  readonly saying: readonly Dependency[]
  /** Candidates that say something else, whatever else they say. */
  readonly others?: ReadonlySet<CandidateId> | undefined
}

/** A package's candidates as those who say something: `every usd from 23.5 to 24.3`. */
export function subjectOf(
  { source, labels, rowsOf }: Context,
  about: PackageId,
  from: Speakers,
): Subject {
  const rows = rowsOf(about)
  const name = labels.nameOf(about)
  const says = sayer(source, from)
  const isWhole = rows.map(({ ids }) => ids.every((id) => from.ids.has(id)))
  const isPart = rows.map(({ ids }) => ids.some((id) => from.ids.has(id)))
  if (isPart.some((is, at) => is && !isWhole[at] && !rows[at]?.ids.every(says)))
    return spoken(labels, name, variantTexts(labels, rows, from.ids))
  const known = rows.map(({ ids }, at) => isPart[at] === true || ids.every(says))
  if (rows.length > 1 && known.every(Boolean)) return { text: `every ${name}`, isPlural: false }
  // Only gaps are filled: what lies outside is nobody's business.
  const [first, last] = [isPart.indexOf(true), isPart.lastIndexOf(true)]
  const covered = known.map((is, at) => is && at >= first && at <= last)
  const runs = runsOf(rows, covered)
  const [only] = runs
  if (runs.length === 1 && only !== undefined && only.length > 2)
    return { text: `every ${name} from ${runText(only)}`, isPlural: false }
  return spoken(labels, name, runs.map(runText))
}

function spoken(labels: Labels, name: string, texts: readonly string[]): Subject {
  const isPlural = texts.length > 1 || texts[0]?.includes(' to ') === true
  return { text: written(labels, name, listed(texts, 'and')), isPlural }
}

/** Whether a candidate makes one of these demands, or a stricter one. */
function sayer(source: PackageSource, { saying, others }: Speakers): (id: CandidateId) => boolean {
  const demands = saying.map((own) => ({ own, allowed: new Set(own.allowed) }))
  return (id) =>
    others?.has(id) !== true &&
    source
      .dependencies(id)
      .some((one) =>
        demands.some(
          ({ own, allowed }) =>
            one.package === own.package &&
            one.needed === own.needed &&
            (one.allowed === own.allowed || isWithin(one.allowed, allowed)),
        ),
      )
}

function isWithin(some: Dependency['allowed'], all: ReadonlySet<CandidateId>): boolean {
  if (Array.isArray(some) && some.length > all.size) return false
  for (const id of some) if (!all.has(id)) return false
  return true
}

/** More versions than this of which only some variants are meant are told by their ends. */
const partlyMax = 2

/** Versions of which only some variants are meant: `2024.1[0]`. */
function variantTexts(
  labels: Labels,
  rows: readonly Row[],
  ids: ReadonlySet<CandidateId>,
): readonly string[] {
  const texts = rows.flatMap((row) => {
    const own = row.ids.filter((id) => ids.has(id))
    if (own.length === 0) return []
    const variants = own.map((id) => labels.candidate(id).variant)
    const isWhole = own.length === row.ids.length || variants.includes('')
    return [{ isWhole, version: row.version, variants: variants.sort().join('') }]
  })
  const isShort = texts.filter(({ isWhole }) => !isWhole).length <= partlyMax
  if (isShort) return texts.map((one) => one.version + (one.isWhole ? '' : one.variants))
  return [`${texts[0]?.version} to ${texts.at(-1)?.version} (some variants)`]
}

type Run = readonly string[]

/** Versions that follow each other, in runs. */
function runsOf(rows: readonly Row[], has: readonly boolean[]): readonly Run[] {
  const runs: string[][] = []
  for (const [at, { version }] of rows.entries()) {
    if (has[at] !== true) continue
    const run = has[at - 1] === true ? runs.at(-1) : undefined
    if (run === undefined) runs.push([version])
    else run.push(version)
  }
  return runs.flatMap((run) => (run.length === 2 ? run.map((one) => [one]) : [run]))
}

function runText(run: Run): string {
  return run.length === 1 ? (run[0] ?? '') : `${run[0]} to ${run.at(-1)}`
}

/** The first few of a list, and how many more there are. */
export function listed(parts: readonly string[], word: 'and' | 'or', max = listedMax): string {
  if (parts.length > max + 1)
    return `${parts.slice(0, max).join(', ')} and ${parts.length - max} more`
  return joined(parts, word)
}

export function joined(parts: readonly string[], word: 'and' | 'or'): string {
  const last = parts.at(-1) ?? ''
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} ${word} ${last}`
}
