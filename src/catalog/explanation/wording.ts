/**
 * Facts as phrases: «openexr 3.1.5 needs imath >=3.1», «you ask for imath 2».
 *
 * Equal demands of several candidates are one phrase. Many different demands of one package on
 * another are one phrase too, which says what they have in common.
 */
import { formatRange, unionOf, type VersionSet } from '#model/index.ts'
import type { CandidateId, CoreFact, Dependency, PackageId } from '#solver/index.ts'
import { type DemandLabel, plainText, written } from './labels.ts'
import { type Context, joined, listed, subjectOf, versionsText } from './subjects.ts'

/** Equal demands of candidates of one package, or one demand of the request. */
export interface Claim {
  readonly from: PackageId | 'request'
  readonly ids: ReadonlySet<CandidateId>
  readonly demands: readonly Dependency[]
  readonly label: DemandLabel
}

/** Facts as claims, in the order of the facts. */
export function claimsOf({ source, labels }: Context, facts: readonly CoreFact[]): Claim[] {
  const claims = new Map<string, Claim & { ids: Set<CandidateId>; demands: Dependency[] }>()
  for (const { from, dependency } of facts) {
    const label = labels.demand(dependency)
    const owner = from === 'request' ? from : source.packageOf(from)
    const name = `${owner}|${label.text}|${label.by ?? ''}|${label.special ?? ''}`
    const claim = claims.get(name) ?? { from: owner, ids: new Set(), demands: [], label }
    if (from !== 'request') claim.ids.add(from)
    if (!claim.demands.includes(dependency)) claim.demands.push(dependency)
    claims.set(name, claim)
  }
  return [...claims.values()]
}

/** Claims that read the same as one: a build asks for what its recipe does, and for an interface. */
function alike(claims: readonly Claim[]): readonly Claim[] {
  const groups = Map.groupBy(claims, ({ from, label }) =>
    [from, label.kind, plainText(label), label.by, label.verbs?.one].join('|'),
  )
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined || others.length === 0) return first ?? []
    const all = [first, ...others]
    const ids = new Set(all.flatMap((claim) => [...claim.ids]))
    const reason = all.find(({ label }) => label.reason !== undefined)?.label.reason
    const demands = all.flatMap((claim) => claim.demands)
    return { ...first, ids, demands, label: { ...first.label, reason } }
  })
}

/** Different demands that are told one by one; more are told together. */
const claimsMax = 3

/** What all these facts, of one package about another, say. */
export function phrases(context: Context, facts: readonly CoreFact[]): string[] {
  const claims = alike(claimsOf(context, facts))
  const choice = alternatives(context, claims)
  if (choice !== undefined) return [choice]
  if (claims.length <= claimsMax) return told(context, claims)
  const byKind = Map.groupBy(claims, ({ label }) => label.kind)
  return [...byKind.values()].flatMap((some) =>
    some.length <= 2 ? told(context, some) : merged(context, some),
  )
}

/** Claims one by one; those of the same candidates in one phrase. */
function told(context: Context, claims: readonly Claim[]): string[] {
  const bySubject = new Map<string, string[]>()
  for (const claim of claims) {
    const [who, what] = saying(context, claim)
    const known = bySubject.get(who)
    if (known === undefined) bySubject.set(who, [what + reasonIn(claim.label)])
    else known.push(what + reasonIn(claim.label))
  }
  return [...bySubject].map(([who, what]) => `${who} ${joined(what, 'and')}`)
}

function reasonIn(label: DemandLabel): string {
  return label.reason === undefined ? '' : ` (${reasonOf(label).slice(2)})`
}

/** Several phrases as one; what you say yourself is not repeated. */
export function together(texts: readonly string[]): string {
  const [first] = texts
  if (texts.length === 1 && first !== undefined) return first
  const yours = texts.filter((text) => text.startsWith('you '))
  const others = texts.filter((text) => !text.startsWith('you '))
  const asked = yours
    .filter((text) => text.startsWith(youAsk))
    .map((text, at) => {
      const what = text.slice(youAsk.length)
      return at === 0 ? text : text.includes(', which') ? `for ${what}` : what
    })
  const rest = yours
    .filter((text) => !text.startsWith(youAsk))
    .map((text, at) => (asked.length + at === 0 ? text : text.replace(/^you /, '')))
  return joined([...asked, ...rest, ...others], 'and')
}

export const youAsk = 'you ask for '

/** «pybah needs python 2.5 (pybah 5) or python 2.6 (pybah 4)». */
function alternatives(context: Context, claims: readonly Claim[]): string | undefined {
  const [first] = claims
  if (first === undefined || first.from === 'request') return undefined
  if (claims.length < 2 || claims.length > claimsMax) return undefined
  if (claims.some(({ label }) => label.kind !== 'require' || label.verbs !== undefined))
    return undefined
  if (claims.some((claim) => !isAlone(claim, claims))) return undefined
  const texts = claims.map((claim) => {
    const { from, ids, demands, label } = claim
    const others = new Set(claims.flatMap((other) => (other === claim ? [] : [...other.ids])))
    const speakers = { ids, saying: demands, others }
    const who = from === 'request' ? '' : subjectOf(context, from, speakers).text
    return `${plainText(label)} (${who}${reasonOf(label)})`
  })
  return `${context.labels.nameOf(first.from)} needs ${joined(texts, 'or')}`
}

