/**
 * Why a few facts cannot hold together, as steps that a person can follow.
 *
 * Each step says something about one package: it is asked for, or all that is left of another one
 * needs it, or some of its candidates are out because what they need is. Where that is not enough,
 * what is left of a package is tried one by one.
 * Invariant: the last steps together leave no candidate of their package; a step rests only on
 * earlier ones; every step given back is used.
 * Not here: words (`narrate.ts`).
 */
import type { CandidateId, CoreFact, Dependency, PackageId, PackageSource } from '#solver/index.ts'

export interface Step {
  readonly about: PackageId
  readonly kind: 'asked' | 'needed' | 'refused' | 'tried'
  /** The facts that it tells; none for what was tried. */
  readonly facts: readonly CoreFact[]
  /** Candidates of the package that it excludes. */
  readonly out: ReadonlySet<CandidateId>
  /** What it rests on: of `needed` whose candidates ask, of `refused` what they ask for. */
  readonly because: Known | undefined
  /** Of `tried`: how trying these candidates fails. */
  readonly failure?: Known | undefined
}

/** What is known of a package at some point. */
export interface Known {
  readonly package: PackageId
  readonly steps: readonly Step[]
}

interface Event extends Omit<Step, 'because'> {
  readonly at: number
  /** The other package that it is about. */
  readonly other: PackageId | undefined
  /** Whether the package is present because of it. */
  readonly gives: boolean
}

interface State {
  readonly source: PackageSource
  readonly edges: ReadonlyMap<CandidateId, readonly CoreFact[]>
  readonly allowed: Map<Dependency, ReadonlySet<CandidateId>>
  readonly left: Map<PackageId, Set<CandidateId>>
  readonly present: Set<PackageId>
  readonly events: Event[]
  readonly budget: { left: number }
}

/** Looks at facts, before a derivation that grows without end is given up. */
const budgetMax = 20_000

/** The end of a derivation from facts that cannot hold together; undefined when it is too long. */
export function derive(source: PackageSource, facts: readonly CoreFact[]): Known | undefined {
  const state: State = {
    source,
    edges: Map.groupBy(
      facts.filter(({ from }) => from !== 'request'),
      ({ from }) => Number(from),
    ),
    allowed: new Map(),
    left: new Map(),
    present: new Set(),
    events: [],
    budget: { left: budgetMax },
  }
  for (const fact of facts.filter(({ from }) => from === 'request')) {
    const empty = ask(state, fact)
    if (empty !== undefined) return knownAt(state, empty)
  }
  const failed = run(state)
  return failed === undefined ? undefined : knownAt(state, failed)
}

function knownAt(state: State, about: PackageId): Known {
  const query = { about, before: state.events.length, present: true }
  return { package: about, steps: stepsFor(state, query, allOf(state, about)) }
}

function allOf({ source }: State, id: PackageId): ReadonlySet<CandidateId> {
  return new Set(source.candidates(id))
}

function leftOf(state: State, id: PackageId): Set<CandidateId> {
  const known = state.left.get(id)
  if (known !== undefined) return known
  const all = new Set(state.source.candidates(id))
  state.left.set(id, all)
  return all
}

function allowedBy(state: State, dependency: Dependency): ReadonlySet<CandidateId> {
  const known = state.allowed.get(dependency)
  if (known !== undefined) return known
  const made = new Set(dependency.allowed)
  state.allowed.set(dependency, made)
  return made
}

type Found = Omit<Event, 'at'>

/** Notes an event; gives its package when nothing is left of it. */
function note(state: State, event: Found): PackageId | undefined {
  state.events.push({ ...event, at: state.events.length })
  const left = leftOf(state, event.about)
  for (const id of event.out) left.delete(id)
  if (event.gives) state.present.add(event.about)
  const isEmpty = left.size === 0 && state.present.has(event.about)
  return isEmpty ? event.about : undefined
}

function ask(state: State, fact: CoreFact): PackageId | undefined {
  const { package: about, needed } = fact.dependency
  const out = minus(leftOf(state, about), allowedBy(state, fact.dependency))
  const base = { about, kind: 'asked', facts: [fact], other: undefined } as const
  return note(state, { ...base, out, gives: needed })
}

function minus(all: Iterable<CandidateId>, but: ReadonlySet<CandidateId>): Set<CandidateId> {
  return new Set([...all].filter((id) => !but.has(id)))
}

/** Draws consequences until nothing is left of a package. */
function run(state: State): PackageId | undefined {
  for (;;) {
    const event = nextNeeded(state) ?? nextRefused(state) ?? nextTried(state)
    if (event === undefined) return undefined
    const empty = note(state, event)
    if (empty !== undefined) return empty
  }
}

/** What all that is left of a present package says about another package. */
function nextNeeded(state: State): Found | undefined {
  for (const other of state.present) {
    const asking = [...leftOf(state, other)]
    const facts = asking.map((id) => state.edges.get(id) ?? [])
    for (const about of new Set(facts.flat().map(({ dependency }) => dependency.package))) {
      const event = neededBy(state, { about, other, facts })
      if (event !== undefined) return event
    }
  }
  return undefined
}

