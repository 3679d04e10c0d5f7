/**
 * The interop room: other package managers' repositories, read as they are.
 *
 * Rez: a repository becomes a catalog, kept below `BACKLOT_HOME`; requests are solved in catalogs
 * under Rez's rules. Nothing is ever written into a repository, and what has to be run of it runs
 * in a sandbox.
 * Not here: text for people, argv.
 */
export {
  type CatalogOptions,
  importRezRepository,
  type ImportReport,
  isStillFresh,
  openRezRepository,
} from './catalog-file.ts'
export type { Catalog, Demand } from './catalog-layout.ts'
export type { Problem } from './repository.ts'
export { type FilterRules, packageFilter, withRules } from './package-filter.ts'
export { readRezConfig, type RezConfig } from './rez-config.ts'
export { type EnvironmentOptions, type RezEnvironment, rezEnvironment } from './rez-environment.ts'
export {
  type RezOutcome,
  type RezRequest,
  type RezResolved,
  type RezSolution,
  solveRez,
} from './rez-solve.ts'
export { homeOf, type RezSystem, rezSystem } from './rez-system.ts'
export { type Repository, rezUniverse } from './rez-universe.ts'
