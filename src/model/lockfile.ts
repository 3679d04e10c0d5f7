/** Lockfiles: environments written down. */
import type { Digest } from '#kernel/index.ts'
import type { OptionValue } from './requirement.ts'
import type { Target } from './target.ts'

export type LockedPackage =
  | {
      readonly name: string
      readonly version: string
      readonly kind: 'build'
      /** Digest of the build's manifest. */
      readonly build: Digest
      readonly layer: Digest
      /** Bytes of the layer. */
      readonly size: number
      /** Names of packages in the same environment and target. */
      readonly depends: readonly string[]
    }
  | {
      readonly name: string
      readonly version: string
      /** Still to be built. */
      readonly kind: 'recipe'
      readonly recipe: Digest
      readonly options: Readonly<Record<string, OptionValue>>
      readonly depends: readonly string[]
    }
  | {
      readonly name: string
      readonly version: string
      readonly kind: 'system'
      readonly range: string
      readonly depends: readonly string[]
    }

export interface LockedHost {
  readonly name: `__${string}`
  readonly range: string
}

export interface LockedTarget {
  /** Dependencies before what depends on them. */
  readonly packages: readonly LockedPackage[]
  readonly host: readonly LockedHost[]
}

export interface LockedEnvironment {
  readonly platform?: string
  /** Canonical digest of what was asked for. */
  readonly request: Digest
  readonly variables: Readonly<Record<string, string>>
  readonly targets: Readonly<Partial<Record<Target, LockedTarget>>>
}

export interface Lockfile {
  readonly lockfile: 1
  readonly environments: Readonly<Record<string, LockedEnvironment>>
}

/** @throws AppError `model/bad-lockfile` */
export declare function parseLockfile(text: string, path: string): Lockfile
/** One package a line, keys sorted; equal lockfiles give equal bytes. */
export declare function formatLockfile(lock: Lockfile): string
