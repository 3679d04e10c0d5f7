/**
 * The answer that Rez's own search would find, for as long as that search finds its way.
 *
 * Rez halves the first undecided scope before the first candidate that shares no requirement with
 * those before it, tries the better half, and comes back for the other. The first answer on that
 * way is Rez's answer; a search that learns finds as good ones, but not the same. Where too many
 * halves fail the walk gives up, and the caller learns.
 * Invariant: `solved` is valid under Rez's rules and is the first in Rez's order.
 * Source: rez 3.4 `solver.py`, `_PackageVariantSlice.split`, `_ResolvePhase.split`.
 */
import {
  addScope,
  lose,
  markOf,
  openScope,
  type Scope,
  type Scopes,
  scopesOf,
  settle,
  undo,
} from './rez-scopes.ts'
import type { RezCandidate, RezUniverse } from './rez-universe.ts'

export type Walked =
  | { readonly kind: 'solved'; readonly candidates: readonly RezCandidate[] }
  /** There is no answer, a family is missing, or too much failed. */
  | { readonly kind: 'lost' }

/** A scope that was halved. */
interface Choice {
  readonly scope: Scope
  /** Places of the better half. */
  readonly tried: readonly number[]
  /** To go back to before it. */
  readonly mark: number
}

/** Walks down Rez's search for the request of a universe. */
export function walk(universe: RezUniverse, failuresMax: number): Walked {
  const scopes = scopesOf(universe)
  for (const demand of universe.roots) if (!addScope(scopes, demand)) return { kind: 'lost' }
  const choices: Choice[] = []
  let failures = 0
  let stands = settle(scopes)
  while (!scopes.missing) {
    if (stands) {
      const scope = openScope(scopes)
      if (scope === undefined) return { kind: 'solved', candidates: chosen(scopes) }
      const tried = betterHalf(scopes, scope)
      choices.push({ scope, tried, mark: markOf(scopes) })
      keepOnly(scopes, scope, tried)
      stands = settle(scopes)
      continue
    }
    const last = choices.pop()
    failures += 1
    if (last === undefined || failures > failuresMax) break
    undo(scopes, last.mark)
    stands = last.tried.every((place) => lose(scopes, last.scope, place)) && settle(scopes)
  }
  return { kind: 'lost' }
}

function keepOnly(scopes: Scopes, scope: Scope, kept: readonly number[]): void {
  const { left } = scope
  for (let place = left.indexOf(1); place >= 0; place = left.indexOf(1, place + 1))
    if (!kept.includes(place)) lose(scopes, scope, place)
}

/** Places from the best on, for as long as they share a requirement that not all have. */
function betterHalf({ universe }: Scopes, scope: Scope): readonly number[] {
  const half: number[] = []
  let shared: readonly number[] = []
  for (const place of bestFirst(universe, scope)) {
    const needs = needsAt(scope, place)
    if (half.length === 0) shared = needs.filter((need) => scope.needLeft[need]! < scope.groupCount)
    else if (scope.count === 2) return half
    else shared = shared.filter((need) => needs.includes(need))
    if (half.length > 0 && shared.length === 0) return half
    half.push(place)
  }
  return half
}

/** What the candidate at a place requires, as needs of its scope. */
function needsAt({ terms }: Scope, place: number): readonly number[] {
  const { groupOf, groupStart, links, linkNeed, needStart } = terms
  const group = groupOf[place]!
  const needs: number[] = []
  for (let at = groupStart[group]!; at < groupStart[group + 1]!; at += 1) {
    const need = linkNeed[links[at]!]!
    if (need < needStart.length - 1) needs.push(need)
  }
  return needs
}

/** Candidates that are left: versions newest first, of each the variants in Rez's order. */
function* bestFirst(universe: RezUniverse, { id, left }: Scope): Generator<number> {
  const { firstOf, count } = universe.family(id)
  for (let version = 0; version < count; version += 1) {
    const start = firstOf[version] ?? 0
    const end = firstOf[version + 1] ?? 0
    const next = left.indexOf(1, start)
    if (next < 0) return
    if (next >= end) continue
    const second = left.indexOf(1, next + 1)
    if (second < 0 || second >= end) yield next
    else
      for (const variant of universe.variantOrder(id, version))
        if (left[start + variant] === 1) yield start + variant
  }
}

function chosen({ universe, all }: Scopes): RezCandidate[] {
  return all
    .filter(({ wanted }) => wanted)
    .map(({ id, left }) => universe.candidateAt(id, left.indexOf(1)))
}
