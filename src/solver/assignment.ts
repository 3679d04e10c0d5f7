/**
 * The state of a search: what is true and why, the trail, clauses and their watches.
 *
 * Values are 1, -1 and 0 (open). A literal is `2v` (v holds) or `2v+1` (v does not).
 * A reason is 0 (decided, or a root), the offset of a clause (positive), or `-1 - o`: variable o,
 * with the value that it has, implies this one. Binary implications are never stored as clauses.
 * Invariant: undoing to a level restores exactly what was true when that level began.
 * Not here: consequences (`propagate.ts`), learning (`analyse.ts`), choices (`search.ts`).
 */
import type { Problem } from './problem.ts'

export interface Assignment {
  readonly problem: Problem
  value: Int8Array
  level: Int32Array
  reason: Int32Array
  trail: Int32Array
  trailLength: number
  /** Trail position up to which consequences were drawn. */
  head: number
  /** Variables whose consequences were drawn so far: the measure of effort. */
  steps: number
  /** Trail length at which each level above 0 began. */
  readonly levelStart: number[]
  /** By package: its chosen candidate, -1 while there is none. */
  readonly chosen: number[]
  /** Needed demands that hold, in trail order. */
  readonly needs: number[]
  /** Clauses one after another: size, then literals; the first two are watched. */
  clauses: Int32Array
  clausesEnd: number
  /** By literal: clauses to look at when it becomes false. */
  readonly watches: (number[] | undefined)[]
  /** What refuted a learnt clause's negation, as codes of `proof.ts`. */
  readonly proofs: Map<number, readonly number[]>
  /** Variables of a falsified clause, and the code of the fact that it comes from (-1: none). */
  conflict: number[]
  conflictCode: number
  readonly extras: Extras
}

/** Packages that have to be present though the request did not name them, and how many may be. */
export interface Extras {
  readonly isRoot: Set<number>
  count: number
  /** Holds while the limit does; -1 when there is none. */
  assumption: number
  limit: number
}

export function assignmentOf(problem: Problem): Assignment {
  return {
    problem,
    value: new Int8Array(256),
    level: new Int32Array(256),
    reason: new Int32Array(256),
    trail: new Int32Array(256),
    trailLength: 0,
    head: 0,
    steps: 0,
    levelStart: [],
    chosen: [],
    needs: [],
    clauses: new Int32Array(1024),
    clausesEnd: 1,
    watches: [],
    proofs: new Map(),
    conflict: [],
    conflictCode: -1,
    extras: { isRoot: new Set(), count: 0, assumption: -1, limit: 0 },
  }
}

/** Makes room for variables and packages that were discovered. */
export function fit(state: Assignment): void {
  const variables = state.problem.owner.length
  if (variables > state.value.length) {
    const size = Math.max(variables, state.value.length * 2)
    state.value = copied(new Int8Array(size), state.value)
    state.level = copied(new Int32Array(size), state.level)
    state.reason = copied(new Int32Array(size), state.reason)
    state.trail = copied(new Int32Array(size), state.trail)
  }
  while (state.watches.length < 2 * variables) state.watches.push(undefined)
  while (state.chosen.length < state.problem.packages.length) state.chosen.push(-1)
}

function copied<T extends Int8Array | Int32Array>(into: T, from: T): T {
  into.set(from)
  return into
}

/** The literal of a variable that is false now. */
export function falseLiteral(state: Assignment, variable: number): number {
  return state.value[variable]! > 0 ? 2 * variable + 1 : 2 * variable
}

/** 1 when a literal holds, -1 when it does not, 0 while it is open. */
export function valueOf(state: Assignment, literal: number): number {
  const value = state.value[literal >> 1]!
  return (literal & 1) === 0 ? value : -value
}

/** Gives an open variable its value; consequences follow in `propagate`. */
export function assign(state: Assignment, variable: number, value: 1 | -1, reason: number): void {
  state.value[variable] = value
  state.level[variable] = state.levelStart.length
  state.reason[variable] = reason
  state.trail[state.trailLength++] = variable
  if (value < 0) countExtra(state, variable, 1)
  else if (state.problem.demand[variable]?.needed === true) state.needs.push(variable)
}

/** Counts a package of which it is settled that it is not absent. */
function countExtra(state: Assignment, variable: number, by: 1 | -1): void {
  const { problem, extras } = state
  const owner = problem.owner[variable]!
  if (owner >= 0 && problem.packages[owner]!.absent === variable && isExtra(state, owner))
    extras.count += by
}

/** Whether a package, if it is present, is one of those of which there should be few. */
export function isExtra({ problem, extras }: Assignment, index: number): boolean {
  return !problem.packages[index]!.isFree && !extras.isRoot.has(index)
}

/** Takes back every level above `level`. */
export function undo(state: Assignment, level: number): void {
  if (state.levelStart.length <= level) return
  const start = state.levelStart[level]!
  const { problem } = state
  for (let at = state.trailLength - 1; at >= start; at--) {
    const variable = state.trail[at]!
    const held = state.value[variable]! > 0
    state.value[variable] = 0
    if (!held) {
      countExtra(state, variable, -1)
      continue
    }
    const owner = problem.owner[variable]!
    if (owner < 0) continue
    if (state.chosen[owner] === variable) state.chosen[owner] = -1
    if (problem.demand[variable]?.needed === true) state.needs.pop()
  }
  state.trailLength = start
  state.head = start
  state.levelStart.length = level
}

/** Stores a clause without watching it, and gives its offset. */
export function storeClause(state: Assignment, literals: readonly number[]): number {
  const offset = state.clausesEnd
  const end = offset + literals.length + 1
  if (end > state.clauses.length)
    state.clauses = copied(new Int32Array(Math.max(end, state.clauses.length * 2)), state.clauses)
  state.clauses[offset] = literals.length
  state.clauses.set(literals, offset + 1)
  state.clausesEnd = end
  return offset
}

/** Watches the first two literals of a stored clause. */
export function watch(state: Assignment, clause: number): void {
  addWatch(state, state.clauses[clause + 1]!, clause)
  addWatch(state, state.clauses[clause + 2]!, clause)
}

/** Has a clause looked at when the literal becomes false. */
export function addWatch(state: Assignment, literal: number, clause: number): void {
  const list = state.watches[literal]
  if (list === undefined) state.watches[literal] = [clause]
  else list.push(clause)
}
