/**
 * Packages that the operating system provides: is it there, which version, how to install it.
 *
 * Probes run in the order of the recipe and the first that answers wins.
 * Not here: what a recipe of kind `system` may say (`#model`).
 */
import type { Recipe, Version } from '#model/index.ts'
import type { Distribution } from './distribution.ts'

export interface SystemOptions {
  readonly env: Readonly<Record<string, string>>
  readonly distribution?: Distribution
  readonly signal?: AbortSignal | undefined
}

export type SystemResult =
  | { readonly kind: 'found'; readonly version: Version; readonly probe: string }
  | {
      readonly kind: 'missing'
      /** The line that installs it here; undefined when the recipe names none. */
      readonly install: string | undefined
      readonly probes: readonly string[]
    }

/** Looks for a system package on this machine. Probes that cannot run count as «not found». */
export function detectSystem(
  recipe: Pick<Recipe, 'name' | 'system'>,
  options: SystemOptions,
): Promise<SystemResult> {
  throw new Error(`not yet ${recipe.name} ${Object.keys(options).length}`)
}
