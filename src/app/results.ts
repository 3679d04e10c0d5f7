/**
 * What the use cases take and give, as plain data: what `--format json` prints is this.
 *
 * Sizes are bytes, times are milliseconds, digests are `sha256:…`.
 */
import type { Explanation } from '#catalog/index.ts'
import type { Digest } from '#kernel/index.ts'
import type { Target } from '#model/index.ts'

export type { Check as DoctorCheck } from '#env/index.ts'

/** How strictly the lockfile is taken, as in Cargo and uv. */
export type LockMode =
  /** Solve again when backlot.yaml asks for something else than what is locked. */
  | 'update'
  /** Fail when that would be necessary (`--locked`). */
  | 'locked'
  /** Take the lockfile as it is, without comparing it (`--frozen`). */
  | 'frozen'

export interface EnvironmentChoice {
  /** Name of the environment; `default` when absent. */
  readonly environment?: string | undefined
  readonly mode?: LockMode | undefined
}

/** How versions are chosen when locking; `none` takes back what was said before. */
export interface ChoiceChange {
  /** A day, a time, or an age such as `14d`: what was released later is left out. */
  readonly excludeNewer?: string | undefined
  /** Oldest versions: of everything, or of what is asked for by name. */
  readonly lowest?: 'all' | 'direct' | 'none' | undefined
}

export interface InitResult {
  readonly path: string
  readonly platform: string | undefined
  readonly packages: readonly string[]
}

export interface PackageRow {
  readonly name: string
  readonly version: string
  readonly kind: 'build' | 'recipe' | 'system'
  /** Manifest digest of a build. */
  readonly build?: Digest
  readonly sizeBytes?: number
  readonly depends: readonly string[]
}

export interface Change {
  readonly name: string
  readonly before?: string
  readonly after?: string
  readonly what: 'added' | 'removed' | 'upgraded' | 'downgraded' | 'rebuilt'
  /** A sentence without its end: `openexr 3.4.11 needs imath >=3.2`. */
  readonly because?: string
}

export interface LockWish {
  /** Packages to bring to their newest versions; `all` lets everything go. */
  readonly update?: readonly string[] | 'all'
  readonly choose?: ChoiceChange
}

export interface LockAllResult {
  readonly environments: readonly LockResult[]
  /** Of all environments that have no answer. */
  readonly unsolvable?: Unsolvable
}

export interface LockResult {
  readonly path: string
  /** False when the lockfile already said all this; then it was not written. */
  readonly changed: boolean
  readonly environment: string
  readonly target: Target
  readonly packages: readonly PackageRow[]
  readonly changes: readonly Change[]
  /** Why there is no answer, when there is none; the lockfile is then untouched. */
  readonly unsolvable?: Unsolvable
}

/** Why there is no answer, as text (`sentences`) and as data (`causes`), and what would help. */
export interface Unsolvable extends Explanation {
  readonly hints: readonly string[]
}

export interface EditResult {
  readonly path: string
  /** Whether backlot.yaml had no such environment before. */
  readonly isNewEnvironment: boolean
  readonly requested: readonly string[]
  readonly lock: LockResult
}

export interface BuildRequestOptions extends EnvironmentChoice {
  /** Only these packages and what they need; everything when empty. */
  readonly packages?: readonly string[]
  readonly jobs?: number | undefined
  /** False only when the user said `--no-sandbox`. */
  readonly sandbox?: boolean
  /** Build again although an equal build exists, and compare the layers. */
  readonly force?: boolean
}

export interface BuiltRow {
  readonly name: string
  readonly version: string
  readonly outcome: 'built' | 'reused' | 'fetched' | 'system'
  readonly build?: Digest
  readonly buildId?: string
  readonly layer?: Digest
  readonly sizeBytes?: number
  readonly durationMs: number
  readonly warnings: readonly string[]
}

export interface BuildResult {
  readonly packages: readonly BuiltRow[]
  readonly built: number
  readonly durationMs: number
  readonly unsolvable?: Unsolvable
}

/** A process to become: the CLI replaces itself with it. */
export interface Launch {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Where the environment's files are. */
  readonly view: string
  readonly mode: 'mount' | 'path'
  /** Things to tell on stderr before starting, such as «namespaces are refused». */
  readonly notices: readonly string[]
}

