/**
 * An environment, or a Rez answer, as a graph of packages.
 *
 * Invariant: nodes and edges are in order of names, so equal answers give equal graphs. An edge is
 * implied when what it says follows from others; without the implied ones the same is reachable.
 * Not here: how a graph is drawn (`#cli`).
 */
import { compareText } from '#kernel/index.ts'
import { type LockedPackage, parseRequirement } from '#model/index.ts'
import { needOf, namesOf } from './names.ts'
import type { GraphEdge, GraphPackage, PackageGraph, RezPackageRow } from './results.ts'

interface Wish {
  readonly from: string
  readonly to: string
  readonly need?: string
}

/** The graph of what is locked; `asked` are requirements as the lockfile has them. */
export function graphOfLock(
  title: string,
  packages: readonly LockedPackage[],
  asked: ReadonlySet<string>,
): PackageGraph {
  const nodes = packages.map((one): GraphPackage => {
    const provides = Object.entries(one.provides ?? {}).map((pair) => pair.join(' '))
    const { name, version, kind } = one
    const isAsked = namesOf(one).some((word) => asked.has(word))
    return { name, version, kind, isAsked, ...(provides.length > 0 && { provides }) }
  })
  const known = new Map(packages.map((one) => [one.name, one]))
  const wishes = packages.flatMap((one) =>
    one.depends.map((to): Wish => {
      const need = needOf(one, known.get(to) ?? { name: to })
      return { from: one.name, to, ...(need !== undefined && { need }) }
    }),
  )
  return graphFrom(title, nodes, wishes)
}

/** The graph of an answer from Rez repositories. */
export function graphOfRez(
  request: readonly string[],
  packages: readonly RezPackageRow[],
): PackageGraph {
  const asked = new Set(request.map((text) => parseRequirement(text, 'rez').name))
  const nodes = packages.map(
    ({ name, version }): GraphPackage => ({ name, version, kind: 'rez', isAsked: asked.has(name) }),
  )
  const wishes = packages.flatMap(({ name: from, requires }) =>
    requires.flatMap((text): readonly Wish[] => {
      const { name: to, kind } = parseRequirement(text, 'rez')
      if (kind !== 'require') return []
      return [{ from, to, ...(text !== to && { need: text }) }]
    }),
  )
  return graphFrom(request.join(' '), nodes, wishes)
}

function graphFrom(
  title: string,
  nodes: readonly GraphPackage[],
  wishes: readonly Wish[],
): PackageGraph {
  const byName = nodes.toSorted((a, b) => compareText(a.name, b.name))
  const present = new Set(nodes.map(({ name }) => name))
  const unique = new Map(
    wishes
      .filter(({ from, to }) => from !== to && present.has(to))
      .map((wish) => [JSON.stringify([wish.from, wish.to]), wish]),
  )
  const sorted = [...unique.values()].sort(
    (a, b) => compareText(a.from, b.from) || compareText(a.to, b.to),
  )
  return { title, nodes: byName, edges: withImplied(sorted) }
}

/** Marks what follows from other edges. In a circle, each edge is looked at in turn. */
function withImplied(wishes: readonly Wish[]): readonly GraphEdge[] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of wishes) next.set(from, (next.get(from) ?? new Set()).add(to))
  return wishes.map((wish) => {
    next.get(wish.from)?.delete(wish.to)
    const isImplied = isReachable(next, wish.from, wish.to)
    if (!isImplied) next.get(wish.from)?.add(wish.to)
    return { ...wish, isImplied }
  })
}

function isReachable(
  next: ReadonlyMap<string, ReadonlySet<string>>,
  from: string,
  to: string,
): boolean {
  // A set goes on over what is added while it is walked.
  const seen = new Set(next.get(from))
  for (const name of seen) {
    if (name === to) return true
    for (const further of next.get(name) ?? []) seen.add(further)
  }
  return false
}
