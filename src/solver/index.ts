/**
 * The solver room: which candidates satisfy a request, or which demands clash.
 *
 * Invariant: `solved` is valid and its roots are lexicographically the best possible;
 * `unsolvable` is proven. Giving up is neither: it is `cancelled` or `budget`.
 * Not here: names, versions, sentences (`#catalog`).
 */
export type {
  CandidateId,
  CoreFact,
  Dependency,
  Objection,
  PackageId,
  PackageSource,
  Solution,
  SolveOptions,
  SolveWork,
} from './source.ts'

export { type Cause, type Causes, separateCauses } from './disjoint.ts'
export type { Loosening } from './places.ts'
export { type Repair, repairsOf } from './repairs.ts'
export { solve, solveInSlices } from './solve.ts'
export { isSameDemand, verdictOf } from './verdict.ts'
