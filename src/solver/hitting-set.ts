/**
 * Hitting sets: the fewest numbers such that every list has one of them.
 *
 * Exact, by branching on the first list that is not met yet, smallest sizes first. The lists of one
 * solve are few and mostly of length one.
 */

/** Branches before giving up; undefined is then the answer. */
const branchesMax = 20_000

/** A smallest set that meets every list; among equals the one that takes early members. */
export function smallestMeeting(
  lists: readonly (readonly number[])[],
): ReadonlySet<number> | undefined {
  const forced = new Set(lists.filter((list) => list.length === 1).flat())
  const open = lists.filter((list) => !list.some((member) => forced.has(member)))
  const state = { left: branchesMax }
  for (let size = disjoint(open); state.left > 0; size++) {
    const found = meeting(open, size, state)
    if (found !== undefined) return new Set([...forced, ...found])
  }
  return undefined
}

function meeting(
  lists: readonly (readonly number[])[],
  size: number,
  state: { left: number },
): readonly number[] | undefined {
  const [first] = lists
  if (first === undefined) return []
  state.left -= 1
  if (state.left <= 0 || disjoint(lists) > size) return undefined
  for (const member of first) {
    const rest = lists.filter((list) => !list.includes(member))
    const found = meeting(rest, size - 1, state)
    if (found !== undefined) return [member, ...found]
  }
  return undefined
}

/** How many lists can be picked that share no member: a lower bound. */
function disjoint(lists: readonly (readonly number[])[]): number {
  const taken = new Set<number>()
  let count = 0
  for (const list of lists) {
    if (list.some((member) => taken.has(member))) continue
    for (const member of list) taken.add(member)
    count += 1
  }
  return count
}