export interface LaunchOptions extends EnvironmentChoice {
  readonly launch?: 'mount' | 'path' | undefined
  /** Take writes to the prefix; they are gone when the last process in it ends. */
  readonly scratch?: boolean | undefined
}

export interface InstallResult {
  readonly folder: string
  /** Paths that were put there, taken away, and left since they were right. */
  readonly added: number
  readonly removed: number
  readonly kept: number
  /** Binaries that hold the old prefix and so work fully in it only, with what was found. */
  readonly unmovable: readonly { readonly path: string; readonly found: readonly string[] }[]
}

export interface TreeNode {
  readonly name: string
  readonly version: string
  readonly kind: PackageRow['kind']
  readonly depends: readonly TreeNode[]
  /** Other names that it answers to, with their versions. */
  readonly provides?: Readonly<Record<string, string>>
  /** True when its dependencies are printed elsewhere in the tree. */
  readonly repeated: boolean
}

export interface PackageInfo {
  readonly name: string
  readonly summary: string | undefined
  readonly license: string | undefined
  readonly homepage: string | undefined
  readonly versions: readonly {
    readonly version: string
    readonly recipe: boolean
    readonly builds: readonly { readonly build: Digest; readonly target: string }[]
  }[]
  readonly requires: readonly string[]
  readonly exports: Readonly<Record<string, readonly string[]>>
  readonly locked: string | undefined
}

/** Packages and what they need, in order of names. */
export interface PackageGraph {
  /** What it is of: an environment and its target, or a request. */
  readonly title: string
  readonly nodes: readonly GraphPackage[]
  readonly edges: readonly GraphEdge[]
}

export interface GraphPackage {
  readonly name: string
  /** Empty when the package has no versions, as some of Rez. */
  readonly version: string
  readonly kind: PackageRow['kind'] | 'rez'
  /** Whether the request names it. */
  readonly isAsked: boolean
  /** Other names that it answers to, with their versions. */
  readonly provides?: readonly string[]
}

export interface GraphEdge {
  readonly from: string
  readonly to: string
  /** The requirement, where it says more than the name. */
  readonly need?: string
  /** Whether it follows from other edges. */
  readonly isImplied: boolean
}

export type GraphResult =
  | { readonly kind: 'drawn'; readonly graph: PackageGraph }
  | ({ readonly kind: 'unsolvable' } & Unsolvable)

export interface WhyResult {
  readonly name: string
  /** Each chain starts at what was asked for and ends at the package. */
  readonly chains: readonly (readonly string[])[]
}

/** Whether a package can be had, and what stands in the way or would change. */
export type WhyNotResult = {
  /** The requirement that was asked about. */
  readonly wanted: string
  /** Where it was asked about: an environment for a target, … */
  readonly environment?: string
  readonly target?: Target
  /** … or beside this request in Rez repositories. */
  readonly request?: readonly string[]
} & (
  | {
      readonly kind: 'possible'
      /** Its version; absent when the answer holds the package not at all. */
      readonly gives: string | undefined
      readonly changes: readonly Change[]
    }
  | ({ readonly kind: 'impossible' } & Unsolvable)
)

export interface DiffResult {
  readonly from: string
  readonly to: string
  /** Those that differ. */
  readonly environments: readonly EnvironmentDiff[]
}

export interface EnvironmentDiff {
  readonly name: string
  readonly what: 'added' | 'removed' | 'changed'
  /** Present when it moved to another one, or to none. */
  readonly platform?: { readonly before?: string; readonly after?: string }
  /** Present when it is as of another time. */
  readonly until?: { readonly before?: string; readonly after?: string }
  /** Those that differ. */
  readonly targets: readonly {
    readonly target: Target
    readonly what: 'added' | 'removed' | 'changed'
    readonly changes: readonly Change[]
  }[]
}

export interface GcResult {
  readonly removedBlobs: number
  readonly removedFiles: number
  readonly removedViews: number
  readonly keptBlobs: number
  readonly freedBytes: number
  readonly dryRun: boolean
}

export interface PublishResult {
  readonly registry: string
  readonly packages: readonly {
    readonly name: string
    readonly version: string
    readonly reference: string
    readonly build: Digest
    readonly outcome: 'pushed' | 'existed'
  }[]
  readonly sentBytes: number
  readonly durationMs: number
}

