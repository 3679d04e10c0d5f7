/**
 * What is asked of a catalog and what it answers.
 */
import type { Digest } from '#kernel/index.ts'
import type { HostFact, OptionValue, Platform, Requirement, Target } from '#model/index.ts'
import type { SolveWork } from '#solver/index.ts'
import type { BuildEntry, RecipeEntry, SystemEntry } from './entry.ts'
import type { Explanation } from './explanation/explanation.ts'

/** Which versions there are, and which of them are preferred. */
export interface Choosing {
  /** Seconds since 1970: versions that were released later, or nobody knows when, are not there. */
  readonly until?: number | undefined
  /** Oldest versions first: of everything, or of what the request names. Newest when absent. */
  readonly lowest?: 'all' | 'direct' | undefined
}

export interface ResolveContext extends Choosing {
  readonly platform?: Platform | undefined
  /** What the machine that will run the answer is; empty: unknown, and every demand is met. */
  readonly host: readonly HostFact[]
  readonly target: Target
  readonly signal?: AbortSignal | undefined
  /** Conflicts before giving up with `budget`; unlimited when absent. */
  readonly conflictBudget?: number | undefined
  /** Only whether there is an answer matters: a failure is not explained. */
  readonly isTrial?: boolean
}

export interface ResolveRequest extends ResolveContext {
  /** In order of preference: earlier ones get their newest version first. */
  readonly requirements: readonly Requirement[]
  /** Version text by name: taken before newer ones where it fits. Keeps what is locked. */
  readonly keep?: ReadonlyMap<string, string> | undefined
  /** Manifests of builds by name: of one version and options, taken before others. */
  readonly keepBuilds?: ReadonlyMap<string, Digest> | undefined
  /** One more requirement, which no explanation gives up: what «why not» is about. */
  readonly wanted?: Requirement | undefined
}

interface Resolved {
  readonly name: string
  readonly version: string
  /** Names of the packages in this answer that it needs when it runs, sorted. */
  readonly depends: readonly string[]
  /** Its requirements that say more than such a name, sorted: `imath >=3.1`, `!openexr 2`. */
  readonly needs: readonly string[]
  /** Other names that it answers to, with the version of each. */
  readonly provides: Readonly<Record<string, string>>
}
export interface ResolvedBuild extends Resolved {
  readonly kind: 'build'
  readonly entry: BuildEntry
}
/** Still to be built, with these options. */
export interface ResolvedRecipe extends Resolved {
  readonly kind: 'recipe'
  readonly entry: RecipeEntry
  readonly options: Readonly<Record<string, OptionValue>>
}
export interface ResolvedSystem extends Resolved {
  readonly kind: 'system'
  readonly entry: SystemEntry
  /** What the packages of the answer accept of it. */
  readonly range: string
}
export type ResolvedPackage = ResolvedBuild | ResolvedRecipe | ResolvedSystem

export type Resolution =
  | {
      readonly kind: 'solved'
      /** Dependencies before what needs them. */
      readonly packages: readonly ResolvedPackage[]
      /** What the answer demands of the machine: `__glibc >=2.17`. */
      readonly host: readonly { readonly name: string; readonly range: string }[]
      readonly optimal: boolean
      readonly work: SolveWork
    }
  | ({
      readonly kind: 'unsolvable'
      /** What else may help: a name that was misspelt, a line that installs something. */
      readonly hints: readonly string[]
    } & Explanation)
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'budget'; readonly conflicts: number }
