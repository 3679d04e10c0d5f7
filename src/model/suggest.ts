/**
 * «Did you mean»: the known word that is nearest to a misspelt one.
 *
 * Source: Damerau-Levenshtein distance in its restricted form (optimal string alignment).
 */

const wordLengthMax = 64

/**
 * The nearest known word, when it is near enough to be worth saying; ties go to the first.
 * Case does not count, and a word inside a longer one counts as near.
 */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase()
  if (wanted === '' || wanted.length > wordLengthMax) return undefined
  let best: string | undefined
  let bestCost = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    if (candidate.length > wordLengthMax) continue
    const cost = distance(wanted, candidate.toLowerCase(), bestCost)
    if (cost >= bestCost) continue
    best = candidate
    bestCost = cost
  }
  return best
}

/** Edits (insert, delete, replace, swap neighbours) from one word to the other, up to `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(above, j) + 1, at(row, j - 1) + 1, at(above, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1)
      row.push(cost)
    }
    before = above
    above = row
  }
  return at(above, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0
}
