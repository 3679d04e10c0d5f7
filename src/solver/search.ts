/**
 * The search: decide, draw consequences, learn, until there is an answer or a proof.
 *
 * The packages of the roots are always decided first: in request order their grades, then in
 * request order their candidates, each time the best that is not excluded. What is excluded then
 * follows from better-placed decisions, so the first answer is lexicographically the best for the
 * roots; learnt clauses and restarts only remove what cannot be. Below the roots a strategy
 * chooses.
 * Not here: preferences below the roots (`polish.ts`).
 */
import { causesOf, type Learning, learn, learningOf } from './analyse.ts'
import {
  type Assignment,
  assign,
  assignmentOf,
  fit,
  isExtra,
  storeClause,
  undo,
  watch,
} from './assignment.ts'
import { gradeDemand, isGradeOpen, wantingIn } from './grades.ts'
import { demandAt, packageAt, problemOf, variableOf } from './problem.ts'
import { admit, load, propagate } from './propagate.ts'
import type { Dependency, PackageSource } from './source.ts'
import { firstUndecided, type Walk, walkFrom } from './walk.ts'

export interface Search {
  readonly state: Assignment
  readonly learning: Learning
  /** Demands of the request and the variables that stand for them. */
  readonly roots: readonly { readonly dependency: Dependency; readonly variable: number }[]
  /** Indices of the packages that the request needs, in its order. */
  readonly rootPackages: readonly number[]
  /** From the roots along what is chosen. */
  readonly walk: Walk
  /** What is assumed on top of the problem, before any decision. */
  readonly assumed: Assumed
  /** A demand of the request that cannot hold by itself; -1 when there is none. */
  failedRoot: number
  decisions: number
  conflicts: number
  /** How often the source objected to what met all demands. */
  objections: number
}

export interface Assumed {
  /** No further packages than these are present; undefined: any may be. */
  only: ReadonlySet<number> | undefined
  /** After `impossible`: packages of which at least one more has to be present. */
  lacking: readonly number[]
}

/** The package to decide next, or -1 when nothing is wanting. */
export type Strategy = (search: Search) => number

export type Outcome = 'solved' | 'impossible' | 'paused'

/** A search at its beginning: the request holds, nothing is decided. */
export function searchOf(source: PackageSource, roots: readonly Dependency[]): Search {
  const problem = problemOf(source)
  const state = assignmentOf(problem)
  const rootPackages: number[] = []
  for (const root of roots) {
    const index = packageAt(problem, root.package)
    if (!root.needed || state.extras.isRoot.has(index)) continue
    rootPackages.push(index)
    state.extras.isRoot.add(index)
  }
  fit(state)
  const demands = roots.map((dependency) => ({
    dependency,
    variable: demandAt(problem, dependency, (variable) => admit(state, variable)),
  }))
  return {
    state,
    learning: learningOf(),
    roots: demands.filter((root) => root.variable >= 0),
    rootPackages,
    walk: walkFrom(rootPackages),
    assumed: { only: undefined, lacking: [] },
    failedRoot: -1,
    decisions: 0,
    conflicts: 0,
    objections: 0,
  }
}

/** Makes the request's demands hold; false when that alone is impossible. */
export function assertRoots(search: Search): boolean {
  const { state } = search
  for (const { variable } of search.roots) {
    if (state.value[variable] === 1) continue
    if (state.value[variable] === -1) {
      search.failedRoot = variable
      state.conflict = [variable]
      state.conflictCode = -1
      return false
    }
    assign(state, variable, 1, 0)
  }
  return propagate(state)
}

/**
 * Searches on for at most `conflictsMax` conflicts. After `paused` another call goes on; after
 * `impossible` nothing can be true at level 0, or the assumption cannot.
 */
export function advance(search: Search, strategy: Strategy, conflictsMax: number): Outcome {
  const { state } = search
  const { extras } = state
  const end = search.conflicts + conflictsMax
  for (;;) {
    if (!propagate(state)) {
      if (!learnt(search)) return 'impossible'
      continue
    }
    if (extras.assumption >= 0 && state.value[extras.assumption]! <= 0) {
      if (state.value[extras.assumption]! < 0) return 'impossible'
      decide(state, extras.assumption)
      continue
    }
    const step = search.assumed.only === undefined ? 'done' : assumeAbsent(search)
    if (step === 'impossible') return step
    if (step === 'again') continue
    if (search.conflicts >= end) return 'paused'
    const next = wantingIn(state, search.rootPackages, { from: 0, to: search.rootPackages.length })
    const index = next >= 0 ? next : strategy(search)
    if (index >= 0) decideOn(search, index)
    else if (!isObjectedTo(search)) return 'solved'
    else if (!learnt(search)) return 'impossible'
  }
}

/** Learns from the present conflict; false when it rests on no decision. */
function learnt(search: Search): boolean {
  search.conflicts += 1
  if (!learn(search.state, search.learning)) return false
  if (search.conflicts % restartEvery === 0) undo(search.state, 0)
  return true
}

const restartEvery = 256

