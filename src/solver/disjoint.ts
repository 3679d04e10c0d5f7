/**
 * Separate causes: minimal cores of one problem that share no fact.
 *
 * The facts of one core are left out and what is left is searched for the next, until it can be
 * solved.
 * Invariant: every cause is impossible by itself, minimal where it says so, and no fact is in two
 * of them but those that were `given`.
 */
import { minimise } from './core.ts'
import { type CandidateId, type CoreFact, type Dependency, withoutObjections } from './source.ts'
import { type Effort, isSameDemand, type Variation, varied, verdictOf } from './verdict.ts'

export interface Cause {
  readonly facts: readonly CoreFact[]
  /** Whether dropping any one fact makes the rest solvable. */
  readonly minimal: boolean
}

export interface Causes {
  readonly causes: readonly Cause[]
  /** False when there may be more: the effort or the number of causes was used up. */
  readonly complete: boolean
}

export interface CauseOptions {
  readonly effort: Effort
  /** Demands of the request that hold come what may: they take part in every cause. */
  readonly given?: readonly Dependency[]
  readonly causesMax: number
}

/** Causes of an impossible problem beside the first one. */
export function separateCauses(
  problem: Variation,
  first: Cause,
  { effort, given = [], causesMax }: CauseOptions,
): Causes {
  const plain = { ...problem, source: withoutObjections(problem.source) }
  const causes = [first]
  for (;;) {
    const found = causes.flatMap(({ facts }) => facts)
    const verdict = verdictOfRest(plain, found, { given, effort })
    if (verdict.kind === 'solved') return { causes, complete: true }
    if (verdict.kind === 'spent' || causes.length >= causesMax) return { causes, complete: false }
    const minimal = finished(minimise(problem.source, verdict.core))
    // What is given alone was never possible: there is one cause, and it was found first.
    if (minimal.core.every((fact) => isGiven(fact, given))) return { causes, complete: true }
    causes.push({ facts: minimal.core, minimal: minimal.minimal })
  }
}

function verdictOfRest(
  problem: Variation,
  found: readonly CoreFact[],
  { given, effort }: { readonly given: readonly Dependency[]; readonly effort: Effort },
) {
  const out = new Map<CandidateId | 'request', Dependency[]>()
  for (const fact of found)
    if (!isGiven(fact, given)) out.set(fact.from, [...(out.get(fact.from) ?? []), fact.dependency])
  const touched = new Set([...out.keys()].filter((from) => from !== 'request'))
  const isOut = (from: CandidateId | 'request', own: Dependency): boolean =>
    out.get(from)?.some((other) => isSameDemand(own, other)) === true
  const keepsGiven = (from: CandidateId | 'request', own: Dependency): boolean =>
    from === 'request' && given.includes(own)
  const rest = varied(
    problem,
    (from, own) => (isOut(from, own) && !keepsGiven(from, own) ? undefined : own),
    touched,
  )
  return verdictOf(rest.source, rest.roots, effort)
}

function isGiven({ from, dependency }: CoreFact, given: readonly Dependency[]): boolean {
  return from === 'request' && given.includes(dependency)
}

function finished<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
