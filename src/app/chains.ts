/**
 * Chains of needs: every way from what was asked for to a package.
 *
 * Only packages that lead there are walked, so what lies beside costs nothing.
 */
export interface Needs {
  /** What was asked for by name, in order. */
  readonly asked: readonly string[]
  /** By name: names of what it needs. */
  readonly needs: ReadonlyMap<string, readonly string[]>
}

const chainsMax = 1000

/** Each chain from one of `asked` to the name, without circles; at most a thousand. */
export function chainsTo({ asked, needs }: Needs, name: string): readonly (readonly string[])[] {
  const leading = leadingTo(needs, name)
  const chains: string[][] = []
  const follow = (at: string, chain: readonly string[]): void => {
    if (chains.length >= chainsMax || chain.includes(at) || !leading.has(at)) return
    if (at === name) chains.push([...chain, at])
    else for (const next of needs.get(at) ?? []) follow(next, [...chain, at])
  }
  for (const start of new Set(asked)) follow(start, [])
  return chains
}

function leadingTo(needs: Needs['needs'], name: string): ReadonlySet<string> {
  const users = new Map<string, string[]>()
  for (const [user, all] of needs)
    for (const needed of all) {
      const known = users.get(needed)
      if (known === undefined) users.set(needed, [user])
      else known.push(user)
    }
  // A set goes on over what is added while it is walked.
  const leading = new Set([name])
  for (const one of leading) for (const user of users.get(one) ?? []) leading.add(user)
  return leading
}
