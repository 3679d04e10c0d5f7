/**
 * Recipes that the program carries within itself, so that one file is the whole program.
 */
import { readShippedRecipes } from './shipped-macro.ts' with { type: 'macro' }

const recipes = readShippedRecipes()

/** Package name to the text of its backlot.yaml. */
export function shippedRecipes(): ReadonlyMap<string, string> {
  return new Map(Object.entries(recipes))
}
