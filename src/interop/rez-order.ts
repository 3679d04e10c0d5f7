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
  const waiting = [...new Set([...first.filter((name) => edges.has(name)), ...sortedKeys(edges)])]
  const ordered: string[] = []
  while (waiting.length > 0) {
    const [name = ''] = waiting
    const needs = needsOf(name)
    const at = waiting.findIndex((other, index) => index > 0 && needs.has(other))
    if (at === -1) {
      ordered.push(name)
      waiting.shift()
    } else waiting.unshift(...waiting.splice(at, 1))
  }
  return ordered
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
