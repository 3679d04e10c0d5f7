/**
 * The solver room: which candidates satisfy a request, or which demands clash.
 *
 * Invariant: `solved` is valid and its roots are lexicographically the best possible;
 * `unsolvable` is proven. Giving up is neither: it is `cancelled` or `budget`.
 * Not here: names, versions, sentences (`#catalog`).
 */
import type { Dependency, PackageSource, Solution, SolveOptions } from './source.ts'

export type {
  CandidateId,
  CoreFact,
  Dependency,
  PackageId,
  PackageSource,
  Solution,
  SolveOptions,
  SolveWork,
} from './source.ts'

/** Solves in one go, on this thread. */
export declare function solve(
  source: PackageSource,
  roots: readonly Dependency[],
  options?: SolveOptions,
): Solution
