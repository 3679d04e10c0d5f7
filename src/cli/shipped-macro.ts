/**
 * Reads the recipes of the repository while the program is being bundled (or transpiled).
 * Runs at that time only, by way of `with { type: 'macro' }`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Package name to the text of its backlot.yaml. */
export function readShippedRecipes(): Record<string, string> {
  const folder = join(import.meta.dirname, '..', '..', 'recipes')
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(folder, name, 'backlot.yaml'), 'utf8')]),
  )
}
