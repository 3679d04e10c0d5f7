/**
 * Which facts of the source an impossibility rests on.
 *
 * Invariant: the facts found are enough to repeat the refutation; they need not be few.
 */
import type { Assignment } from './assignment.ts'
import { clauseCodeOf, codeOfImplication, settledCode, variablesOf } from './reasons.ts'

/** Edges, and demands of the request, that a conflict without any decision rests on. */
export interface Refutation {
  readonly edges: readonly number[]
  readonly roots: readonly number[]
}

/** Follows the present conflict, which is one of level 0, back to its facts. */
export function refutation(state: Assignment): Refutation {
  const seen = new Set<number>()
  const edges: number[] = []
  const roots: number[] = []
  const open = [state.conflictCode, ...state.conflict.map(settledCode)]
  for (let code = open.pop(); code !== undefined; code = open.pop()) {
    if (code < 0 || seen.has(code)) continue
    seen.add(code)
    if ((code & 3) === 2) edges.push(code >> 2)
    else if ((code & 3) === 0) open.push(...(state.proofs.get(code >> 2) ?? []))
    else if (state.reason[code >> 2] === 0) roots.push(code >> 2)
    else open.push(...causesOf(state, code >> 2))
  }
  return { edges: edges.sort((a, b) => a - b), roots: roots.sort((a, b) => a - b) }
}

function causesOf(state: Assignment, variable: number): number[] {
  const reason = state.reason[variable]!
  if (reason < 0) {
    const other = -1 - reason
    return [settledCode(other), codeOfImplication(state, variable, state.value[variable]!, other)]
  }
  const others = variablesOf(state, reason).filter((other) => other !== variable)
  return [clauseCodeOf(state, reason), ...others.map(settledCode)]
}
