/**
 * Why a request in Rez repositories fails: what ids are called, circles, families that are nowhere.
 *
 * Invariant: a fix gives an answer that Rez would accept: all demands met, no circle, no family
 * that is nowhere.
 * Not here: how a failure is told (`#catalog`).
 */
import {
  explainFailure,
  type Explanation,
  type Fix,
  contextOf,
  fixByRequest,
  type Labels,
} from '#catalog/index.ts'
import { didYouMean, parseRequirement, parseVersion, type Requirement } from '#model/index.ts'
import { type CandidateId, type Dependency, type Solution, solve } from '#solver/index.ts'
import type { Demand } from './catalog-layout.ts'
import { chosenIn, findCycle } from './rez-order.ts'
import type { RezCandidate, RezUniverse } from './rez-universe.ts'

export type RezFailure = {
  readonly kind: 'failed'
  readonly reason: 'conflict' | 'cycle' | 'missing-family'
  readonly hints: readonly string[]
} & Explanation

/** Demands that clash; `wanted`, one of the request's, is not given up. */
export function explainConflict(
  universe: RezUniverse,
  failed: Solution & { readonly kind: 'unsolvable' },
  wanted?: Requirement,
): RezFailure & { readonly reason: 'conflict' } {
  const given = universe.roots
    .filter(({ origin }) => universe.demandOf(origin).text() === wanted?.text)
    .slice(-1)
  const { cores: _cores, ...told } = explainFailure({
    source: universe,
    roots: universe.roots,
    core: { facts: failed.core, minimal: failed.minimal },
    labels: labelsOf(universe, given),
    given,
    isAnswer: (ids) => isWhole(universe, ids),
  })
  return { kind: 'failed', reason: 'conflict', hints: [], ...told }
}

const wantVerbs = { one: 'want', several: 'want' }

function labelsOf(universe: RezUniverse, given: readonly Dependency[] = []): Labels {
  return {
    scheme: 'rez',
    nameOf: (id) => universe.nameOf(id),
    candidate: (id) => {
      const candidate = universe.candidate(id)
      const version = universe.packageFor(candidate)?.version ?? ''
      const variant = candidate.variant < 0 ? '' : `[${candidate.variant}]`
      return { version, key: parseVersion(version, 'rez').key, variant }
    },
    demand: (dependency) => {
      const said = universe.demandOf(dependency.origin).text()
      const { name, kind, versions, text } = parseRequirement(said, 'rez')
      const isWanted = kind === 'require' && given.includes(dependency)
      const lacking = lackingIn(universe, dependency)
      return { name, kind, versions, text, lacking, ...(isWanted && { verbs: wantVerbs }) }
    },
    tier: ({ from }) => (from === 'request' ? 0 : 2),
  }
}

/** Why nothing is left of a family that is there. */
function lackingIn(universe: RezUniverse, { package: id }: Dependency): string | undefined {
  const { size, sources } = universe.family(id)
  const families = sources.filter((family) => family !== undefined)
  if (size > 0 || families.length === 0) return undefined
  const isEmpty = families.every((family) => family.size === 0)
  return isEmpty
    ? 'none of its definitions could be read'
    : 'all its versions are left out, by a date or by a package filter'
}

/** Whether an answer has neither a circle nor a family that is nowhere. */
function isWhole(universe: RezUniverse, ids: readonly CandidateId[]): boolean {
  const candidates = ids.map(universe.candidate)
  const isReal = candidates.every(({ kind }) => kind !== 'phantom')
  return isReal && findCycle(chosenIn(universe, candidates)) === undefined
}

/** Makes the universe of a request again, with other requirements or without stand-ins. */
export type Remake = (request: readonly string[], phantoms: boolean) => RezUniverse

interface Answer {
  readonly universe: RezUniverse
  /** What was chosen, and is no answer. */
  readonly candidates: readonly RezCandidate[]
  /** Merged, in Rez's syntax. */
  readonly request: readonly string[]
  /** That one of them which is not given up. */
  readonly wanted?: Requirement | undefined
  readonly remake: Remake
}

