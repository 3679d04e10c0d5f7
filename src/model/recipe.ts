/**
 * Recipes: how the versions of a package are built from source, or found on the system.
 *
 * Invariant: a `Recipe` has been checked whole; whoever holds one need not check it again.
 * Not here: reading backlot.yaml (`project.ts`), one version of a recipe (`recipe-version.ts`).
 */
import type { Digest } from '#kernel/index.ts'
import type { OptionValue, Requirement } from './requirement.ts'
import type { Target } from './target.ts'
import type { Version } from './version.ts'
import type { VersionSet } from './version-set.ts'

export interface Recipe {
  readonly name: string
  readonly summary: string
  readonly homepage?: string
  /** SPDX licence expression; empty where nobody said, which only system packages may do. */
  readonly license: string
  readonly kind: 'build' | 'system'
  /** Newest first, as the file lists them. Empty for kind `system`. */
  readonly versions: readonly VersionEntry[]
  readonly options: Readonly<Record<string, OptionDeclaration>>
  /** Other names that it answers to, such as `jpeg` for libjpeg-turbo. */
  readonly provides: readonly Conditional<Provision>[]
  readonly requires: readonly ConditionalRequirement[]
  /** Needed when it runs, and not while it is built: the one way to have a circle of packages. */
  readonly runRequires: readonly ConditionalRequirement[]
  readonly buildRequires: readonly ConditionalRequirement[]
  readonly steps: readonly Conditional<BuildStep>[]
  readonly environment: Readonly<Record<string, readonly ConditionalValue[]>>
  readonly exports: RecipeExports
  readonly tests: readonly Conditional<PackageTest>[]
  /** Present exactly when the kind is `system`. */
  readonly system?: SystemPackage
}

export interface VersionEntry {
  readonly version: Version
  readonly sources: readonly Source[]
  readonly patches: readonly Patch[]
  /** SOURCE_DATE_EPOCH in seconds; derived from the sources where it is absent. */
  readonly epoch?: number
  /** When it was released, in seconds since 1970. */
  readonly released?: number
  /** Why it should not be taken any more; it still is where nothing else fits. */
  readonly deprecated?: string
}

/** A name that a package answers to. */
export interface Provision {
  readonly name: string
  /** Absent: the version of the package. */
  readonly version?: Version
}

/** Holds when every member that is present holds. */
export interface When {
  readonly version?: VersionSet
  readonly options?: Readonly<Record<string, OptionValue>>
  /** Targets, or systems (`linux`) that stand for all of their targets. */
  readonly targets?: readonly string[]
}

export type Conditional<T> = T & { readonly when?: When }

export interface ConditionalValue {
  readonly value: string
  readonly when?: When
}

export interface ConditionalRequirement {
  readonly requirement: Requirement
  /** Always present where the requirement leaves newer versions out. */
  readonly reason?: string
  readonly when?: When
}

export interface OptionDeclaration {
  readonly default: OptionValue
  /** The values that are allowed; absent for a switch that is true or false. */
  readonly values?: readonly string[]
  readonly summary: string
}

export type Source =
  | (Unpacking & {
      readonly kind: 'url'
      readonly url: string
      readonly sha256: string
      /** Debian source package whose upstream tarball has the same bytes. */
      readonly debSrc?: string
    })
  /** A folder relative to backlot.yaml. */
  | (Unpacking & { readonly kind: 'path'; readonly path: string })
  | (Unpacking & {
      readonly kind: 'git'
      readonly git: string
      /** 40 hexadecimal digits. */
      readonly commit: string
      readonly submodules: boolean
    })
  /** A source distribution from a Python index. */
  | (Unpacking & {
      readonly kind: 'pypi'
      readonly pypi: string
      /** Absent: the version of the package. */
      readonly version?: string
      readonly sha256: string
    })

export interface Unpacking {
  /** Leading path components to drop; 1 by default for archives. */
  readonly strip: number
  /** Folder of the source tree to unpack into, relative; the top by default. */
  readonly into?: string
}

