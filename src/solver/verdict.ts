/**
 * Answers to many variations of one problem: solvable or not, within a shared effort.
 *
 * Invariant: an effort that ran out gives `spent`, never a verdict. The effort is counted in steps
 * of the search, so the outcome is the same on every machine.
 * Not here: preferences below the roots, minimal cores (`core.ts`).
 */
import { coreOf } from './core.ts'
import { sliceConflicts } from './polish.ts'
import { advance, assertRoots, byActivity, chosenInOrder, searchOf } from './search.ts'
import type { CandidateId, CoreFact, Dependency, PackageSource } from './source.ts'

/** What may still be spent, in steps; shared by all that is tried, and used up by it. */
export interface Effort {
  left: number
}

export type Verdict =
  | { readonly kind: 'solved'; readonly candidates: readonly CandidateId[] }
  /** With facts that cannot hold together; not minimal. */
  | { readonly kind: 'impossible'; readonly core: readonly CoreFact[] }
  | { readonly kind: 'spent' }

/** Steps that looking at a candidate costs on top of what the search counts. */
const variableSteps = 2

/** The first answer, whose roots are the best possible, or why there is none. */
export function verdictOf(
  source: PackageSource,
  roots: readonly Dependency[],
  effort: Effort,
): Verdict {
  const search = searchOf(source, roots)
  const { state } = search
  let outcome = assertRoots(search) ? 'paused' : 'impossible'
  while (outcome === 'paused' && spentOn(state) < effort.left)
    outcome = advance(search, byActivity, sliceConflicts)
  effort.left -= spentOn(state)
  if (outcome === 'impossible') return { kind: 'impossible', core: coreOf(search) }
  if (outcome === 'paused') return { kind: 'spent' }
  const candidates = chosenInOrder(search).map((variable) => state.problem.candidate[variable]!)
  return { kind: 'solved', candidates }
}

function spentOn({ steps, problem }: ReturnType<typeof searchOf>['state']): number {
  return steps + variableSteps * problem.owner.length
}

/** Whether two demands say the same, as far as a search can tell. */
export function isSameDemand(a: Dependency, b: Dependency): boolean {
  if (a.package !== b.package || a.needed !== b.needed) return false
  const [ours, theirs] = [a.allowed, b.allowed]
  if (ours === theirs) return true
  if (Array.isArray(ours) && Array.isArray(theirs) && ours.length !== theirs.length) return false
  const [left, right] = [new Set(ours), new Set(theirs)]
  return left.size === right.size && left.isSubsetOf(right)
}

/** A problem as it would be if some of its demands were others, or were not. */
export interface Variation {
  readonly source: PackageSource
  readonly roots: readonly Dependency[]
}

/**
 * The problem with its demands put through `change`, which gives undefined for one that is left
 * out. Each candidate is looked at once.
 */
export function varied(
  { source, roots }: Variation,
  change: (from: CandidateId | 'request', dependency: Dependency) => Dependency | undefined,
  touched: ReadonlySet<CandidateId>,
): Variation {
  const changed = new Map<CandidateId, readonly Dependency[]>()
  return {
    roots: roots.flatMap((root) => change('request', root) ?? []),
    source: {
      candidates: (id) => source.candidates(id),
      packageOf: (id) => source.packageOf(id),
      gradeOf: source.gradeOf,
      objectionTo: source.objectionTo,
      dependencies: (id) => {
        if (!touched.has(id)) return source.dependencies(id)
        const known = changed.get(id)
        if (known !== undefined) return known
        const made = source.dependencies(id).flatMap((one) => change(id, one) ?? [])
        changed.set(id, made)
        return made
      },
    },
  }
}
