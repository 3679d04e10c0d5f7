/**
 * The catalog room: what the solver reads, in names and versions, and what its answers mean.
 *
 * Invariant: an answer depends only on the entries and the request, never on the order in which
 * entries were added.
 * Not here: searching (`#solver`), fetching catalogs (`#oci`), building (`#build`).
 */
import type { Recipe } from '#model/index.ts'
import type { Digest } from '#kernel/index.ts'
import type { BuildEntry, Catalog, CatalogEntry, RecipeEntry } from './entry.ts'
import type {
  Resolution,
  ResolveContext,
  ResolvedPackage,
  ResolvedRecipe,
  ResolveRequest,
} from './resolution.ts'

export type {
  BuildEntry,
  BuildFacts,
  Catalog,
  CatalogEntry,
  RecipeEntry,
  SystemEntry,
} from './entry.ts'
export type {
  ConflictFact,
  Resolution,
  ResolveContext,
  ResolvedBuild,
  ResolvedPackage,
  ResolvedRecipe,
  ResolvedSystem,
  ResolveRequest,
} from './resolution.ts'

/** A catalog over entries that are in memory; their order does not matter. */
export declare function catalogOf(entries: Iterable<CatalogEntry>): Catalog

/** One entry for each version of a recipe. */
export declare function recipeEntries(
  recipe: Recipe,
  at: { readonly digest: Digest; readonly folder: string },
): readonly RecipeEntry[]

/** Chooses the packages of an environment. */
export declare function resolve(catalog: Catalog, request: ResolveRequest): Resolution

/**
 * Chooses what is in the sandbox when a recipe of an answer is built: its run-time dependencies
 * as that answer has them (`within`), and its build-requires.
 */
export declare function resolveBuild(
  catalog: Catalog,
  request: ResolveContext & {
    readonly package: ResolvedRecipe
    readonly within: readonly ResolvedPackage[]
  },
): Resolution

/** The bytes of a package's `catalog` artifact; equal builds in any order give equal bytes. */
export declare function encodeCatalog(name: string, builds: readonly BuildEntry[]): Uint8Array

/** @throws AppError `solver/bad-catalog`, also for bytes that lie about the name. */
export declare function decodeCatalog(
  bytes: Uint8Array,
  from: { readonly name: string; readonly origin: string },
): readonly BuildEntry[]

export const catalogMediaTypes = {
  artifact: 'application/vnd.backlot.catalog.v1',
  layer: 'application/vnd.backlot.catalog.v1+json',
} as const

/** Builds of the local store in one file, so that a repeated lock reads no manifests. */
export interface BuildIndex {
  readonly builds: readonly BuildEntry[]
}

/**
 * Brings the index up to the given manifests: reads those that are new, forgets those that are
 * gone, and writes the file only when something changed. A broken file is made anew.
 */
export declare function refreshBuildIndex(
  path: string,
  manifests: readonly Digest[],
  read: (manifest: Digest) => Promise<BuildEntry | undefined>,
): Promise<BuildIndex>
