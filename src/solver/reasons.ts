/**
 * What a reason stands for, as codes that a refutation can be followed by.
 *
 * A code names one ingredient: a learnt clause (`4·offset`), a variable that is settled for good
 * (`4·v + 1`), or an edge (`4·e + 2`). What holds for any source has none (negative).
 */
import type { Assignment } from './assignment.ts'
import { edgeBetween } from './problem.ts'

function edgeCode(edge: number): number {
  return 4 * edge + 2
}

export function settledCode(variable: number): number {
  return 4 * variable + 1
}

/** The variables of a stored clause. */
export function variablesOf(state: Assignment, clause: number): number[] {
  const variables: number[] = []
  const end = clause + 1 + state.clauses[clause]!
  for (let at = clause + 1; at < end; at++) variables.push(state.clauses[at]! >> 1)
  return variables
}

/** The code of a learnt clause; -1 for one that is true of any source. */
export function clauseCodeOf(state: Assignment, clause: number): number {
  return state.proofs.has(clause) ? clause * 4 : -1
}

/** The fact of the source behind a binary implication; -1 when it is true of any source. */
export function codeOfImplication(
  state: Assignment,
  variable: number,
  value: number,
  other: number,
): number {
  const { problem } = state
  if (problem.demand[variable] !== undefined)
    return value > 0 ? edgeCode(edgeBetween(problem, other, variable)) : -1
  if (problem.demand[other] !== undefined && state.value[other]! < 0)
    return edgeCode(edgeBetween(problem, variable, other))
  return -1
}