/** Whether nobody who makes this claim makes another one of these. */
function isAlone({ ids }: Claim, claims: readonly Claim[]): boolean {
  return claims.every((other) => other.ids === ids || other.ids.isDisjointFrom(ids))
}

function reasonOf({ reason }: DemandLabel): string {
  return reason === undefined ? '' : `: ${reason.trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '')}`
}

/** Who says it, and what. */
function saying(
  context: Context,
  { from, ids, demands, label }: Claim,
): [who: string, what: string] {
  const what = plainText(label)
  if (from !== 'request') {
    const subject = subjectOf(context, from, { ids, saying: demands })
    return [subject.text, `${verb(label, subject.isPlural)} ${what}`]
  }
  if (label.by !== undefined) return [label.by, `${verb(label, false)} ${what}`]
  const verbs = { require: 'ask for', conflict: 'exclude', weak: 'allow only' }
  return ['you', `${label.verbs?.one ?? verbs[label.kind]} ${what}`]
}

/** «needs», «conflicts with», and so on. */
export function verb(
  { kind, verbs }: Pick<DemandLabel, 'kind' | 'verbs'>,
  isPlural: boolean,
): string {
  if (verbs !== undefined) return isPlural ? verbs.several : verbs.one
  const ending = isPlural ? '' : 's'
  switch (kind) {
    case 'require':
      return `need${ending}`
    case 'conflict':
      return `conflict${ending} with`
    case 'weak':
      return `allow${ending} only`
  }
}

/** Many demands of one kind: `every usd from 23.5 to 24.3 needs one of imath 3.1.2 to 3.1.9`. */
function merged(context: Context, claims: readonly Claim[]): string {
  const [first] = claims
  if (first === undefined || first.from === 'request') return ''
  const ids = new Set(claims.flatMap((claim) => [...claim.ids]))
  const demands = claims.flatMap((claim) => claim.demands)
  const subject = subjectOf(context, first.from, { ids, saying: demands })
  const { name, kind } = first.label
  const start = `${subject.text} ${verb(first.label, subject.isPlural)}`
  const allowed = new Set(demands.flatMap((demand) => [...demand.allowed]))
  const [about] = demands
  if (kind === 'require' && allowed.size > 0 && about !== undefined) {
    const versions = versionsText(context, about.package, { ids: allowed, word: 'or' })
    return `${start} one of ${written(context.labels, name, versions)}`
  }
  const range = formatRange(
    unionOf(...claims.map(({ label }) => label.versions)),
    context.labels.scheme,
  )
  return `${start} some ${name} within ${range.slice(0, rangeLengthMax)}`
}

const rangeLengthMax = 60

/** «only python 3.9 is left», for a package of which these are excluded. */
export function leftText(context: Context, about: PackageId, out: ReadonlySet<CandidateId>) {
  const { source, labels } = context
  const ids = new Set(source.candidates(about).filter((id) => !out.has(id)))
  const text = versionsText(context, about, { ids, word: 'or' })
  return `only ${written(labels, labels.nameOf(about), text)} is left`
}

/** `usd 24.3`, for candidates that are tried. */
export function triedText(
  context: Context,
  about: PackageId,
  ids: ReadonlySet<CandidateId>,
): string {
  const { labels } = context
  return written(labels, labels.nameOf(about), versionsText(context, about, { ids, word: 'or' }))
}

const nearestShown = 5

/** Why nothing meets one demand: «there is only imath 2.5.8, 3.1.5 and 3.1.6». */
export function lackingText({ labels, rowsOf }: Context, dependency: Dependency): string {
  const label = labels.demand(dependency)
  if (label.lacking !== undefined) return label.lacking
  const rows = rowsOf(dependency.package)
  if (rows.length === 0) return `there is no package called ${label.name}`
  const distances = distancesTo(label.versions, rows)
  const near = new Set(
    [...rows.keys()]
      .sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0))
      .slice(0, nearestShown),
  )
  const versions = rows.filter((_row, at) => near.has(at)).map(({ version }) => version)
  const name = written(labels, label.name, listed(versions, 'and', nearestShown))
  return rows.length > versions.length
    ? `the nearest of ${rows.length} versions are ${name}`
    : `there is only ${name}`
}

/** Of each version, which ascend, how many steps it lies beside a set; 0 inside. */
export function distancesTo(
  { intervals }: VersionSet,
  rows: readonly { readonly key: string }[],
): readonly number[] {
  const inside = rows.map(({ key }) =>
    intervals.some(
      ({ lower, upper }) =>
        (lower === undefined || key >= lower.version.key) &&
        (upper === undefined || key <= upper.version.key),
    ),
  )
  // Places in `rows` at which a version of the set would stand.
  const bounds = intervals.flatMap(({ lower, upper }) =>
    [lower, upper].flatMap((bound) =>
      bound === undefined ? [] : rows.filter(({ key }) => key < bound.version.key).length,
    ),
  )
  return rows.map((_row, at) =>
    inside[at] === true
      ? 0
      : Math.min(...bounds.map((bound) => (at < bound ? bound - at : at - bound + 1))),
  )
}
