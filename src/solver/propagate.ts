/**
 * Consequences: everything that follows from what is true by one clause at a time.
 *
 * Implications are read off the problem instead of being stored: a chosen candidate excludes the
 * others of its package, excludes demands that do not accept it, and makes its own demands; a
 * demand excludes candidates that it does not accept; a demand that cannot hold excludes its
 * users; an absent package excludes its candidates and whoever needs it, and the other way round.
 * Clauses hold the rest: «a needed demand has an accepted candidate», and what was learnt.
 * Invariant: after `propagate` gives true, no clause is false and no stored clause is unit,
 * except clauses that were unit when they were found late; those still fail before they break.
 */
import {
  addWatch,
  assign,
  type Assignment,
  falseLiteral,
  fit,
  isExtra,
  storeClause,
  valueOf,
  watch,
} from './assignment.ts'
import { loadCandidate, type PackageRow } from './problem.ts'
import { clauseCodeOf, codeOfImplication, variablesOf } from './reasons.ts'

/** Draws all consequences; false when they clash, and then `state.conflict` says where. */
export function propagate(state: Assignment): boolean {
  while (state.head < state.trailLength) {
    const variable = state.trail[state.head++]!
    state.steps += 1
    if (!implicit(state, variable)) return false
    if (!visitWatches(state, falseLiteral(state, variable))) return false
    const { extras } = state
    if (extras.assumption >= 0 && extras.count > extras.limit && !withinLimit(state)) return false
  }
  return true
}

function implicit(state: Assignment, variable: number): boolean {
  const demand = state.problem.demand[variable]
  const holds = state.value[variable]! > 0
  const because = -1 - variable
  if (demand === undefined) return holds ? whenChosen(state, variable) : true
  if (!holds) {
    for (const user of demand.users) if (!imply(state, user, -1, because)) return false
    return true
  }
  for (const outsider of demand.outsiders)
    if (state.value[outsider] !== -1 && !imply(state, outsider, -1, because)) return false
  const { absent } = state.problem.packages[demand.package]!
  if (demand.needed && !imply(state, absent, -1, because)) return false
  if (!demand.needed || demand.outsiders.length < demand.accepts.length) return true
  state.conflict = [variable]
  state.conflictCode = -1
  return false
}

function whenChosen(state: Assignment, variable: number): boolean {
  const { problem } = state
  const owner = problem.owner[variable]!
  if (owner < 0) return true
  const because = -1 - variable
  const row = problem.packages[owner]!
  if (row.absent === variable) return whenAbsent(state, row, because)
  if (!imply(state, row.absent, -1, because)) return false
  const last = row.first + row.count
  for (let other = row.first; other < last; other++)
    if (other !== variable && state.value[other] !== -1 && !imply(state, other, -1, because))
      return false
  state.chosen[owner] = variable
  for (const demand of row.demands)
    if (problem.demand[demand]!.accepts[variable - row.first] === 0)
      if (!imply(state, demand, -1, because)) return false
  load(state, variable)
  for (let edge = problem.edgeStart[variable]!; edge < problem.edgeEnd[variable]!; edge++)
    if (!imply(state, problem.edgeTo[edge]!, 1, because)) return false
  return true
}

function whenAbsent(state: Assignment, row: PackageRow, because: number): boolean {
  for (let at = row.first; at < row.first + row.count; at++)
    if (state.value[at] !== -1 && !imply(state, at, -1, because)) return false
  for (const demand of row.demands)
    if (state.problem.demand[demand]!.needed && !imply(state, demand, -1, because)) return false
  return true
}

/** Learns what a candidate demands, and what that means now. */
export function load(state: Assignment, candidate: number): void {
  loadCandidate(state.problem, candidate, (demand) => admit(state, demand))
}