/** Asks the source what it thinks of an answer; an objection is a conflict. */
function isObjectedTo(search: Search): boolean {
  const { state } = search
  const { source, candidate } = state.problem
  if (source.objectionTo === undefined) return false
  const objection = source.objectionTo(chosenInOrder(search).map((at) => candidate[at]!))
  if (objection === undefined) return false
  search.objections += 1
  const own = variableOf(state.problem, objection.candidate)
  const others = objection.unless.map((id) => variableOf(state.problem, id))
  state.conflict = [own, ...others]
  state.conflictCode = -1
  addClause(state, [2 * own + 1, ...others.map((other) => 2 * other)])
  return true
}

/** Keeps a clause that is false now. */
function addClause(state: Assignment, literals: readonly number[]): void {
  if (literals.length === 1) return
  // Watched: what will be open again first.
  const latest = literals.toSorted((a, b) => state.level[b >> 1]! - state.level[a >> 1]!)
  watch(state, storeClause(state, latest))
}

/**
 * Assumes the next package absent that is to be. Assumptions come before decisions, so one that
 * is due after a decision (its package was just discovered) takes all decisions back.
 */
function assumeAbsent(search: Search): 'done' | 'again' | 'impossible' {
  const { state, assumed } = search
  const { packages } = state.problem
  for (let index = 0; index < packages.length; index++) {
    if (assumed.only?.has(index) === true || !isExtra(state, index)) continue
    const { absent } = packages[index]!
    const value = state.value[absent]!
    if (value > 0) continue
    const last = state.levelStart.at(-1)
    if (last !== undefined && isChoice(state, state.trail[last]!)) undo(state, 0)
    else if (value === 0) decide(state, absent)
    else {
      assumed.lacking = assumptionsBehind(state, absent)
      return 'impossible'
    }
    return 'again'
  }
  return 'done'
}

/** Whether what was decided is a candidate or a grade, and no assumption. */
function isChoice({ problem }: Assignment, variable: number): boolean {
  return problem.candidate[variable]! >= 0 || problem.demand[variable] !== undefined
}

/** The package that cannot be absent, and those whose absence it follows from. */
function assumptionsBehind(state: Assignment, failed: number): number[] {
  const seen = new Set([failed])
  const packages: number[] = [state.problem.owner[failed]!]
  for (const variable of seen) {
    if (state.level[variable] === 0) continue
    if (variable !== failed && state.reason[variable] === 0)
      packages.push(state.problem.owner[variable]!)
    else for (const cause of causesOf(state, variable)) seen.add(cause)
  }
  return packages
}

/** Decides on the best candidate of a package, or on its grade while others are open too. */
function decideOn(search: Search, index: number): void {
  const { state } = search
  const candidate = bestOpen(state, index)
  load(state, candidate)
  if (excludedByDemand(state, candidate)) return
  const grade = isGradeOpen(state, index) ? gradeDemand(state, candidate) : -1
  if (grade >= 0 && state.value[grade] !== 0) return assign(state, candidate, -1, -1 - grade)
  search.decisions += 1
  decide(state, grade >= 0 ? grade : candidate)
}

function decide(state: Assignment, variable: number): void {
  state.levelStart.push(state.trailLength)
  assign(state, variable, 1, 0)
}

/** The best candidate that is not excluded; there is one, or propagation would have failed. */
function bestOpen(state: Assignment, index: number): number {
  const row = state.problem.packages[index]!
  for (let at = row.first; at < row.first + row.count; at++) if (state.value[at] === 0) return at
  throw new TypeError('Broken invariant: a needed package has an open candidate')
}

/** Excludes a candidate that makes a demand which cannot hold, and says whether it did. */
function excludedByDemand(state: Assignment, candidate: number): boolean {
  if (state.value[candidate] !== 0) return true
  const { edgeStart, edgeEnd, edgeTo } = state.problem
  for (let edge = edgeStart[candidate]!; edge < edgeEnd[candidate]!; edge++) {
    const demand = edgeTo[edge]!
    if (state.value[demand] !== -1) continue
    assign(state, candidate, -1, -1 - demand)
    return true
  }
  // Consequences of demands that were discovered just now come before the decision.
  return state.head < state.trailLength
}

/** Decides the package that took part in most conflicts, the earliest needed among equals. */
export function byActivity(search: Search): number {
  const { state, learning } = search
  let best = -1
  let most = -1
  for (const need of state.needs) {
    const owner = state.problem.owner[need]!
    const activity = learning.activity[owner] ?? 0
    if (activity <= most || state.chosen[owner]! >= 0) continue
    most = activity
    best = owner
  }
  return best
}

/** Decides what the roots need, then what that needs, each time in the source's order. */
export function breadthFirst({ walk, state }: Search): number {
  return firstUndecided(walk, state)
}

/** Chosen candidates in walking order, of a search that found an answer. */
export function chosenInOrder({ walk, state }: Search): number[] {
  firstUndecided(walk, state)
  return walk.queue.map((index) => state.chosen[index]!)
}
