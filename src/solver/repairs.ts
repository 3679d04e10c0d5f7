/**
 * Repairs: few demands whose loosening makes an impossible problem solvable, best first.
 *
 * Every repair has to loosen something in each of the separate causes, so those are what is tried:
 * equal demands of one package's candidates at once first, as that tells quickly whether a place
 * is of use, and then exactly the one that the answer broke, by exactly what it needed.
 * Order: fewest changes, the lowest tier, letting in before leaving out, the smallest loosening,
 * the best candidates for the roots.
 * Invariant: every repair was solved again with nothing but its changes, and `candidates` is that
 * answer. An effort that runs out ends the search for more (`complete` is false).
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

export interface Repair {
  readonly changes: readonly Loosening[]
  /** The answer of the changed problem: roots in request order, then what they need. */
  readonly candidates: readonly CandidateId[]
}

export interface RepairOptions {
  readonly effort: Effort
  readonly repairsMax: number
  /** Where a fact may be changed: lower ones are preferred; undefined: nowhere. */
  readonly tier: (fact: CoreFact) => number | undefined
  /** All candidates of the demanded package, those first that are nearest to what is allowed. */
  readonly nearest: (dependency: Dependency) => readonly CandidateId[]
  /** Candidates that are let in together with this one, itself among them. */
  readonly alike: (id: CandidateId) => readonly CandidateId[]
  /** Whether an answer is of use, where more counts than that all demands are met. */
  readonly isAnswer?: ((candidates: readonly CandidateId[]) => boolean) | undefined
}

export interface Repairs {
  readonly repairs: readonly Repair[]
  readonly complete: boolean
}

/** A place for a change: one demand of the request, or equal ones of a package's candidates. */
interface Place {
  readonly from: PackageId | 'request'
  readonly dependency: Dependency
  readonly how: 'let in' | 'leave out'
  readonly tier: number
  readonly facts: readonly CoreFact[]
}

interface Work extends RepairOptions {
  readonly problem: Variation
  readonly found: Map<string, Repair>
}

/** Repairs of a problem with these separate causes. */
export function repairsOf(
  problem: Variation,
  causes: readonly (readonly CoreFact[])[],
  options: RepairOptions,
): Repairs {
  const work: Work = { ...options, problem, found: new Map() }
  const perCause = causes.map((facts) => placesOf(work, facts))
  if (perCause.length === 1) {
    const [places = []] = perCause
    const left = tryEach(work, places)
    if (work.found.size === 0) tryPairs(work, left)
  } else tryTogether(work, perCause)
  const repairs = [...work.found.values()].sort((a, b) => compareRepairs(work, a, b))
  return { repairs: repairs.slice(0, work.repairsMax), complete: work.effort.left > 0 }
}

/** Places in a cause, those first that are the better ones to change. */
function placesOf({ problem, tier }: Work, facts: readonly CoreFact[]): readonly Place[] {
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
  return places.sort(
    (a, b) => a.tier - b.tier || (a.how === b.how ? 0 : a.how === 'let in' ? -1 : 1),
  )
}

function ownerOf({ source }: Variation, from: CandidateId | 'request'): PackageId | 'request' {
  return from === 'request' ? from : source.packageOf(from)
}

interface Failed {
  readonly place: Place
  readonly core: readonly CoreFact[]
}

/** Tries every place alone; gives those that were not enough, with what stood in the way. */
function tryEach(work: Work, places: readonly Place[]): readonly Failed[] {
  const failed: Failed[] = []
  const mended = new Set<Dependency>()
  for (const place of places) {
    if (work.effort.left <= 0 || work.found.size >= work.repairsMax) break
    // Where another version will do, nobody wants to hear that none would do too.
    if (place.how === 'leave out' && mended.has(place.dependency)) continue
    const before = work.found.size
    const core = tryPlaces(work, [place])
    if (core !== undefined) failed.push({ place, core })
    if (work.found.size > before) mended.add(place.dependency)
  }
  return failed
}

