/** Requirements. */
import type { Scheme } from './version.ts'
import type { VersionSet } from './version-set.ts'

export type OptionValue = string | boolean

export interface Requirement {
  readonly name: string
  /** `weak`: only if present, it must be in the range; `conflict`: it must not be in the range. */
  readonly kind: 'require' | 'conflict' | 'weak'
  /** As written: the range that is wanted, or for a conflict the one that is not. */
  readonly versions: VersionSet
  readonly options: Readonly<Record<string, OptionValue>>
  readonly text: string
}

export declare function parseRequirement(text: string, scheme?: Scheme): Requirement
export declare function formatRequirement(requirement: Requirement, scheme?: Scheme): string
export declare function mergeRequirements(
  a: Requirement,
  b: Requirement,
  scheme?: Scheme,
): Requirement | undefined
