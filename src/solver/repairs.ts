/**
 * Repairs: few demands whose loosening makes an impossible problem solvable, best first.
 *
 * Every repair has to loosen something in each of the separate causes, so those are what is tried:
 * places wide open first, and then exactly the demand that the answer broke, by exactly what it
 * needed. One place at a time, then two; where no two are enough, as many as it takes.
 * Order: fewest changes, the lowest tier, letting in before leaving out, the smallest loosening,
 * the best candidates for the roots.
 * Invariant: every repair was solved again with nothing but its changes, and `candidates` is that
 * answer. An effort that runs out ends the search for more (`complete` is false).
 */
import {
  byPreference,
  type Changeable,
  changesIn,
  contentOf,
  keyOf,
  type Loosening,
  type Place,
  placesOf,
  trial,
  wideOpen,
} from './places.ts'
import type { CandidateId, CoreFact, Dependency } from './source.ts'
import { isSameDemand, type Variation, varied, verdictOf } from './verdict.ts'

export interface Repair {
  readonly changes: readonly Loosening[]
  /** The answer of the changed problem: roots in request order, then what they need. */
  readonly candidates: readonly CandidateId[]
}

export interface RepairOptions extends Omit<Changeable, 'problem'> {
  readonly repairsMax: number
  /** Whether an answer is of use, where more counts than that all demands are met. */
  readonly isAnswer?: ((candidates: readonly CandidateId[]) => boolean) | undefined
}

export interface Repairs {
  readonly repairs: readonly Repair[]
  readonly complete: boolean
}

interface Work extends RepairOptions, Changeable {
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
  if (work.found.size === 0) tryMany(work, perCause)
  const repairs = [...work.found.values()].sort((a, b) => compareRepairs(work, a, b))
  return { repairs: repairs.slice(0, work.repairsMax), complete: work.effort.left > 0 }
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

/**
 * Looks for repairs of any number of changes where fewer were not enough: everything that stands in
 * the way is opened until there is an answer, then all is closed again that it can do without.
 */
function tryMany(work: Work, perCause: readonly (readonly Place[])[]): void {
  for (const first of perCause[0] ?? []) {
    if (work.effort.left <= 0 || work.found.size >= manyMax) return
    const few = closed(work, opened(work, first))
    if (few.length > 0 && few.length <= changesMax) tryPlaces(work, few)
  }
}

/** Repairs of many changes that are looked for, the changes of one, and the places opened for it. */
const manyMax = 3
const changesMax = 6
const openMax = 60

/** Places that an answer makes use of, this one open among others; none when there is no answer. */
function opened(work: Work, first: Place): readonly Place[] {
  const open = [first]
  for (;;) {
    // Of two places about one package the earlier one is kept as it is, where that can be.
    const worstFirst = open.slice(1).sort(byPreference).toReversed()
    const verdict = trial(work, [...worstFirst, first])
    if (verdict.kind === 'spent') return []
    if (verdict.kind === 'solved') {
      const { candidates } = verdict
      return open.filter((place) => changesIn(work, [place], candidates).length > 0)
    }
    const known = new Set(open.map(keyOf))
    for (const place of placesOf(work, verdict.core))
      if (!known.has(keyOf(place)) && asksFor(work, [...open, place])) open.push(place)
    if (open.length === known.size || open.length > openMax) return []
  }
}

/** Whether something is asked for that these places do not leave out. */
function asksFor({ problem }: Work, places: readonly Place[]): boolean {
  const out = places.filter(({ from, how }) => from === 'request' && how === 'leave out')
  return problem.roots.some(
    (root) => root.needed && !out.some(({ dependency }) => isSameDemand(dependency, root)),
  )
}

/** Without the places that there is an answer without, those closed first that are worse. */
function closed(work: Work, open: readonly Place[]): readonly Place[] {
  let few: readonly Place[] = open.toSorted(byPreference)
  for (;;) {
    const needless = few.findLast((place) => {
      const { source, roots } = wideOpen(work.problem, without(few, place))
      return verdictOf(source, roots, work.effort).kind === 'solved'
    })
    if (needless === undefined) return few
    few = without(few, needless)
  }
}

function without(places: readonly Place[], out: Place): readonly Place[] {
  return places.filter((one) => one !== out)
}

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

function nameOf({ fact: { from, dependency }, letIn }: Loosening): string {
  return `${from}:${contentOf(dependency)}:${letIn?.[0]}`
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
