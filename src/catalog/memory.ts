/** Catalogs over entries that are in memory. */
import type { Digest } from '#kernel/index.ts'
import type { Recipe } from '#model/index.ts'
import type { Catalog, CatalogEntry, RecipeEntry } from './entry.ts'

/** A catalog over entries that are in memory; their order does not matter. */
export function catalogOf(entries: Iterable<CatalogEntry>): Catalog {
  const byName = new Map<string, CatalogEntry[]>()
  const all = [...entries]
  for (const entry of all) {
    const list = byName.get(entry.name)
    if (list === undefined) byName.set(entry.name, [entry])
    else list.push(entry)
  }
  const provided = byProvided(all.map((entry) => [entry.name, namesProvidedBy(entry)]))
  return {
    entries: (name) => byName.get(name) ?? [],
    providers: (name) => [...new Set(provided(name))].sort(),
    names: () => byName.keys(),
  }
}

/** Names that an entry answers to, besides its own; some only with certain options. */
function namesProvidedBy(entry: CatalogEntry): readonly string[] {
  switch (entry.kind) {
    case 'build':
      return entry.config.provides.map(({ name }) => name)
    case 'recipe':
      return entry.recipe.provides.map(({ name }) => name)
    case 'system':
      return (entry.provides ?? []).map(({ name }) => name)
  }
}

/** One entry for each version of a recipe; none for a recipe of the kind `system`. */
export function recipeEntries(
  recipe: Recipe,
  at: { readonly digest: Digest; readonly folder: string },
): readonly RecipeEntry[] {
  if (recipe.kind === 'system') return []
  return recipe.versions.map(({ version }) => ({
    kind: 'recipe',
    name: recipe.name,
    version,
    recipe,
    ...at,
  }))
}

/** Packages by the names that they answer to besides their own, from pairs of both. */
export function byProvided(
  pairs: Iterable<readonly [provider: string, provided: readonly string[]]>,
): (name: string) => readonly string[] {
  let providers: Map<string, string[]> | undefined
  return (name) => {
    if (providers === undefined) {
      providers = new Map()
      for (const [provider, provided] of pairs)
        for (const one of provided) providers.set(one, [...(providers.get(one) ?? []), provider])
    }
    return providers.get(name) ?? []
  }
}
