/**
 * Places where a problem may be changed, and the problem with some of them wide open.
 *
 * A place is one demand of the request, or the equal ones of a package's candidates: those are
 * opened at once, as that tells quickly whether a place is of use.
 * Not here: which places are tried together (`repairs.ts`).
 */
import type { CandidateId, CoreFact, Dependency, PackageId } from './source.ts'
import {
  type Effort,
  isSameDemand,
  type Variation,
  varied,
  type Verdict,
  verdictOf,
} from './verdict.ts'

/** One change: a demand also accepts some more candidates, or is not made at all. */
export interface Loosening {
  readonly fact: CoreFact
  /** What is let in, alike candidates first to last; undefined: the demand is left out. */
  readonly letIn: readonly CandidateId[] | undefined
}

/** A place for a change: one demand of the request, or equal ones of a package's candidates. */
export interface Place {
  readonly from: PackageId | 'request'
  readonly dependency: Dependency
  readonly how: 'let in' | 'leave out'
  readonly tier: number
  readonly facts: readonly CoreFact[]
}

/** A problem that is to be changed, and what is known of its ids. */
export interface Changeable {
  readonly problem: Variation
  readonly effort: Effort
  /** Where a fact may be changed: lower ones are preferred; undefined: nowhere. */
  readonly tier: (fact: CoreFact) => number | undefined
  /** All candidates of the demanded package, those first that are nearest to what is allowed. */
  readonly nearest: (dependency: Dependency) => readonly CandidateId[]
  /** Candidates that are let in together with this one, itself among them. */
  readonly alike: (id: CandidateId) => readonly CandidateId[]
}

/** Places in a cause, those first that are the better ones to change. */
export function placesOf(
  { problem, tier }: Changeable,
  facts: readonly CoreFact[],
): readonly Place[] {
  const places: (Place & { readonly facts: CoreFact[] })[] = []
  for (const fact of facts) {
    const at = tier(fact)
    if (at === undefined) continue
    const { dependency } = fact
    const from = ownerOf(problem, fact.from)
    const same = places.filter(
      (place) => place.from === from && isSameDemand(place.dependency, dependency),
    )
    for (const place of same) place.facts.push(fact)
    if (same.length > 0) continue
    const place = { from, dependency, tier: at, facts: [fact] }
    const all = problem.source.candidates(dependency.package)
    const exists = all.length > 0
    if (new Set(dependency.allowed).size < all.length) places.push({ ...place, how: 'let in' })
    const isAsked = from === 'request' && dependency.needed
    if (!exists || isAsked) places.push({ ...place, facts: [fact], how: 'leave out' })
  }
  return places.sort(byPreference)
}

export function byPreference(a: Place, b: Place): number {
  return a.tier - b.tier || (a.how === b.how ? 0 : a.how === 'let in' ? -1 : 1)
}

function ownerOf({ source }: Variation, from: CandidateId | 'request'): PackageId | 'request' {
  return from === 'request' ? from : source.packageOf(from)
}

/**
 * Answers the problem with these places wide open, the nearest candidates there preferred. A core
 * has only facts that were not changed for it.
 */
export function trial(work: Changeable, places: readonly Place[]): Verdict {
  const order = new Map<PackageId, readonly CandidateId[]>()
  const wanted: Dependency[] = []
  for (const { dependency, how } of places) {
    if (how === 'leave out' || order.has(dependency.package)) continue
    const allowed = work.nearest(dependency)
    order.set(dependency.package, allowed)
    wanted.push({ package: dependency.package, needed: true, allowed, origin: -1 })
  }
  const { source, roots, loosened } = wideOpen(work.problem, places)
  const ordered = {
    ...source,
    candidates: (id: PackageId) => order.get(id) ?? source.candidates(id),
  }
  const verdict = verdictOf(ordered, [...wanted, ...roots], work.effort)
  if (verdict.kind !== 'impossible') return verdict
  const isChanged = ({ dependency }: CoreFact) =>
    loosened.has(dependency) || wanted.includes(dependency)
  return { ...verdict, core: verdict.core.filter((fact) => !isChanged(fact)) }
}

/** The problem with these places wide open, and the demands that stand there. */
export function wideOpen(
  problem: Variation,
  places: readonly Place[],
): Variation & { readonly loosened: ReadonlySet<Dependency> } {
  const loosened = new Set<Dependency>()
  const touched = new Set(
    places.flatMap(({ from }) => (from === 'request' ? [] : problem.source.candidates(from))),
  )
  const open = varied(
    problem,
    (from, own) => {
      const owner = ownerOf(problem, from)
      const place = places.find((one) => one.from === owner && isSameDemand(one.dependency, own))
      if (place === undefined) return own
      if (place.how === 'leave out') return undefined
      const made = { ...own, allowed: problem.source.candidates(own.package) }
      loosened.add(made)
      return made
    },
    touched,
  )
  return { ...open, loosened }
}

/** What an answer of a trial makes use of. */
export function changesIn(
  work: Changeable,
  places: readonly Place[],
  candidates: readonly CandidateId[],
): readonly Loosening[] {
  const { source } = work.problem
  const chosen = new Map(candidates.map((id) => [source.packageOf(id), id]))
  return places.flatMap(({ from, dependency, how, facts }): readonly Loosening[] => {
    const id = from === 'request' ? undefined : chosen.get(from)
    if (from !== 'request' && id === undefined) return []
    const own =
      id === undefined
        ? dependency
        : source.dependencies(id).find((one) => isSameDemand(one, dependency))
    if (own === undefined) return []
    const fact: CoreFact =
      id === undefined
        ? (facts[0] ?? { from: 'request', dependency })
        : { from: id, dependency: own }
    if (how === 'leave out') return [{ fact, letIn: undefined }]
    const answer = chosen.get(own.package)
    if (answer === undefined || [...own.allowed].includes(answer)) return []
    return [{ fact, letIn: work.alike(answer) }]
  })
}

export function keyOf({ from, dependency, how }: Place): string {
  return `${from}:${contentOf(dependency)}:${how}`
}

export function contentOf({ package: index, needed, allowed }: Dependency): string {
  return `${index}:${needed}:${[...allowed].sort((a, b) => a - b).join()}`
}