/** Tries two places: one that was not enough, and one of what stood in its way. */
function tryPairs(work: Work, failed: readonly Failed[]): void {
  const tried = new Set<string>()
  for (const { place, core } of failed)
    for (const other of placesOf(work, core)) {
      if (work.effort.left <= 0 || work.found.size >= work.repairsMax) return
      const name = [keyOf(place), keyOf(other)].sort().join('+')
      if (tried.has(name) || keyOf(place) === keyOf(other)) continue
      tried.add(name)
      tryPlaces(work, [place, other])
    }
}

/** Finds what helps each cause while the others are out of the way, and tries these together. */
function tryTogether(work: Work, perCause: readonly (readonly Place[])[]): void {
  const good = perCause.map((places, at) => {
    const others = perCause.flatMap((other, index) => (index === at ? [] : other))
    const helping: Place[] = []
    for (const place of places) {
      if (work.effort.left <= 0 || helping.length >= helpingMax) break
      if (trial(work, [place, ...others]).kind === 'solved') helping.push(place)
    }
    return helping
  })
  for (const places of combinations(good)) {
    if (work.effort.left <= 0 || work.found.size >= work.repairsMax) return
    tryPlaces(work, places)
  }
}

const helpingMax = 3

/** One place of each list, good ones first. */
function combinations(lists: readonly (readonly Place[])[]): readonly (readonly Place[])[] {
  let all: { readonly cost: number; readonly places: readonly Place[] }[] = [
    { cost: 0, places: [] },
  ]
  for (const list of lists)
    all = all
      .flatMap(({ cost, places }) =>
        list.map((place, rank) => ({ cost: cost + rank, places: [...places, place] })),
      )
      .sort((a, b) => a.cost - b.cost)
      .slice(0, combinationsMax)
  return all.map(({ places }) => places)
}

const combinationsMax = 12

/** Notes the repair that these places lead to; gives the core when they are not enough. */
function tryPlaces(work: Work, places: readonly Place[]): readonly CoreFact[] | undefined {
  const verdict = trial(work, places)
  if (verdict.kind === 'spent') return undefined
  if (verdict.kind === 'impossible') return verdict.core
  const changes = changesIn(work, places, verdict.candidates)
  const name = changes.map(nameOf).sort().join('+')
  if (changes.length < places.length || work.found.has(name)) return undefined
  const isExact = changes.length === 1 && (changes[0]?.letIn?.length ?? 1) === 1
  const repair = isExact ? answered(work, changes, verdict.candidates) : verified(work, changes)
  if (repair !== undefined && isNew(work, repair)) work.found.set(name, repair)
  return undefined
}

/** Whether it is not another repair of the same demands with the same answer. */
function isNew({ found }: Work, { changes, candidates }: Repair): boolean {
  const demands = (repair: Pick<Repair, 'changes'>) =>
    repair.changes.map(({ fact }) => `${fact.from}:${contentOf(fact.dependency)}`)
  const [own, answer] = [demands({ changes }).join('+'), new Set(candidates)]
  return ![...found.values()].some(
    (other) =>
      demands(other).join('+') === own &&
      other.candidates.length === answer.size &&
      answer.isSupersetOf(new Set(other.candidates)),
  )
}

/**
 * The problem with these places wide open, the nearest candidates there preferred. A core has only
 * facts that were not changed for it.
 */
function trial(work: Work, places: readonly Place[]): Verdict {
  const { problem } = work
  const order = new Map<PackageId, readonly CandidateId[]>()
  const wanted: Dependency[] = []
  for (const { dependency, how } of places) {
    if (how === 'leave out' || order.has(dependency.package)) continue
    const allowed = work.nearest(dependency)
    order.set(dependency.package, allowed)
    wanted.push({ package: dependency.package, needed: true, allowed, origin: -1 })
  }
  const opened = new Set(wanted)
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
      opened.add(made)
      return made
    },
    touched,
  )
  const source = {
    ...open.source,
    candidates: (id: PackageId) => order.get(id) ?? open.source.candidates(id),
  }
  const verdict = verdictOf(source, [...wanted, ...open.roots], work.effort)
  if (verdict.kind !== 'impossible') return verdict
  return { ...verdict, core: verdict.core.filter(({ dependency }) => !opened.has(dependency)) }
}

