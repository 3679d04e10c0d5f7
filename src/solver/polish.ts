/**
 * Preferences below the roots: fewest further packages, then the newest of them.
 *
 * Fewest: searches again under ever smaller limits until one is impossible. Newest: searches
 * under the smallest limit, deciding breadth first with best candidates first; as for the roots,
 * the first answer of that search is the best, package by package in walking order.
 * Each may spend a number of steps, not of seconds, so that the answer is the same everywhere.
 * Invariant: what comes back is valid and keeps the candidates of the roots.
 */
import { addVariable } from './problem.ts'
import { assign, fit, storeClause, undo, watch } from './assignment.ts'
import { advance, breadthFirst, byActivity, chosenInOrder, type Search } from './search.ts'
import type { Outcome, Strategy } from './search.ts'

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
  let answer = first
  for (let count = extrasOf(search, answer); count > 0; count = extrasOf(search, answer)) {
    limitTo(search, count - 1)
    const outcome = yield* spend(search, byActivity, budget)
    if (outcome === 'paused') return { answer, optimal: false }
    if (outcome === 'impossible') break
    answer = chosenInOrder(search)
  }
  return { answer, optimal: true }
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
  return answer.length - search.rootPackages.length
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

/** Assumes that at most `limit` further packages are present. A smaller limit implies a larger. */
function limitTo(search: Search, limit: number): void {
  const { state } = search
  const { extras } = state
  undo(state, 0)
  const variable = addVariable(state.problem)
  fit(state)
  const tighter = extras.assumption >= 0 && limit <= extras.limit
  if (tighter) watch(state, storeClause(state, [2 * variable + 1, 2 * extras.assumption]))
  extras.assumption = variable
  extras.limit = limit
}