/** Gives a demand that was just discovered its clause and the value that it has by now. */
export function admit(state: Assignment, variable: number): void {
  fit(state)
  const demand = state.problem.demand[variable]!
  const row = state.problem.packages[demand.package]!
  if (demand.needed && demand.outsiders.length < row.count) addNeed(state, variable)
  const chosen = state.chosen[demand.package]!
  if (state.value[variable] === 0 && chosen >= 0 && demand.accepts[chosen - row.first] === 0)
    assign(state, variable, -1, -1 - chosen)
  if (state.value[variable] === 0 && demand.needed && state.value[row.absent]! > 0)
    assign(state, variable, -1, -1 - row.absent)
}

/** The clause «the demand does not hold, or one of its candidates is chosen». */
function addNeed(state: Assignment, variable: number): void {
  const demand = state.problem.demand[variable]!
  const { first } = state.problem.packages[demand.package]!
  const literals = [2 * variable + 1]
  let open = 0
  let latest = 1
  for (let at = 0; at < demand.accepts.length; at++) {
    if (demand.accepts[at] === 0) continue
    const candidate = first + at
    if (open === 0 && state.value[candidate]! >= 0) open = literals.length
    literals.push(2 * candidate)
    if (state.level[candidate]! > state.level[literals[latest]! >> 1]!) latest = literals.length - 1
  }
  // Watched: the demand itself, and an open candidate or else the one that was lost last.
  const second = open > 0 ? open : latest
  const literal = literals[second]!
  literals[second] = literals[1]!
  literals[1] = literal
  const clause = storeClause(state, literals)
  watch(state, clause)
  if (open === 0) assign(state, variable, -1, clause)
}

/**
 * Gives a variable a value that follows from another variable (`because` is negative).
 * False when it has the opposite value already.
 */
function imply(state: Assignment, variable: number, value: 1 | -1, because: number) {
  const has = state.value[variable]!
  if (has === value) return true
  if (has === 0) {
    assign(state, variable, value, because)
    return true
  }
  const other = -1 - because
  state.conflict = [variable, other]
  state.conflictCode = codeOfImplication(state, variable, value, other)
  return false
}

function visitWatches(state: Assignment, literal: number): boolean {
  const list = state.watches[literal]
  if (list === undefined) return true
  const { clauses } = state
  state.steps += list.length
  let kept = 0
  for (let at = 0; at < list.length; at++) {
    const clause = list[at]!
    if (clauses[clause + 1] === literal) {
      clauses[clause + 1] = clauses[clause + 2]!
      clauses[clause + 2] = literal
    }
    const first = clauses[clause + 1]!
    const has = valueOf(state, first)
    if (has <= 0 && moved(state, clause, literal)) continue
    list[kept++] = clause
    if (has > 0) continue
    if (has === 0) {
      assign(state, first >> 1, (first & 1) === 0 ? 1 : -1, clause)
      continue
    }
    for (at += 1; at < list.length; at++) list[kept++] = list[at]!
    list.length = kept
    state.conflict = variablesOf(state, clause)
    state.conflictCode = clauseCodeOf(state, clause)
    return false
  }
  list.length = kept
  return true
}

/** Watches another literal that is not false instead of the second one. */
function moved(state: Assignment, clause: number, literal: number): boolean {
  const { clauses } = state
  const end = clause + 1 + clauses[clause]!
  for (let at = clause + 3; at < end; at++) {
    const candidate = clauses[at]!
    if (valueOf(state, candidate) < 0) continue
    clauses[clause + 2] = candidate
    clauses[at] = literal
    addWatch(state, candidate, clause)
    return true
  }
  return false
}

/** Whether no more packages are present than the limit allows while it is assumed. */
function withinLimit(state: Assignment): boolean {
  const { extras } = state
  if (state.value[extras.assumption]! <= 0) return true
  const present = state.problem.packages
    .filter((row, index) => state.value[row.absent] === -1 && isExtra(state, index))
    .map((row) => row.absent)
  state.conflict = [extras.assumption, ...present]
  state.conflictCode = -1
  return false
}