/** Families that are nowhere, and that the best answer would need. */
export function explainMissing(answer: Answer, known: readonly string[]): RezFailure {
  const { universe, candidates, request, wanted, remake } = answer
  const real = remake(request, false)
  const failed = solve(real, real.roots, { polishBudget: 0 })
  const missing = candidates.flatMap(({ kind, family }) =>
    kind === 'phantom' ? [universe.nameOf(family)] : [],
  )
  const told =
    failed.kind === 'unsolvable' ? explainConflict(real, failed, wanted) : wantedBy(answer, missing)
  const near = new Map(missing.map((name) => [name, didYouMean(name, known)]))
  return {
    ...told,
    kind: 'failed',
    reason: 'missing-family',
    fixes: [...renamed(answer, near), ...told.fixes],
    hints: [...near.values()].flatMap((name) =>
      name === undefined ? [] : [`Did you mean '${name}'?`],
    ),
  }
}

/** The request with misspelt names mended, when that is all it takes. */
function renamed(
  { request, remake }: Answer,
  near: ReadonlyMap<string, string | undefined>,
): readonly Fix[] {
  const changes: { change: 'replace'; requirement: string; with: string }[] = []
  const mended = request.map((text) => {
    const requirement = parseRequirement(text, 'rez')
    const name = near.get(requirement.name)
    if (name === undefined) return text
    const sign = text.slice(0, text.length - text.replace(/^[!~]/, '').length)
    const other = sign + name + text.slice(sign.length + requirement.name.length)
    changes.push({ change: 'replace', requirement: text, with: other })
    return other
  })
  if (changes.length === 0) return []
  const words = changes.map((change) => `${change.with} instead of ${change.requirement}`)
  return tried(remake(mended, true), { changes, text: `ask for ${words.join(' and for ')}` })
}

function tried(universe: RezUniverse, idea: Pick<Fix, 'changes' | 'text'>): readonly Fix[] {
  const { roots } = universe
  const asked = roots.filter(({ needed }) => needed).map((root) => universe.nameOf(root.package))
  return fixByRequest(contextOf(universe, labelsOf(universe)), {
    ...idea,
    roots,
    about: { asked, named: new Set() },
    isAnswer: (ids) => isWhole(universe, ids),
  })
}

/** What the best answer wants of families that are nowhere, although there are other answers. */
function wantedBy(answer: Answer, missing: readonly string[]): Explanation {
  const { universe, candidates } = answer
  const wanting = candidates.filter((one) =>
    universe.requiresOf(one).some(({ kind, name }) => kind === 'require' && missing.includes(name)),
  )
  const causes = wanting.map((one) => {
    const { facts, names, text } = needsOf(universe, one, (name) => missing.includes(name))
    return {
      facts,
      sentences: [
        `${capital(chainTo(answer, one))}.`,
        `${text}, but there is no package called ${names}, and Rez does not try another one.`,
      ],
    }
  })
  const sentences = causes.flatMap((cause) => cause.sentences)
  return { sentences, causes, fixes: excluding(answer, wanting) }
}

/** A circle between chosen packages: their places, the first again at the end. */
export function explainCycle(answer: Answer, cycle: readonly number[]): RezFailure {
  const { universe, candidates } = answer
  const shown = cycle.flatMap((place) => candidates[place] ?? [])
  const members = shown.slice(0, -1)
  const facts = members.flatMap((one, at) => {
    const next = universe.nameOf(shown[at + 1]?.family ?? -1)
    return needsOf(universe, one, (name) => name === next).facts
  })
  const [first] = members
  const circle = shown.map((one) => labelOf(universe, one)).join(' --> ')
  const sentences = [
    ...(first === undefined ? [] : [`${capital(chainTo(answer, first))}.`]),
    `Packages need each other in a circle, which Rez refuses: ${circle}.`,
  ]
  const causes = [{ facts, sentences }]
  const excluded = excluding(answer, members)
  const fixes = excluded.length > 0 ? excluded : asking(answer, members)
  return { kind: 'failed', reason: 'cycle', hints: [], sentences, causes, fixes }
}

