/** One version of a recipe. */
import type { Recipe, RecipeVersion } from './recipe.ts'
import type { OptionValue } from './requirement.ts'
import type { Target } from './target.ts'
import type { Version } from './version.ts'

/**
 * The version with `when:` applied and options filled in.
 * @throws AppError `model/unknown-version`, `model/bad-option`
 */
export declare function recipeAt(
  recipe: Recipe,
  version: Version,
  options: Readonly<Record<string, OptionValue>>,
  target: Target,
): RecipeVersion