export interface Patch {
  /** A file relative to backlot.yaml. */
  readonly path: string
  readonly strip: number
  readonly when?: When
}

export type BuildStep =
  | {
      readonly kind: 'cmake'
      readonly source: string
      readonly definitions: Readonly<Record<string, readonly ConditionalValue[]>>
      /** Empty: the default target. */
      readonly targets: readonly string[]
      readonly generator?: string
      /** A configure preset of the project's CMakePresets.json. */
      readonly preset?: string
      /** What is installed of the project; absent: all of it. */
      readonly components?: readonly string[]
    }
  | { readonly kind: 'python'; readonly source: string; readonly settings: Settings }
  | {
      readonly kind: 'make'
      readonly source: string
      /** The command before make; empty for none. */
      readonly configure: readonly string[]
      readonly targets: readonly string[]
      /** Arguments of the installing make: `install` and variables. */
      readonly install: readonly string[]
    }
  | { readonly kind: 'script'; readonly script: string }

type Settings = Readonly<Record<string, string>>

/** A step of one version: every value decided. */
export type ResolvedStep =
  | (Omit<Extract<BuildStep, { kind: 'cmake' }>, 'definitions'> & {
      readonly definitions: Settings
    })
  | Exclude<BuildStep, { kind: 'cmake' }>

export interface Exports {
  readonly cmake: readonly CmakeExport[]
  readonly pkgConfig: readonly string[]
  readonly programs: readonly ProgramExport[]
  readonly python: readonly string[]
}

/** What a recipe says it exports, each with its own condition. */
export interface RecipeExports {
  readonly cmake: readonly Conditional<CmakeExport>[]
  readonly pkgConfig: readonly Conditional<{ readonly name: string }>[]
  readonly programs: readonly Conditional<ProgramExport>[]
  readonly python: readonly Conditional<{ readonly name: string }>[]
}

export interface CmakeExport {
  readonly package: string
  /** Handed to find_package; absent: none. */
  readonly version?: string | undefined
  readonly targets: readonly string[]
  readonly components: readonly string[]
}

export interface ProgramExport {
  readonly name: string
  readonly args: readonly string[]
  readonly exit: number
}

export interface PackageTest {
  readonly name: string
  readonly script: string
}

export interface SystemPackage {
  /** Tried in order; the first that answers decides. */
  readonly detect: readonly SystemProbe[]
  /** By distribution id of os-release (`debian`, `rocky`, …): the packages to install. */
  readonly install: Readonly<Record<string, readonly string[]>>
}

export type SystemProbe =
  | { readonly kind: 'pkg-config'; readonly name: string }
  | { readonly kind: 'dpkg'; readonly name: string }
  | { readonly kind: 'rpm'; readonly name: string }
  /** `pattern`: a regular expression; its first group is the version. */
  | { readonly kind: 'program'; readonly argv: readonly string[]; readonly pattern: string }

/** One version of a recipe for given options and target: no condition is left. */
export interface RecipeVersion {
  readonly name: string
  readonly version: Version
  readonly summary: string
  readonly homepage?: string
  readonly license: string
  readonly target: Target
  /** Every declared option. */
  readonly options: Readonly<Record<string, OptionValue>>
  readonly sources: readonly Source[]
  readonly patches: readonly Patch[]
  readonly epoch?: number
  readonly provides: readonly Required<Provision>[]
  readonly deprecated?: string
  readonly requires: readonly RecipeRequirement[]
  readonly runRequires: readonly RecipeRequirement[]
  readonly buildRequires: readonly RecipeRequirement[]
  readonly steps: readonly ResolvedStep[]
  readonly environment: Settings
  readonly exports: Exports
  readonly tests: readonly PackageTest[]
  /**
   * Of all that can change the build's bytes, as far as the file says it: not of the contents of
   * patches and paths, nor of summary, homepage, reasons and where sources are downloaded from.
   */
  readonly digest: Digest
}

export interface RecipeRequirement {
  readonly requirement: Requirement
  readonly reason?: string
}
