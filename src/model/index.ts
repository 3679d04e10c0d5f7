/**
 * The words everything else is written in: names, versions, ranges, requirements, platforms,
 * recipes, projects, build configurations and lockfiles, each with its text form.
 *
 * Not here: files, network, processes, or how anything is chosen, built or stored.
 */
export {
  BuildConfig,
  buildArtifactType,
  buildConfigMediaType,
  parseBuildConfig,
} from './build-config.ts'
export { checkCutOff, cutOffAt } from './cut-off.ts'
export { type HostFact, knownHostFacts, parseHostFact } from './host-fact.ts'
export { jsonSchema } from './json-schema.ts'
export {
  formatLockfile,
  type LockedChoice,
  type LockedEnvironment,
  type LockedHost,
  type LockedPackage,
  type LockedTarget,
  type Lockfile,
} from './lockfile.ts'
export { parseLockfile } from './lock-reader.ts'
export { isPackageName, isVirtualName, parsePackageName } from './name.ts'
export {
  componentVersions,
  findPlatform,
  type Platform,
  platformRequirements,
  platformYears,
} from './platform.ts'
export type { Environment, Mirror, Project } from './project.ts'
export { parseProject } from './project-file.ts'
export { isRegistry } from './project-schema.ts'
export { formatRange, parseRange } from './range.ts'
export type {
  BuildStep,
  CmakeExport,
  Conditional,
  ConditionalRequirement,
  ConditionalValue,
  Exports,
  OptionDeclaration,
  PackageTest,
  Patch,
  ProgramExport,
  Provision,
  Recipe,
  RecipeExports,
  RecipeRequirement,
  RecipeVersion,
  ResolvedStep,
  Source,
  SystemPackage,
  SystemProbe,
  VersionEntry,
  When,
} from './recipe.ts'
export { completeOptions, needsAt, recipeAt } from './recipe-version.ts'
export {
  parseRegistryConfig,
  type RegistryConfig,
  registryJsonSchema,
} from './registry-config/registry-config.ts'
export { nextRunMs, type Schedule } from './registry-config/schedule.ts'
export { secretIn } from './registry-config/secret.ts'
export {
  allowedVersions,
  formatRequirement,
  mergeRequirements,
  type OptionValue,
  parseRequirement,
  type Requirement,
} from './requirement.ts'
export { isGitUrl } from './source-schema.ts'
export { didYouMean } from './suggest.ts'
export { parseTypedRequirement } from './typed-requirement.ts'
export { hostTarget, isTarget, parseTarget, type Target, targets } from './target.ts'
export {
  compareVersions,
  isPrerelease,
  isVersion,
  keyOfHead,
  keyOfTail,
  nextVersion,
  parseVersion,
  type Scheme,
  type Version,
} from './version.ts'
export {
  anyVersion,
  type Bound,
  complementOf,
  contains,
  differenceOf,
  equalSets,
  intersectionOf,
  intersects,
  type Interval,
  isAnySet,
  isBoundedAbove,
  isEmptySet,
  isSubset,
  namesPrerelease,
  noVersion,
  unionOf,
  type VersionSet,
} from './version-set.ts'