export interface ImageBuildOptions extends EnvironmentChoice {
  /** `HOST/REPO:TAG`, `oci:FOLDER[:TAG]` or `docker-archive:FILE[:REPO:TAG]`. */
  readonly to: string
  /** `scratch`, `oci:FOLDER[:TAG]` or `HOST/REPO:TAG`. */
  readonly base?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly variables?: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly user?: string
  readonly workdir?: string
}

export interface ImageBuildResult {
  readonly reference: string
  readonly digest: Digest
  readonly layers: number
  readonly sizeBytes: number
  /** Payload (layer) bytes sent; 0 when the registry had them all. */
  readonly sentPayloadBytes: number
  readonly durationMs: number
}

export interface VerifyResult {
  readonly checkedBlobs: number
  readonly checkedFiles: number
  /** Digests of blobs and keys of files whose bytes are not what their name says. */
  readonly corrupt: readonly { readonly name: string; readonly detail: string }[]
  readonly repaired: boolean
}

export interface TransferResult {
  readonly reference: string
  readonly digest: Digest
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly durationMs: number
}

export interface RezSolveOptions {
  /** Files of Rez's settings; by default those that `REZ_CONFIG_FILE` names. */
  readonly config?: readonly string[] | undefined
  /** Rules of package filters, added to those of the settings. */
  readonly exclude?: readonly string[] | undefined
  readonly include?: readonly string[] | undefined
  /** Paths, the first of which wins; by default those of Rez's `packages_path`. */
  readonly repositories?: readonly string[] | undefined
  /** Requirements in Rez's syntax. */
  readonly request: readonly string[]
  /** One more, which no explanation gives up: what «why not» is about. */
  readonly wanted?: string | undefined
  /** Requirements that are added to every request; by default those of the settings. */
  readonly implicit?: readonly string[] | undefined
  /** Packages released after this (seconds since 1970) are not looked at. */
  readonly before?: number | undefined
  /** Compare every definition with what is known before solving. */
  readonly refresh?: boolean
}

export interface RezRunOptions extends RezSolveOptions {
  /** The program and its arguments. */
  readonly argv: readonly string[]
}

/** A process to become in an environment of Rez packages, or why there is none. */
export type RezLaunch =
  | { readonly kind: 'failed'; readonly result: RezFailed }
  | { readonly kind: 'launch'; readonly launch: Pick<Launch, 'argv' | 'env' | 'notices'> }

export type RezSolved = Extract<RezSolveResult, { readonly kind: 'solved' }>
export type RezFailed = Extract<RezSolveResult, { readonly kind: 'failed' }>

/** An environment of Rez packages as data. */
export type RezDescription = RezSolved & {
  readonly implicits: readonly string[]
  /** What is done to the outside's variables, in order. */
  readonly operations: readonly {
    /** Null for what Rez does itself. */
    readonly package: string | null
    readonly phase: string | null
    readonly operation: string
    readonly name: string | null
    readonly value: string | null
    readonly args?: readonly string[]
  }[]
  /** Variables that are new or other than outside; null where a shell has to find them out. */
  readonly variables: Readonly<Record<string, string>> | null
  /** The same as code for bash. */
  readonly code: string
  /** What package code printed. */
  readonly printed: string
}

/** A package in a Rez repository that could not be read. */
export interface RezProblem {
  /** Its definition, relative to the repository. */
  readonly path: string
  readonly reason: string
}

export interface RezPackageRow {
  readonly name: string
  /** Empty when the package has no versions. */
  readonly version: string
  /** Null when the package has no variants. */
  readonly variant: number | null
  readonly repository: string
  /** Its definition, relative to the repository. */
  readonly file: string
  readonly requires: readonly string[]
}

export type RezSolveResult = {
  readonly request: readonly string[]
  readonly repositories: readonly string[]
  /** Packages of the families looked at that could not be read. */
  readonly problems: readonly RezProblem[]
} & (
  | {
      readonly kind: 'solved'
      /** Each behind what it requires. */
      readonly packages: readonly RezPackageRow[]
      readonly ephemerals: readonly string[]
    }
  | ({
      readonly kind: 'failed'
      readonly reason: 'conflict' | 'cycle' | 'missing-family'
    } & Unsolvable)
)

export interface RezImport {
  readonly path: string
  readonly families: number
  readonly packages: number
  readonly variants: number
  readonly problems: readonly RezProblem[]
  readonly durationMs: number
}
