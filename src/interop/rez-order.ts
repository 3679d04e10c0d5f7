/**
 * The order in which Rez lists (and later runs) what it chose, and circles between packages.
 *
 * Source: rez 3.4 `solver.py`, `_get_dependency_order`.
 */
type Edges = ReadonlyMap<string, readonly string[]>

/**
 * Names with what they need before them, else as near to `first` as that allows, else by name.
 * `edges` holds every name, and has no circle.
 */
export function dependencyOrder(edges: Edges, first: readonly string[]): string[] {
  const reachable = new Map<string, ReadonlySet<string>>()
  const needsOf = (name: string): ReadonlySet<string> => {
    const known = reachable.get(name)
    if (known !== undefined) return known
    const found = new Set<string>()
    for (const next of edges.get(name) ?? []) {
      found.add(next)
      for (const one of needsOf(next)) found.add(one)
    }
    reachable.set(name, found)
    return found
  }
  const wanted = [...new Set([...first.filter((name) => edges.has(name)), ...sortedKeys(edges)])]
  const ordered = new Set<string>()
  // Rez moves the first waiting name that is needed to the front, again and again: a depth-first
  // walk over everything that a name needs, in the wanted order.
  const visit = (name: string): void => {
    if (ordered.has(name)) return
    const needs = needsOf(name)
    if (needs.size > 0) for (const other of wanted) if (needs.has(other)) visit(other)
    ordered.add(name)
  }
  for (const name of wanted) visit(name)
  return [...ordered]
}

function sortedKeys(edges: Edges): string[] {
  return [...edges.keys()].sort()
}

/** A circle as its names, the first again at the end; undefined when there is none. */
export function findCycle(edges: Edges): string[] | undefined {
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const visit = (name: string): string[] | undefined => {
    if (state.get(name) === 'done') return undefined
    if (state.get(name) === 'open') return [...trail.slice(trail.indexOf(name)), name]
    state.set(name, 'open')
    trail.push(name)
    for (const next of edges.get(name) ?? []) {
      const found = visit(next)
      if (found !== undefined) return found
    }
    trail.pop()
    state.set(name, 'done')
    return undefined
  }
  for (const name of sortedKeys(edges)) {
    const found = visit(name)
    if (found !== undefined) return found
  }
  return undefined
}
