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
  const wanted = [...new Set([...first.filter((name) => edges.has(name)), ...sortedKeys(edges)])]
  const needs = closure(edges, wanted)
  const isListed = new Uint8Array(wanted.length)
  const listed: string[] = []
  // Rez moves the first waiting name that is needed to the front, again and again: a depth-first
  // walk over everything that a name needs, in the wanted order.
  const visit = (index: number): void => {
    if (isListed[index] === 1) return
    for (const [at, word] of (needs[index] ?? []).entries())
      for (let rest = word; rest !== 0; rest &= rest - 1)
        visit(at * 32 + 31 - Math.clz32(rest & -rest))
    isListed[index] = 1
    listed.push(wanted[index] ?? '')
  }
  for (const index of wanted.keys()) visit(index)
  return listed
}

/** For each name the set of all that it needs, at any depth: a bit for each place in `names`. */
function closure(edges: Edges, names: readonly string[]): readonly Int32Array[] {
  const places = new Map(names.map((name, place) => [name, place]))
  const sets: Int32Array[] = []
  const needsOf = (name: string, place: number): Int32Array => {
    const known = sets[place]
    if (known !== undefined) return known
    const set = new Int32Array((names.length + 31) >> 5)
    sets[place] = set
    for (const next of edges.get(name) ?? []) {
      const other = places.get(next)
      if (other === undefined) continue
      set[other >> 5] = (set[other >> 5] ?? 0) | (1 << (other & 31))
      for (const [at, word] of needsOf(next, other).entries()) set[at] = (set[at] ?? 0) | word
    }
    return set
  }
  for (const [place, name] of names.entries()) needsOf(name, place)
  return sets
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
