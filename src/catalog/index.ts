/**
 * The catalog room: what the solver reads, in names and versions, and what its answers mean.
 *
 * Invariant: an answer depends only on the entries and the request, never on the order in which
 * entries were added.
 * Not here: searching (`#solver`), fetching catalogs (`#oci`), building (`#build`).
 */
export type {
  BuildEntry,
  BuildFacts,
  Catalog,
  CatalogEntry,
  RecipeEntry,
  SystemEntry,
} from './entry.ts'
export {
  type Cause,
  type ConflictFact,
  type Explanation,
  explainFailure,
} from './explanation/explanation.ts'
export { type Fix, fixByRequest } from './explanation/fixes.ts'
export { contextOf } from './explanation/subjects.ts'
export type { Labels } from './explanation/labels.ts'
export type {
  Choosing,
  Resolution,
  ResolveContext,
  ResolvedBuild,
  ResolvedPackage,
  ResolvedRecipe,
  ResolvedSystem,
  ResolveRequest,
} from './resolution.ts'

export { byProvided, catalogOf, recipeEntries } from './memory.ts'
export { resolve, resolveBuild, resolveInSlices } from './resolve.ts'

export { catalogMediaTypes, decodeCatalog, encodeCatalog } from './codec.ts'
export { type BuildIndex, openBuildIndex } from './build-index.ts'
export { readShelf, writeShelf } from './shelf-file.ts'
export type { Section } from './shelf.ts'
