/**
 * Which options are asked of which package, anywhere that a request can lead.
 *
 * A recipe can be built with any combination of its options; only those that somebody names are
 * worth a candidate. Conditions (`when:`) are ignored here, so this may name too many.
 */
import { canonicalJson } from '#kernel/index.ts'
import { parseRequirement, type Recipe, type Requirement } from '#model/index.ts'
import type { Options } from './candidate.ts'
import type { Catalog, CatalogEntry } from './entry.ts'

/** Options by package name, each list in canonical order. */
export function demandedOptions(
  catalog: Catalog,
  requirements: readonly Requirement[],
): ReadonlyMap<string, readonly Options[]> {
  const demands = new Map<string, Map<string, Options>>()
  const queue: string[] = []
  const seen = new Set<string>()
  const reach = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    queue.push(name)
    catalog.providers(name).forEach(reach)
  }
  const note = ({ name, options }: Requirement): void => {
    reach(name)
    if (Object.keys(options).length === 0) return
    for (const one of [name, ...catalog.providers(name)]) {
      const known = demands.get(one) ?? new Map<string, Options>()
      demands.set(one, known.set(canonicalJson(options), options))
    }
  }
  requirements.forEach(note)
  for (let name = queue.pop(); name !== undefined; name = queue.pop())
    noteEntries(catalog.entries(name), { note, reach })
  return new Map(
    [...demands].map(([name, known]) => [
      name,
      [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, options]) => options),
    ]),
  )
}

function noteEntries(
  entries: readonly CatalogEntry[],
  to: { readonly note: (one: Requirement) => void; readonly reach: (name: string) => void },
): void {
  for (const recipe of recipesIn(entries)) {
    for (const { requirement } of recipe.requires) to.note(requirement)
    for (const { requirement } of recipe.runRequires) to.note(requirement)
    for (const { requirement } of recipe.buildRequires) to.note(requirement)
  }
  for (const entry of entries)
    if (entry.kind === 'build') {
      for (const { name } of entry.config.requires) to.reach(name)
      for (const text of entry.config.constraints) to.note(parseRequirement(text))
    }
}

function recipesIn(entries: readonly CatalogEntry[]): ReadonlySet<Recipe> {
  return new Set(entries.flatMap((entry) => (entry.kind === 'recipe' ? entry.recipe : [])))
}

/** What a package may need when it runs, and what it is known to want of that. */
export function runNeedsOf(catalog: Catalog, name: string): readonly RunNeed[] {
  const entries = catalog.entries(name)
  const recipes = [...recipesIn(entries)]
  const stated = recipes.flatMap(({ requires, runRequires }) => [...requires, ...runRequires])
  const built = entries.flatMap((entry) => (entry.kind === 'build' ? entry.config.requires : []))
  return [
    ...stated.map(({ requirement }) => ({
      name: requirement.name,
      isParticular: Object.keys(requirement.options).length > 0,
    })),
    ...built.map((need) => ({ name: need.name, isParticular: true })),
    ...catalog.providers(name).map((provider) => ({ name: provider, isParticular: false })),
  ]
}

export interface RunNeed {
  readonly name: string
  /** Whether it asks for options, or for what a build was compiled against. */
  readonly isParticular: boolean
}
