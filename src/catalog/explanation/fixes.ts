/**
 * Repairs in words: what to change, and what that gives.
 *
 * Invariant: what a fix says was solved; `gives` are versions of that answer.
 */
import {
  type CandidateId,
  type Dependency,
  isSameDemand,
  type Loosening,
  type Repair,
  verdictOf,
} from '#solver/index.ts'
import { type DemandLabel, type Labels, plainText, written } from './labels.ts'
import { type Context, joined, listed } from './subjects.ts'

/** A version of a package; empty for one without versions. */
export interface NamedVersion {
  readonly name: string
  readonly version: string
}

export interface FixChange {
  /**
   * `allow`: a demand also accepts one more version. `leave-out`: a demand is not made. `replace`:
   * a requirement of the request by another one. `add`: one more requirement in the request.
   */
  readonly change: 'allow' | 'leave-out' | 'replace' | 'add'
  /** Whose demand changes; absent: the request's. */
  readonly from?: NamedVersion
  /** Who asks, where it is neither a package nor the user: a platform. */
  readonly by?: string
  readonly requirement: string
  /** Of `allow`. */
  readonly allow?: NamedVersion
  /** Of `replace`. */
  readonly with?: string
}

export interface Fix {
  /** `allow imath 3.2 (you ask for imath <3): gives openexr 3.3.2` */
  readonly text: string
  readonly changes: readonly FixChange[]
  /** What it gives of the packages asked for by name, in their order. */
  readonly gives: readonly NamedVersion[]
}

/** What was asked for by name, in order, and the packages that the failure is about. */
export interface About {
  readonly asked: readonly string[]
  readonly named: ReadonlySet<string>
}

/** How many of the resulting versions the text has, and how many that are about something else. */
const givenMax = 4
const otherMax = 2

/** A repair as a fix of a request with these roots. */
export function fixOf(
  context: Context,
  { changes, candidates }: Repair,
  from: { readonly about: About; readonly roots: readonly Dependency[] },
): Fix {
  const { about, roots } = from
  const told = changes.map(
    (change): Told => ({ ...change, labels: labelsOf(context, change, roots) }),
  )
  const plain = told.flatMap((change) => changesOf(context, change))
  const changed = new Set(plain.flatMap(({ allow }) => (allow === undefined ? [] : [allow.name])))
  const isOut = ({ fact, letIn }: Loosening) => fact.from === 'request' && letIn === undefined
  const left = told.filter(isOut).flatMap(({ labels }) => labels)
  const what = [
    ...told.filter((change) => !isOut(change)).map((change) => changeText(context, change)),
    ...(left.length === 0
      ? []
      : [
          `leave out ${joined(
            left.map((label) => quoted(context.labels, label)),
            'and',
          )}`,
        ]),
  ]
  const given = givenBy(context, candidates, about)
  const result = resultText(context, given, { ...about, changed })
  return { text: `${joined(what, 'and')}: ${result}`, changes: plain, gives: given }
}

/** A change with what its demand says, and others that come to the same. */
interface Told extends Loosening {
  readonly labels: readonly DemandLabel[]
}

/** Demands of one candidate, or of the request, that accept the same are loosened together. */
function labelsOf(
  { source, labels }: Context,
  { fact }: Loosening,
  roots: readonly Dependency[],
): readonly DemandLabel[] {
  const all = fact.from === 'request' ? roots : source.dependencies(fact.from)
  const same = all.filter((one) => isSameDemand(one, fact.dependency))
  const byText = new Map([fact.dependency, ...same].map((one) => [labels.demand(one).text, one]))
  return [...byText.values()].map((one) => labels.demand(one))
}

/** Steps of a search that a person's idea is worth. */
const ideaEffort = 1_000_000

