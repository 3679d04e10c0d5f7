/**
 * Preferences below the roots: fewest further packages, then the newest of them.
 *
 * Fewest: searches with only those further packages allowed that are known to be necessary. Each
 * failure names packages of which one more has to be present; the smallest choice that meets all
 * such lists is allowed next, until there is an answer. As many as that are always needed, so that
 * answer has the fewest (implicit hitting sets: Davies and Bacchus, Solving MAXSAT by Solving a
 * Sequence of Simpler SAT Instances, 2011). Newest: searches under that number as a limit,
 * deciding breadth first with best candidates first; as for the roots, the first answer of that
 * search is the best, package by package in walking order.
 * Each may spend a number of steps, not of seconds, so that the answer is the same everywhere.
 * Invariant: what comes back is valid and keeps the candidates of the roots.
 */
import { assign, fit, isExtra, undo } from './assignment.ts'
import { smallestMeeting } from './hitting-set.ts'
import { addVariable } from './problem.ts'
import {
  advance,
  breadthFirst,
  byActivity,
  chosenInOrder,
  type Outcome,
  type Search,
  type Strategy,
} from './search.ts'

/** Conflicts between two looks at whether to go on. */
export const sliceConflicts = 32

export interface Polished {
  /** Variables of the answer, in walking order. */
  readonly answer: readonly number[]
  readonly optimal: boolean
}

/** Steps of the search (`Assignment.steps`) at which to stop. */
interface Budget {
  readonly until: number
}

/** Improves a finished search's answer; yields now and then so that it can be stopped. */
export function* polish(search: Search, steps: number): Generator<void, Polished> {
  const budget = { until: search.state.steps + steps }
  const first = chosenInOrder(search)
  pinRoots(search)
  const fewest = yield* withFewest(search, first, budget)
  if (extrasAreBest(search, fewest.answer)) return fewest
  limitTo(search, extrasOf(search, fewest.answer))
  const outcome = yield* spend(search, breadthFirst, { until: search.state.steps + steps })
  if (outcome !== 'solved') return { answer: fewest.answer, optimal: false }
  return { answer: chosenInOrder(search), optimal: fewest.optimal }
}

function* withFewest(
  search: Search,
  first: readonly number[],
  budget: Budget,
): Generator<void, Polished> {
  const lists: (readonly number[])[] = []
  let answer = first
  for (;;) {
    lists.push(...settled(search))
    const fewest = smallestMeeting(lists)
    if (fewest === undefined) return { answer, optimal: false }
    if (fewest.size === extrasOf(search, answer)) return { answer, optimal: true }
    // Every list that is found on the way is allowed whole, until there is an answer.
    const only = new Set(fewest)
    let outcome = yield* spendWith(search, only, budget)
    for (; outcome === 'impossible'; outcome = yield* spendWith(search, only, budget)) {
      const { lacking } = search.assumed
      lists.push(lacking)
      for (const index of lacking) only.add(index)
    }
    if (outcome === 'paused') return { answer, optimal: false }
    const found = chosenInOrder(search)
    if (extrasOf(search, found) < extrasOf(search, answer)) answer = found
    undo(search.state, 0)
  }
}

/** Packages that can no longer be absent, each as a list. */
function settled({ state }: Search): number[][] {
  undo(state, 0)
  const lists: number[][] = []
  state.problem.packages.forEach((row, index) => {
    if (state.value[row.absent] === -1 && isExtra(state, index)) lists.push([index])
  })
  return lists
}

function* spendWith(
  search: Search,
  only: ReadonlySet<number>,
  budget: Budget,
): Generator<void, Outcome> {
  undo(search.state, 0)
  search.assumed.only = only
  const outcome = yield* spend(search, byActivity, budget)
  search.assumed.only = undefined
  return outcome
}

function* spend(search: Search, strategy: Strategy, budget: Budget): Generator<void, Outcome> {
  while (search.state.steps < budget.until) {
    const outcome = advance(search, strategy, sliceConflicts)
    if (outcome !== 'paused') return outcome
    yield
  }
  return 'paused'
}

function extrasOf(search: Search, answer: readonly number[]): number {
  const { problem } = search.state
  return answer.filter((variable) => isExtra(search.state, problem.owner[variable]!)).length
}

function extrasAreBest(search: Search, answer: readonly number[]): boolean {
  const { problem } = search.state
  return answer
    .slice(search.rootPackages.length)
    .every((variable) => problem.packages[problem.owner[variable]!]!.first === variable)
}

/** Makes the roots' candidates facts; nothing below may change them. */
function pinRoots(search: Search): void {
  const { state } = search
  const pins = search.rootPackages.map((index) => state.chosen[index]!)
  undo(state, 0)
  for (const variable of pins) if (state.value[variable] === 0) assign(state, variable, 1, 0)
}

/** Assumes from now on that at most `limit` further packages are present. */
function limitTo(search: Search, limit: number): void {
  const { state } = search
  undo(state, 0)
  state.extras.assumption = addVariable(state.problem)
  state.extras.limit = limit
  fit(state)
}
