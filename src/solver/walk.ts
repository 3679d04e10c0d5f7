/**
 * The walking order: the roots in request order, then what their choices need, breadth first.
 *
 * Invariant: what was walked is kept for as long as its choices stand, so a search that decides in
 * this order passes each choice once, not once for every decision.
 * Not here: who is chosen (`search.ts`).
 */
import type { Assignment } from './assignment.ts'
import { wantingIn } from './grades.ts'

export interface Walk {
  /** Indices of packages in walking order, as far as it is known. */
  readonly queue: number[]
  /** By package: whether it stands in the queue. */
  readonly isQueued: boolean[]
  /** By place in the queue: the choice that was passed there, and the length of the queue before. */
  readonly passed: number[]
  readonly lengths: number[]
  readonly rootCount: number
}

export function walkFrom(rootPackages: readonly number[]): Walk {
  const rootCount = rootPackages.length
  const walk: Walk = { queue: [...rootPackages], isQueued: [], passed: [], lengths: [], rootCount }
  for (const index of rootPackages) walk.isQueued[index] = true
  return walk
}

/** The present package to decide next, or -1. */
export function firstUndecided(walk: Walk, state: Assignment): number {
  const { chosen, problem } = state
  const { queue, isQueued, passed, lengths } = walk
  let at = 0
  while (at < passed.length && chosen[queue[at]!] === passed[at]) at++
  goBack(walk, at)
  for (; at < queue.length; at++) {
    const candidate = chosen[queue[at]!]!
    if (candidate === -1) return wantingIn(state, queue, { from: at, to: levelEnd(walk, at) })
    passed.push(candidate)
    lengths.push(queue.length)
    for (let edge = problem.edgeStart[candidate]!; edge < problem.edgeEnd[candidate]!; edge++) {
      const demand = problem.demand[problem.edgeTo[edge]!]!
      if (!demand.needed || isQueued[demand.package] === true) continue
      isQueued[demand.package] = true
      queue.push(demand.package)
    }
  }
  return -1
}

/** Where those end that are as far from the roots as the package at this place. */
function levelEnd({ queue, lengths, rootCount }: Walk, at: number): number {
  let end = rootCount
  while (end <= at) end = lengths[end] ?? queue.length
  return end
}

/** Forgets what was walked from this place on. */
function goBack({ queue, isQueued, passed, lengths }: Walk, at: number): void {
  if (at === passed.length) return
  const length = lengths[at]!
  for (let place = length; place < queue.length; place++) isQueued[queue[place]!] = false
  queue.length = length
  passed.length = at
  lengths.length = at
}
