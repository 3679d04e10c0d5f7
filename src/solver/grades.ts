/**
 * Grades: candidates of a package that are alike to its neighbours, decided before one of them is.
 *
 * To decide a grade is to decide a demand that just its candidates meet; nobody has to make it.
 * Invariant: such a demand holds only where one of the grade is chosen or the package is absent,
 * so where it cannot hold, none of the grade can be chosen.
 */
import type { Assignment } from './assignment.ts'
import { demandAt } from './problem.ts'
import { admit } from './propagate.ts'

/** The first of some packages whose grade is open, else the first without a candidate, or -1. */
export function wantingIn(
  state: Assignment,
  packages: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
): number {
  let first = -1
  for (let at = from; at < to; at++) {
    const index = packages[at]!
    if (state.chosen[index] !== -1) continue
    if (isGradeOpen(state, index)) return index
    if (first < 0) first = index
  }
  return first
}

/** Whether candidates of several grades are open; each is one where the source tells none. */
export function isGradeOpen(state: Assignment, index: number): boolean {
  const { grades, first, count } = state.problem.packages[index]!
  if (grades === undefined) return true
  let open: number | undefined
  for (let at = 0; at < count; at++) {
    if (state.value[first + at] !== 0) continue
    if (open !== undefined && grades[at] !== open) return true
    open = grades[at]
  }
  return false
}

/** The demand that just the candidates of this one's grade meet; -1 when it is the only one. */
export function gradeDemand(state: Assignment, candidate: number): number {
  const { problem } = state
  const { id, first, count, grades, byGrade } = problem.packages[problem.owner[candidate]!]!
  const grade = grades?.[candidate - first]
  if (grades === undefined || grade === undefined) return -1
  const known = byGrade.get(grade)
  if (known !== undefined) return known
  const allowed: number[] = []
  for (let at = 0; at < count; at++)
    if (grades[at] === grade) allowed.push(problem.candidate[first + at]!)
  if (allowed.length === 1) return -1
  const dependency = { package: id, needed: false, allowed, origin: -1 }
  const made = demandAt(problem, dependency, (variable) => admit(state, variable))
  byGrade.set(grade, made)
  return made
}