/** A request in other words as a fix; empty when it cannot be solved either. */
export function fixByRequest(
  context: Context,
  idea: {
    readonly roots: readonly Dependency[]
    readonly changes: readonly FixChange[]
    readonly text: string
    readonly about: About
    readonly isAnswer?: ((candidates: readonly CandidateId[]) => boolean) | undefined
  },
): readonly Fix[] {
  const verdict = verdictOf(context.source, idea.roots, { left: ideaEffort })
  if (verdict.kind !== 'solved' || idea.isAnswer?.(verdict.candidates) === false) return []
  const gives = givenBy(context, verdict.candidates, idea.about)
  const result = resultText(context, gives, { ...idea.about, changed: new Set() })
  return [{ text: `${idea.text}: ${result}`, changes: idea.changes, gives }]
}

function givenBy(
  { source, labels }: Context,
  candidates: readonly CandidateId[],
  { asked }: About,
): readonly NamedVersion[] {
  const versions = new Map(
    candidates.map((id) => [labels.nameOf(source.packageOf(id)), labels.candidate(id).version]),
  )
  return [...new Set(asked)].flatMap((name) => {
    const version = versions.get(name)
    return version === undefined ? [] : [{ name, version }]
  })
}

function resultText(
  { labels }: Context,
  gives: readonly NamedVersion[],
  { changed, named }: About & { readonly changed: ReadonlySet<string> },
): string {
  const ranked = gives.map((one) => ({ ...one, rank: rank(one.name, changed, named) }))
  const sorted = ranked.toSorted((a, b) => a.rank - b.rank)
  const about = sorted.filter((one) => one.rank < 2).length
  const most = Math.min(givenMax, Math.max(about, otherMax))
  const texts = sorted.map(({ name, version }) => written(labels, name, version))
  return texts.length === 0 ? 'then it can be solved' : `gives ${listed(texts, 'and', most)}`
}

function rank(name: string, changed: ReadonlySet<string>, named: ReadonlySet<string>): number {
  return changed.has(name) ? 0 : named.has(name) ? 1 : 2
}

function changesOf({ source, labels }: Context, change: Told): readonly FixChange[] {
  const { fact, letIn } = change
  const name = (id: CandidateId): NamedVersion => ({
    name: labels.nameOf(source.packageOf(id)),
    version: labels.candidate(id).version,
  })
  const [first] = letIn ?? []
  return change.labels.map(({ by, text }) => ({
    change: first === undefined ? 'leave-out' : 'allow',
    ...(fact.from === 'request' ? {} : { from: name(fact.from) }),
    ...(by === undefined ? {} : { by }),
    requirement: text,
    ...(first === undefined ? {} : { allow: name(first) }),
  }))
}

function changeText({ source, labels }: Context, { fact, letIn, labels: said }: Told): string {
  const label = said[0] ?? labels.demand(fact.dependency)
  const nameOf = (id: CandidateId) =>
    written(labels, labels.nameOf(source.packageOf(id)), labels.candidate(id).version)
  const [first] = letIn ?? []
  const special = label.special === undefined ? '' : ` ${label.special}`
  const other = first === undefined ? '' : `${nameOf(first)}${special}`
  const plain = joined(said.map(plainText), 'and')
  // What is let in of an ephemeral has no name: nobody but this demand asks for a range of it.
  const isLeftOut = first === undefined || label.name.startsWith('.')
  const whole = joined(
    said.map(({ text }) => text),
    'and',
  )
  if (fact.from !== 'request') {
    const who = nameOf(fact.from)
    if (isLeftOut) return `let ${who} do without ${whole}`
    return `let ${who} take ${other} (it ${needs(label)} ${plain})`
  }
  if (isLeftOut) return `leave out ${whole}`
  return label.by === undefined
    ? `allow ${other} (you ${asks(label)} ${plain})`
    : `allow ${other} beside ${label.by} (it ${needs(label)} ${plain})`
}

function quoted(labels: Labels, { text, name, by }: DemandLabel): string {
  if (by !== undefined) return `${by}'s ${text}`
  return labels.scheme === 'rez' || text === name ? text : `'${text}'`
}

function asks({ kind }: DemandLabel): string {
  return { require: 'ask for', conflict: 'exclude', weak: 'allow only' }[kind]
}

function needs({ kind }: DemandLabel): string {
  return { require: 'needs', conflict: 'conflicts with', weak: 'allows only' }[kind]
}
