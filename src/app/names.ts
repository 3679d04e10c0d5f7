/**
 * Packages by the names that they answer to: their own, and those that they provide.
 *
 * At most one package of an environment answers to a name (docs/solving.md, «What fits»), so a name
 * finds one.
 */
export interface Named {
  readonly name: string
  readonly provides?: Readonly<Record<string, string>> | undefined
}

/** Its own name first. */
export function namesOf({ name, provides = {} }: Named): readonly string[] {
  return [name, ...Object.keys(provides)]
}

export function byNames<One extends Named>(packages: readonly One[]): ReadonlyMap<string, One> {
  return new Map(packages.flatMap((one) => namesOf(one).map((name) => [name, one] as const)))
}

/** The packages of these names, what they depend on, and so on. */
export function reachedFrom<One extends Named & { readonly depends: readonly string[] }>(
  names: readonly string[],
  packages: readonly One[],
): ReadonlySet<One> {
  const known = byNames(packages)
  const reached = new Set(names.flatMap((name) => known.get(name) ?? []))
  // A set goes on over what is added while it is walked.
  for (const one of reached)
    for (const name of one.depends) {
      const next = known.get(name)
      if (next !== undefined) reached.add(next)
    }
  return reached
}

/** What one package requires of another, as its lockfile has it, where it says more than a name. */
export function needOf(
  one: { readonly needs?: readonly string[] },
  needed: Named,
): string | undefined {
  const names = new Set(namesOf(needed))
  // Conflicts and weak requirements begin with `!` and `~`.
  return one.needs?.find((text) => names.has(/^[^\s[!~]+/.exec(text)?.[0] ?? ''))
}
