/**
 * What a solver reads and what it gives back: ids, and nothing that knows what a package is.
 *
 * Invariant: ids are names only. No answer depends on their numeric order, on the order of the
 * ids in `allowed`, or on the order in which a source is asked; only the order of candidates
 * (best first), of dependencies and of roots carries meaning.
 */
export type PackageId = number
export type CandidateId = number

/** One demand of a candidate or of the request on a package. */
export interface Dependency {
  readonly package: PackageId
  /**
   * True: one of `allowed` must be chosen. False (weak and conflict): the package may be absent,
   * but if it is present it must be one of `allowed`.
   */
  readonly needed: boolean
  /** Share one object between equal demands: it is looked at once. */
  readonly allowed: ReadonlySet<CandidateId> | readonly CandidateId[]
  /** Opaque; comes back in explanations. */
  readonly origin: number
}

/** Asked lazily; must give the same answer every time. */
export interface PackageSource {
  /** All candidates of a package, best first; at most one of them is chosen. */
  candidates(id: PackageId): readonly CandidateId[]
  dependencies(id: CandidateId): readonly Dependency[]
  packageOf(id: CandidateId): PackageId
  /**
   * Whether a package is nothing that an answer would be larger for: a fact about the machine, a
   * name that others provide. Absent: none is.
   */
  isFree?(id: PackageId): boolean
  /**
   * Of packages at one distance from the request, the grades are decided before what is chosen
   * within a grade. Candidates of equal grade are neighbours. Absent: no two have the same.
   */
  readonly gradeOf?: ((id: CandidateId) => number) | undefined
  /**
   * What is wrong with an answer that meets all demands. Absent, or undefined: nothing. Must be
   * about the answer only, not about its order.
   */
  readonly objectionTo?: ((answer: readonly CandidateId[]) => Objection | undefined) | undefined
}

/** No answer holds `candidate` and none of `unless`, which are others of the answer's packages. */
export interface Objection {
  readonly candidate: CandidateId
  readonly unless: readonly CandidateId[]
}

/** The same demands and preferences, whatever the answer. */
export function withoutObjections(source: PackageSource): PackageSource {
  return {
    candidates: (id) => source.candidates(id),
    dependencies: (id) => source.dependencies(id),
    packageOf: (id) => source.packageOf(id),
    isFree: (id) => source.isFree?.(id) ?? false,
    gradeOf: source.gradeOf,
  }
}

export interface SolveOptions {
  readonly signal?: AbortSignal | undefined
  /** Conflicts before the search gives up with `budget`; unlimited when absent. */
  readonly conflictBudget?: number | undefined
  /**
   * Steps (variables whose consequences are drawn; some 20 000 in a millisecond) that may be spent
   * on each preference below the roots; past it the best answer so far stands and `optimal` is
   * false. 0 takes the first answer.
   */
  readonly polishBudget?: number | undefined
}

/** A demand that takes part in a conflict. */
export interface CoreFact {
  readonly from: CandidateId | 'request'
  readonly dependency: Dependency
}

export interface SolveWork {
  readonly decisions: number
  readonly conflicts: number
}

export type Solution =
  | {
      readonly kind: 'solved'
      /** Roots in request order, then what they need, breadth first. */
      readonly candidates: readonly CandidateId[]
      /** Whether every preference was proven; the roots' always is. */
      readonly optimal: boolean
      readonly work: SolveWork
    }
  | {
      readonly kind: 'unsolvable'
      /** Facts that cannot hold together; none where it is for an objection. */
      readonly core: readonly CoreFact[]
      /** What meets all demands, where there is an objection to every such answer. */
      readonly objectedTo?: readonly CandidateId[]
      /** Whether dropping any one fact makes the rest solvable. */
      readonly minimal: boolean
      readonly work: SolveWork
    }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'budget'; readonly conflicts: number }
