/**
 * Patterns of names that are made of parts joined by `/`: repositories, refs, subjects.
 *
 * `*` stands for any characters but `/`, also none; `**` as a whole part stands for any number of
 * parts, also none. Everything else stands for itself.
 * Invariant: matching takes time proportional to pattern times name, whatever they hold; a regular
 * expression made of a hostile pattern would not.
 */

export type NamePattern = (name: string) => boolean

/** The pattern as a test. */
export function namePattern(pattern: string): NamePattern {
  if (!pattern.includes('*')) return (name) => name === pattern
  if (pattern === '**') return () => true
  const parts = pattern.split('/')
  return (name) => matches(parts, name.split('/'), { any: '**', matchesOne: partMatches })
}

function partMatches(pattern: string, part: string): boolean {
  if (!pattern.includes('*')) return pattern === part
  return matches(Array.from(pattern), Array.from(part), { any: '*', matchesOne: (a, b) => a === b })
}

interface Alphabet {
  /** The item that stands for any run of items. */
  readonly any: string
  readonly matchesOne: (pattern: string, item: string) => boolean
}

/** The greedy match with one way back, which is enough when only runs are wild. */
function matches(pattern: readonly string[], items: readonly string[], alphabet: Alphabet) {
  let [at, item] = [0, 0]
  let [back, backItem] = [-1, 0]
  while (item < items.length) {
    const wanted = pattern[at]
    if (wanted === alphabet.any) {
      back = at
      backItem = item
      at += 1
    } else if (wanted !== undefined && alphabet.matchesOne(wanted, items[item] ?? '')) {
      at += 1
      item += 1
    } else if (back >= 0) {
      at = back + 1
      backItem += 1
      item = backItem
    } else return false
  }
  while (pattern[at] === alphabet.any) at += 1
  return at === pattern.length
}
