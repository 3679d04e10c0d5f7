/** What two locked environments are compared by. */
import type { LockedPackage } from '#model/index.ts'

/** One environment for one target, as a lockfile has it. */
export interface LockedSide {
  readonly platform?: string | undefined
  /** Requirements, in order. */
  readonly asked: readonly string[]
  readonly until?: string | undefined
  readonly lowest?: 'all' | 'direct' | undefined
  readonly packages: readonly LockedPackage[]
}

/** Both sides of a comparison. */
export interface Sides {
  readonly before: LockedSide
  readonly after: LockedSide
}
