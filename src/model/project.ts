/**
 * Projects: what a backlot.yaml says.
 *
 * Not here: reading one (`project-file.ts`), recipes (`recipe.ts`).
 */
import type { Digest } from '#kernel/index.ts'
import type { Recipe } from './recipe.ts'
import type { Requirement } from './requirement.ts'
import type { Target } from './target.ts'

export interface Project {
  readonly package?: Recipe
  /** By name; the one under `environment:` is `default`. */
  readonly environments: Readonly<Record<string, Environment>>
  readonly matrix?: unknown
  /** Folders that hold NAME/backlot.yaml, relative to this file. */
  readonly recipes: readonly string[]
  readonly registry?: string
  readonly mirrors: readonly Mirror[]
  /** Of what the file says; comments, order of keys and quoting do not count. */
  readonly digest: Digest
}

export interface Environment {
  /** A year of the VFX Reference Platform, checked to exist. */
  readonly platform?: string
  readonly packages: readonly Requirement[]
  readonly variables: Readonly<Record<string, string>>
  /** A day, a time, or an age such as `14d`: what was released later is left out. */
  readonly excludeNewer?: string
  /** Empty: the target of the host. */
  readonly targets: readonly Target[]
}

export type Mirror =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'deb-src' }
