/**
 * Learning from a conflict: the first unique implication point, a shortened clause, its proof.
 *
 * Source: Marques-Silva and Sakallah, GRASP (1999); Sörensson and Biere, Minimizing Learned
 * Clauses (2009), the local form.
 * Invariant: a learnt clause follows from the problem alone (and from the assumption in it), so
 * it stays true whatever is decided later.
 */
import { type Assignment, assign, falseLiteral, storeClause, undo, watch } from './assignment.ts'
import { clauseCodeOf, codeOfImplication, settledCode, variablesOf } from './reasons.ts'

export interface Learning {
  /** By package: how much it took part in recent conflicts. */
  readonly activity: number[]
  bump: number
  seen: Uint8Array
}

export function learningOf(): Learning {
  return { activity: [], bump: 1, seen: new Uint8Array(256) }
}

/**
 * Learns from the present conflict and goes back to where the learnt clause says something new.
 * False when the conflict rests on no decision at all.
 */
export function learn(state: Assignment, learning: Learning): boolean {
  let level = 0
  for (const variable of state.conflict) level = Math.max(level, state.level[variable]!)
  if (level === 0) return false
  undo(state, level) // A clause that was found late may fail below the present level.
  if (learning.seen.length < state.value.length) learning.seen = new Uint8Array(state.value.length)
  const { variables, codes } = firstPoint(state, learning)
  shorten(state, learning, variables, codes)
  for (const variable of variables) learning.seen[variable] = 0
  decay(learning)
  record(state, variables, codes)
  return true
}

/** Variables of the learnt clause, the asserting one first, and the codes that it rests on. */
function firstPoint(state: Assignment, learning: Learning) {
  const { seen } = learning
  const level = state.levelStart.length
  const variables = [-1]
  const codes: number[] = []
  let waiting = 0
  let at = state.trailLength
  let point = -1
  let causes: readonly number[] = state.conflict
  let code = state.conflictCode
  for (;;) {
    if (code >= 0) codes.push(code)
    for (const variable of causes) {
      if (variable === point || seen[variable] === 1) continue
      const at0 = state.level[variable]!
      if (at0 === 0) {
        codes.push(settledCode(variable))
        continue
      }
      seen[variable] = 1
      bump(state, learning, variable)
      if (at0 < level) variables.push(variable)
      else waiting += 1
    }
    do at -= 1
    while (seen[state.trail[at]!] === 0)
    point = state.trail[at]!
    waiting -= 1
    if (waiting === 0) break
    seen[point] = 0
    causes = causesOf(state, point)
    code = codeOf(state, point)
  }
  variables[0] = point
  return { variables, codes }
}

/** The variables that a value follows from; the variable itself may be among them. */
export function causesOf(state: Assignment, variable: number): readonly number[] {
  const reason = state.reason[variable]!
  return reason < 0 ? [-1 - reason] : variablesOf(state, reason)
}

function codeOf(state: Assignment, variable: number): number {
  const reason = state.reason[variable]!
  return reason < 0
    ? codeOfImplication(state, variable, state.value[variable]!, -1 - reason)
    : clauseCodeOf(state, reason)
}

/** Drops variables whose value follows from the others in one step. */
function shorten(state: Assignment, learning: Learning, variables: number[], codes: number[]) {
  const { seen } = learning
  let kept = 1
  for (let at = 1; at < variables.length; at++) {
    const variable = variables[at]!
    if (state.reason[variable] === 0 || !implied(state, seen, variable)) {
      variables[kept++] = variable
      continue
    }
    const code = codeOf(state, variable)
    if (code >= 0) codes.push(code)
    for (const cause of causesOf(state, variable))
      if (state.level[cause] === 0) codes.push(settledCode(cause))
    dropped.push(variable)
  }
  variables.length = kept
  for (const variable of dropped) seen[variable] = 0
  dropped.length = 0
}

const dropped: number[] = []

function implied(state: Assignment, seen: Uint8Array, variable: number): boolean {
  for (const cause of causesOf(state, variable))
    if (cause !== variable && seen[cause] === 0 && state.level[cause]! > 0) return false
  return true
}

/** Stores the clause, goes back, and draws its consequence. */
function record(state: Assignment, variables: readonly number[], codes: readonly number[]) {
  const literals = variables.map((variable) => falseLiteral(state, variable))
  let second = 1
  for (let at = 2; at < variables.length; at++)
    if (state.level[variables[at]!]! > state.level[variables[second]!]!) second = at
  const back = variables.length === 1 ? 0 : state.level[variables[second]!]!
  if (literals.length > 1) {
    const other = literals[second]!
    literals[second] = literals[1]!
    literals[1] = other
  }
  undo(state, back)
  const clause = storeClause(state, literals)
  state.proofs.set(clause, codes)
  if (literals.length > 1) watch(state, clause)
  assign(state, variables[0]!, (literals[0]! & 1) === 0 ? 1 : -1, clause)
}

function bump(state: Assignment, learning: Learning, variable: number): void {
  const owner = state.problem.owner[variable]!
  if (owner < 0) return
  while (learning.activity.length <= owner) learning.activity.push(0)
  learning.activity[owner]! += learning.bump
}

function decay(learning: Learning): void {
  learning.bump *= 1.05
  if (learning.bump < 1e100) return
  learning.bump *= 1e-100
  for (let at = 0; at < learning.activity.length; at++) learning.activity[at]! *= 1e-100
}
