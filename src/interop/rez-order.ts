/**
 * The order in which Rez lists (and later runs) what it chose, and circles between packages.
 *
 * Source: rez 3.4 `solver.py`, `_get_dependency_order`.
 */

import type { PackageId } from '#solver/index.ts'
import type { RezCandidate, RezUniverse } from './rez-universe.ts'

/** Packages that were chosen, by their place in a list. */
export interface Chosen {
  readonly names: readonly string[]
  /** Of each the places of what it needs. */
  readonly needs: readonly (readonly number[])[]
}

/** What chosen packages need of each other. */
export function chosenIn(universe: RezUniverse, candidates: readonly RezCandidate[]): Chosen {
  const placeOf = new Map<PackageId, number>()
  for (const [place, { family }] of candidates.entries()) placeOf.set(family, place)
  return {
    names: candidates.map(({ family }) => universe.nameOf(family)),
    needs: candidates.map((candidate) => {
      const places: number[] = []
      for (const id of universe.needsOf(candidate)) {
        const place = placeOf.get(id)
        if (place !== undefined) places.push(place)
      }
      return places
    }),
  }
}

/**
 * Places with what they need before them, else as near to `first` as that allows, else by name.
 * There is no circle.
 */
export function dependencyOrder({ names, needs }: Chosen, first: readonly number[]): number[] {
  const wanted = [...new Set([...first, ...byName(names)])]
  const rankOf: number[] = []
  for (let rank = 0; rank < wanted.length; rank += 1) rankOf[wanted[rank] ?? 0] = rank
  const ranked = wanted.map((place) => (needs[place] ?? []).map((other) => rankOf[other] ?? 0))
  const all = closure(ranked)
  const isListed = new Uint8Array(wanted.length)
  const listed: number[] = []
  // Rez moves the first waiting name that is needed to the front, again and again: a depth-first
  // walk over everything that a name needs, in the wanted order.
  const visit = (rank: number): void => {
    if (isListed[rank] === 1) return
    const set = all[rank] ?? new Int32Array()
    for (let at = 0; at < set.length; at += 1)
      for (let rest = set[at] ?? 0; rest !== 0; rest &= rest - 1)
        visit(at * 32 + 31 - Math.clz32(rest & -rest))
    isListed[rank] = 1
    listed.push(wanted[rank] ?? 0)
  }
  for (let rank = 0; rank < wanted.length; rank += 1) visit(rank)
  return listed
}

/** For each place the set of all that it needs, at any depth: a bit for each place. */
function closure(needs: Chosen['needs']): readonly Int32Array[] {
  const sets: Int32Array[] = []
  const setOf = (place: number): Int32Array => {
    const known = sets[place]
    if (known !== undefined) return known
    const set = new Int32Array((needs.length + 31) >> 5)
    sets[place] = set
    for (const other of needs[place] ?? []) {
      const word = other >> 5
      const bit = 1 << (other & 31)
      // Who has it has what it needs, too.
      if (((set[word] ?? 0) & bit) !== 0) continue
      const more = setOf(other)
      for (let at = 0; at < set.length; at += 1) set[at] = (set[at] ?? 0) | (more[at] ?? 0)
      set[word] = (set[word] ?? 0) | bit
    }
    return set
  }
  for (let place = 0; place < needs.length; place += 1) setOf(place)
  return sets
}

function byName(names: readonly string[]): number[] {
  const nameOf = (place: number): string => names[place] ?? ''
  return [...names.keys()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

/** A circle as its places, the first again at the end; undefined when there is none. */
export function findCycle({ names, needs }: Chosen): number[] | undefined {
  const isOpen = new Uint8Array(names.length)
  const isDone = new Uint8Array(names.length)
  const trail: number[] = []
  const visit = (place: number): number[] | undefined => {
    if (isDone[place] === 1) return undefined
    if (isOpen[place] === 1) return [...trail.slice(trail.indexOf(place)), place]
    isOpen[place] = 1
    trail.push(place)
    for (const next of needs[place] ?? []) {
      const found = visit(next)
      if (found !== undefined) return found
    }
    trail.pop()
    isDone[place] = 1
    return undefined
  }
  for (const place of byName(names)) {
    const found = visit(place)
    if (found !== undefined) return found
  }
  return undefined
}