const membersTried = 6

/** Fixes that exclude one of these packages, where that leads to an answer. */
function excluding(answer: Answer, candidates: readonly RezCandidate[]): readonly Fix[] {
  const { universe, request, remake } = answer
  return candidates.slice(0, membersTried).flatMap((one) => {
    const { version = '' } = universe.packageFor(one) ?? {}
    const name = universe.nameOf(one.family)
    const requirement = version === '' ? `!${name}` : `!${name}==${version}`
    const changes = [{ change: 'add' as const, requirement }]
    return tried(remake([...request, requirement], true), { changes, text: `add ${requirement}` })
  })
}

/** Fixes that ask for another version of one of these packages, the newest that helps. */
function asking(answer: Answer, candidates: readonly RezCandidate[]): readonly Fix[] {
  const { universe, request, remake } = answer
  return candidates.flatMap((one) => {
    const name = universe.nameOf(one.family)
    const place = request.findIndex((text) => parseRequirement(text, 'rez').name === name)
    const before = request[place]
    if (before === undefined) return []
    const own = universe.packageFor(one)?.version
    const ids = universe.candidates(one.family)
    const versions = new Set(
      ids.map((id) => universe.packageFor(universe.candidate(id))?.version ?? ''),
    )
    for (const version of [...versions].filter((text) => text !== own).slice(0, versionsTried)) {
      const requirement = `${name}==${version}`
      const changes = [{ change: 'replace' as const, requirement: before, with: requirement }]
      const text = `ask for ${requirement} instead of ${before}`
      const found = tried(remake(request.with(place, requirement), true), { changes, text })
      if (found.length > 0) return found
    }
    return []
  })
}

const versionsTried = 8

function needsOf(universe: RezUniverse, candidate: RezCandidate, about: (name: string) => boolean) {
  const own = universe
    .requiresOf(candidate)
    .filter((one) => one.kind === 'require' && about(one.name))
  const name = universe.nameOf(candidate.family)
  const from = { name, versions: [universe.packageFor(candidate)?.version ?? ''] }
  const what = own.map((one) => one.text()).join(' and ')
  return {
    facts: own.map((one) => ({ from, requirement: one.text(), kind: one.kind })),
    names: own.map((one) => one.name).join(', '),
    text: `${labelOf(universe, candidate)} needs ${what}`,
  }
}

/** «you ask for a, which needs b-2», the shortest way to a chosen package. */
function chainTo({ universe, candidates }: Answer, wanted: RezCandidate): string {
  const byName = new Map(candidates.map((one) => [universe.nameOf(one.family), one]))
  const chains = new Map<RezCandidate, string>()
  const queue: RezCandidate[] = []
  const reach = ({ name, kind, text }: Demand, start: string): void => {
    const candidate = byName.get(name)
    if (kind !== 'require' || candidate === undefined || chains.has(candidate)) return
    chains.set(candidate, `${start} ${text()}`)
    queue.push(candidate)
  }
  for (const { origin } of universe.roots) reach(universe.demandOf(origin), 'you ask for')
  for (const candidate of queue)
    for (const next of universe.requiresOf(candidate))
      reach(next, `${chains.get(candidate)}, which needs`)
  return chains.get(wanted) ?? ''
}

function labelOf(universe: RezUniverse, candidate: RezCandidate): string {
  const version = universe.packageFor(candidate)?.version ?? ''
  const variant = candidate.variant < 0 ? '' : `[${candidate.variant}]`
  const name = universe.nameOf(candidate.family)
  return `${name}${version === '' ? '' : `-${version}`}${variant}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