/** What an answer of a trial makes use of. */
function changesIn(
  work: Work,
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

/**
 * An answer of a trial as that of its one change. It makes no use of anything else that was open,
 * and what was preferred to the roots has to be just that, so its roots are the best there are.
 */
function answered(
  work: Work,
  changes: readonly Loosening[],
  candidates: readonly CandidateId[],
): Repair | undefined {
  const { source, roots } = work.problem
  const isLeftOut = (root: Dependency): boolean =>
    changes.some(({ fact, letIn }) => letIn === undefined && fact.dependency === root)
  const asked = roots.filter((root) => root.needed && !isLeftOut(root))
  if (asked.length === 0 || work.isAnswer?.(candidates) === false) return undefined
  const chosen = new Map(candidates.map((id) => [source.packageOf(id), id]))
  const first = asked.flatMap((root) => chosen.get(root.package) ?? [])
  return { changes, candidates: [...new Set([...first, ...candidates])] }
}

/** The problem solved again with these changes, and no others. */
function verified(work: Work, changes: readonly Loosening[]): Repair | undefined {
  const { problem } = work
  // A change to a candidate is one to all that are alike: `usd 24.3` is all of its variants.
  const changed = changes.map(({ fact, letIn }) => ({
    froms: fact.from === 'request' ? (['request'] as const) : work.alike(fact.from),
    dependency: fact.dependency,
    letIn,
  }))
  const { source, roots } = varied(
    problem,
    (from, own) => {
      const change = changed.find(
        ({ froms, dependency }) =>
          froms.some((one) => one === from) && isSameDemand(dependency, own),
      )
      if (change === undefined) return own
      if (change.letIn === undefined) return undefined
      return { ...own, allowed: [...own.allowed, ...change.letIn] }
    },
    new Set(changed.flatMap(({ froms }) => froms.filter((from) => from !== 'request'))),
  )
  // To ask for nothing at all is no repair.
  if (!roots.some(({ needed }) => needed)) return undefined
  const verdict = verdictOf(source, roots, work.effort)
  if (verdict.kind !== 'solved') return undefined
  if (work.isAnswer?.(verdict.candidates) === false) return undefined
  return { changes, candidates: verdict.candidates }
}

function keyOf({ from, dependency, how }: Place): string {
  return `${from}:${contentOf(dependency)}:${how}`
}

function nameOf({ fact: { from, dependency }, letIn }: Loosening): string {
  return `${from}:${contentOf(dependency)}:${letIn?.[0]}`
}

function contentOf({ package: index, needed, allowed }: Dependency): string {
  return `${index}:${needed}:${[...allowed].sort((a, b) => a - b).join()}`
}

function compareRepairs(work: Work, a: Repair, b: Repair): number {
  const [left, right] = [a, b].map(({ changes }) => ({
    tier: Math.max(...changes.map(({ fact }) => work.tier(fact) ?? 0)),
    out: changes.filter(({ letIn }) => letIn === undefined).length,
    width: changes.reduce((sum, change) => sum + widthOf(work, change), 0),
  }))
  if (left === undefined || right === undefined) return 0
  return (
    a.changes.length - b.changes.length ||
    left.tier - right.tier ||
    left.out - right.out ||
    left.width - right.width ||
    compareRoots(work, a, b)
  )
}

/** How many candidates lie between what was allowed and what is let in. */
function widthOf(work: Work, { fact, letIn }: Loosening): number {
  const [first] = letIn ?? []
  if (first === undefined) return 0
  const allowed = new Set(fact.dependency.allowed)
  const order = work.nearest(fact.dependency).filter((id) => !allowed.has(id))
  return order.indexOf(first)
}

function compareRoots({ problem }: Work, a: Repair, b: Repair): number {
  for (const { package: index } of problem.roots) {
    const all = problem.source.candidates(index)
    const [left, right] = [a, b].map(({ candidates }) => {
      const at = all.findIndex((id) => candidates.includes(id))
      return at < 0 ? all.length : at
    })
    if (left !== right) return (left ?? 0) - (right ?? 0)
  }
  return 0
}
