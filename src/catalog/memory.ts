/** Catalogs over entries that are in memory. */
import type { Digest } from '#kernel/index.ts'
import type { Recipe } from '#model/index.ts'
import type { Catalog, CatalogEntry, RecipeEntry } from './entry.ts'

/** A catalog over entries that are in memory; their order does not matter. */
export function catalogOf(entries: Iterable<CatalogEntry>): Catalog {
  const byName = new Map<string, CatalogEntry[]>()
  for (const entry of entries) {
    const list = byName.get(entry.name)
    if (list === undefined) byName.set(entry.name, [entry])
    else list.push(entry)
  }
  return {
    entries: (name) => byName.get(name) ?? [],
    names: () => byName.keys(),
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
