/**
 * The whole of a solve: search, then polish the answer or explain that there is none.
 *
 * Invariant: giving up (cancelled, budget) is never reported as `unsolvable`, and running out of
 * the polish budget never loses an answer.
 */
import { coreOf, minimise } from './core.ts'
import { polish, sliceConflicts } from './polish.ts'
import { advance, assertRoots, byActivity, chosenInOrder, type Search, searchOf } from './search.ts'
import {
  type Dependency,
  type PackageSource,
  type Solution,
  type SolveOptions,
  type SolveWork,
  withoutObjections,
} from './source.ts'

const polishStepsDefault = 100_000

/** Solves in one go, on this thread. */
export function solve(
  source: PackageSource,
  roots: readonly Dependency[],
  options: SolveOptions = {},
): Solution {
  const steps = solving(source, roots, options)
  for (;;) {
    if (options.signal?.aborted) return { kind: 'cancelled' }
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Solves in slices, so that signals and timers are heard in between. */
export async function solveInSlices(
  source: PackageSource,
  roots: readonly Dependency[],
  options: SolveOptions = {},
): Promise<Solution> {
  const steps = solving(source, roots, options)
  for (;;) {
    if (options.signal?.aborted) return { kind: 'cancelled' }
    const step = steps.next()
    if (step.done) return step.value
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function* solving(
  source: PackageSource,
  roots: readonly Dependency[],
  options: SolveOptions,
): Generator<void, Solution> {
  const search = searchOf(source, roots)
  const failed = { source, roots, options, search }
  if (!assertRoots(search)) return yield* explained(failed)
  const budget = options.conflictBudget ?? Number.POSITIVE_INFINITY
  for (;;) {
    const slice = Math.min(sliceConflicts, budget - search.conflicts)
    if (slice <= 0) return { kind: 'budget', conflicts: search.conflicts }
    const outcome = advance(search, byActivity, slice)
    if (outcome === 'solved') return yield* finished(search, options)
    if (outcome === 'impossible') return yield* explained(failed)
    yield
  }
}

function* finished(search: Search, options: SolveOptions): Generator<void, Solution> {
  const budget = options.polishBudget ?? polishStepsDefault
  const { answer, optimal } =
    budget > 0 ? yield* polish(search, budget) : { answer: chosenInOrder(search), optimal: false }
  const candidates = answer.map((variable) => search.state.problem.candidate[variable] ?? -1)
  return { kind: 'solved', candidates, optimal, work: workOf(search) }
}

interface Failed {
  readonly source: PackageSource
  readonly roots: readonly Dependency[]
  readonly options: SolveOptions
  readonly search: Search
}

/** Objections are no facts: where they took part, the demands are looked at without them. */
function* explained({ source, roots, options, search }: Failed): Generator<void, Solution> {
  if (search.objections > 0) {
    const plain = yield* solving(withoutObjections(source), roots, options)
    if (plain.kind !== 'solved') return plain
    const { candidates: objectedTo, work } = plain
    return { kind: 'unsolvable', core: [], minimal: false, objectedTo, work }
  }
  const work = workOf(search)
  const { core, minimal } = yield* minimise(source, coreOf(search))
  return { kind: 'unsolvable', core, minimal, work }
}

function workOf({ decisions, conflicts }: Search): SolveWork {
  return { decisions, conflicts }
}