function neededBy(
  state: State,
  from: {
    readonly about: PackageId
    readonly other: PackageId
    /** By candidate that is left of `other`. */
    readonly facts: readonly (readonly CoreFact[])[]
  },
): Found | undefined {
  const { about, other } = from
  const own = from.facts.map((facts) => facts.filter((fact) => fact.dependency.package === about))
  state.budget.left -= own.length
  if (own.some((facts) => facts.length === 0)) return undefined
  const gives = own.every((facts) => facts.some(({ dependency }) => dependency.needed))
  const wasPresent = state.present.has(about)
  if (!gives && !wasPresent) return undefined
  const accepted = new Set(own.flatMap((facts) => [...meeting(state, about, facts)]))
  const out = minus(leftOf(state, about), accepted)
  if (out.size === 0 && wasPresent) return undefined
  return { about, kind: 'needed', facts: own.flat(), out, other, gives }
}

/** Candidates of a package that all of these facts accept. */
function meeting(state: State, about: PackageId, facts: readonly CoreFact[]): CandidateId[] {
  const sets = facts.map(({ dependency }) => allowedBy(state, dependency))
  return [...leftOf(state, about)].filter((id) => sets.every((set) => set.has(id)))
}

/** Candidates of a present package that are out because nothing is left of what they need. */
function nextRefused(state: State): Found | undefined {
  for (const about of state.present) {
    const refused = new Map<PackageId, CoreFact[]>()
    for (const id of leftOf(state, about))
      for (const fact of state.edges.get(id) ?? []) {
        state.budget.left -= 1
        if (!cannotHold(state, fact.dependency)) continue
        const other = fact.dependency.package
        const known = refused.get(other)
        if (known === undefined) refused.set(other, [fact])
        else known.push(fact)
      }
    for (const [other, facts] of refused) {
      const out = new Set(facts.map(({ from }) => Number(from)))
      return { about, kind: 'refused', facts, out, other, gives: false }
    }
  }
  return undefined
}

function cannotHold(state: State, dependency: Dependency): boolean {
  if (!dependency.needed && !state.present.has(dependency.package)) return false
  return leftOf(state, dependency.package).isDisjointFrom(allowedBy(state, dependency))
}

/** Tries what is left of the package with the fewest different candidates. */
function nextTried(state: State): Found | undefined {
  let fewest: { readonly about: PackageId; readonly groups: readonly CandidateId[][] } | undefined
  for (const about of state.present) {
    const groups = alikeIn(state, about)
    if (groups.length > 1 && groups.length < (fewest?.groups.length ?? Infinity))
      fewest = { about, groups }
  }
  const [first] = fewest?.groups ?? []
  if (fewest === undefined || first === undefined || state.budget.left <= 0) return undefined
  const { about } = fewest
  const others = minus(leftOf(state, about), new Set(first))
  const trial = copyOf(state)
  note(trial, { about, kind: 'tried', facts: [], out: others, other: undefined, gives: false })
  const failed = run(trial)
  if (failed === undefined) return undefined
  const failure = knownAt(trial, failed)
  const base = { about, kind: 'tried', facts: [], other: undefined, gives: false } as const
  return { ...base, out: new Set(first), failure }
}

/** What is left of a package, in groups that the facts make no difference between. */
function alikeIn(state: State, about: PackageId): CandidateId[][] {
  const demands = [...state.allowed.keys()].filter((one) => one.package === about)
  const numbers = new Map<unknown, number>()
  const nameOf = ({ allowed, needed }: Dependency): string => {
    const number = numbers.get(allowed) ?? numbers.size
    numbers.set(allowed, number)
    return needed ? `${number}` : `~${number}`
  }
  const groups = Map.groupBy(leftOf(state, about), (id) => {
    const own = (state.edges.get(id) ?? []).map(({ dependency }) => nameOf(dependency))
    state.budget.left -= own.length + 1
    const accepted = demands.map((one) => (allowedBy(state, one).has(id) ? 1 : 0))
    return `${accepted.join('')} ${own.join('|')}`
  })
  return [...groups.values()]
}

function copyOf(state: State): State {
  return {
    ...state,
    left: new Map([...state.left].map(([id, left]) => [id, new Set(left)])),
    present: new Set(state.present),
    events: [...state.events],
  }
}

interface Query {
  readonly about: PackageId
  /** Only what was known before this event. */
  readonly before: number
  /** Whether it matters that the package is present. */
  readonly present: boolean
}

/** The fewest events about a package that exclude these candidates, as steps. */
function stepsFor(
  state: State,
  { about, before, present }: Query,
  excluded: ReadonlySet<CandidateId>,
): readonly Step[] {
  let used = state.events.filter((event) => event.about === about && event.at < before)
  const suffices = (events: readonly Event[]): boolean =>
    (!present || events.some(({ gives }) => gives)) &&
    [...excluded].every((id) => events.some(({ out }) => out.has(id)))
  for (const event of used.toReversed()) {
    const fewer = used.filter((one) => one !== event)
    if (suffices(fewer)) used = fewer
  }
  return used.map((event) => stepOf(state, event))
}

function stepOf(state: State, event: Event): Step {
  const { about, kind, facts, out, other, failure } = event
  const step = { about, kind, facts, out, because: undefined, ...(failure && { failure }) }
  if (other === undefined) return step
  const query = { about: other, before: event.at }
  if (kind === 'refused') {
    const wanted = facts.flatMap(({ dependency }) => [...allowedBy(state, dependency)])
    const steps = stepsFor(state, { ...query, present: true }, new Set(wanted))
    const none = wanted.length === 0 && facts.every(({ dependency }) => dependency.needed)
    return { ...step, because: { package: other, steps: none ? [] : steps } }
  }
  const asking = new Set(facts.map(({ from }) => Number(from)))
  const excluded = minus(allOf(state, other), asking)
  const steps = stepsFor(state, { ...query, present: true }, excluded)
  return { ...step, because: { package: other, steps } }
}
