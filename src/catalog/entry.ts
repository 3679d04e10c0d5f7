/**
 * What the catalog knows of a package: versions that can be built, builds, and what the OS has.
 *
 * Invariant: an entry holds only what choosing needs; a `BuildConfig` as it stands is `BuildFacts`.
 * Not here: how entries are fetched (`#app`), what a recipe looks like (`#model`).
 */
import type { Digest } from '#kernel/index.ts'
import type { BuildConfig, Recipe, Version } from '#model/index.ts'

/** A version that a recipe can build; its options are chosen by whoever requires it. */
export interface RecipeEntry {
  readonly kind: 'recipe'
  readonly name: string
  readonly version: Version
  readonly recipe: Recipe
  /** Of the recipe's file, as in the lockfile. */
  readonly digest: Digest
  /** Folder of its backlot.yaml. */
  readonly folder: string
}

/** The part of a build's config that choosing needs. */
export type BuildFacts = Pick<
  BuildConfig,
  | 'name'
  | 'version'
  | 'buildId'
  | 'target'
  | 'options'
  | 'platform'
  | 'requires'
  | 'provides'
  | 'constraints'
  | 'system'
  | 'host'
  | 'interface'
  | 'recipe'
  | 'epoch'
  | 'deprecated'
>

export interface BuildEntry {
  readonly kind: 'build'
  readonly name: string
  readonly version: Version
  readonly config: BuildFacts
  readonly manifest: Digest
  readonly layer: { readonly digest: Digest; readonly size: number }
  /** `local`, or the registry that has it. */
  readonly origin: string
}

/** A package that the OS provides; without a version it is known but not installed. */
export interface SystemEntry {
  readonly kind: 'system'
  readonly name: string
  readonly version?: Version | undefined
  readonly provides?: readonly { readonly name: string; readonly version: Version }[] | undefined
  /** Of a machine of which nothing is known: there in any version. */
  readonly isAssumed?: boolean
  /** The line that installs it on this distribution. */
  readonly install?: string | undefined
}

export type CatalogEntry = RecipeEntry | BuildEntry | SystemEntry

/** Every version and build of every package, by name. */
export interface Catalog {
  entries(name: string): readonly CatalogEntry[]
  /** Packages of which some entry may answer to a name that is not theirs, sorted. */
  providers(name: string): readonly string[]
  names(): Iterable<string>
}
