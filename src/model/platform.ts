/** VFX Reference Platforms. */
import type { Requirement } from './requirement.ts'
import type { Version } from './version.ts'
import type { VersionSet } from './version-set.ts'

export interface Platform {
  /** `CY2024` */
  readonly year: string
  readonly status: 'final' | 'draft'
  /** By our package names: imath, openexr, opencolorio, cpython, onetbb, … */
  readonly components: ReadonlyMap<string, VersionSet>
  readonly gcc?: Version
  readonly glibc?: Version
  /** Minimum for a provider, maximum for a build. */
  readonly tbb?: { readonly name: 'tbb' | 'onetbb'; readonly version: Version }
  readonly cxxStandard?: number
  readonly cxx11Abi?: 0 | 1
  readonly macosDeploymentTarget?: string
}

export declare const platformYears: readonly string[]
/** @throws AppError `model/unknown-platform` */
export declare function findPlatform(year: string): Platform
/** Weak requirements; gcc, glibc and tbb: `provide` gives >=, `build` gives <=. */
export declare function platformRequirements(
  platform: Platform,
  role: 'provide' | 'build',
): readonly Requirement[]
