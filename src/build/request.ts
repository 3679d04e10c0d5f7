/**
 * What a build is asked with and what it gives: the shapes at this room's door.
 *
 * Invariant: everything that can change the bytes of a build is in `BuildRequest` or in the
 * toolchain, so that the build id can be computed from them before anything runs.
 * Not here: choosing versions (`#solver`), reading backlot.yaml (`#model`).
 */
import type { Clock, Digest, Emit } from '#kernel/index.ts'
import type { BuildConfig, Mirror, RecipeVersion } from '#model/index.ts'
import type { LayerDescriptor, Store } from '#store/index.ts'
import type { Toolchain } from './toolchain.ts'

/** The outside world of a build. */
export interface BuildContext {
  /** `BACKLOT_HOME`: source cache, workspaces and logs live below it. */
  readonly home: string
  readonly store: Store
  readonly toolchain: Toolchain
  /** `none` only when the user said `--no-sandbox`; provenance records it. */
  readonly sandbox: 'bubblewrap' | 'none'
  /** Compiler processes of one build. */
  readonly jobs: number
  readonly mirrors: readonly Mirror[]
  /** Environment of the host: `PATH`, proxies. Builds themselves never see it. */
  readonly env: Readonly<Record<string, string>>
  /** Folder of ccache's cache; no compiler cache when absent. */
  readonly ccacheFolder?: string | undefined
  /** `backlot 0.1.0`: recorded in config, SBOM and provenance. */
  readonly createdBy: string
  /** A download without a byte for this long is given up; 60 s when absent. */
  readonly idleTimeoutMs?: number
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** What fetching sources needs of it. */
export type FetchContext = Pick<
  BuildContext,
  'home' | 'mirrors' | 'env' | 'idleTimeoutMs' | 'emit' | 'signal' | 'sandbox'
>

/** A build that is in the sandbox of another one. */
export interface DependencyBuild {
  readonly config: BuildConfig
  readonly manifest: Digest
  readonly layer: LayerDescriptor
  /** The recipe names it itself; otherwise it is there because something else needs it. */
  readonly direct: boolean
  /** Needed when the result runs; false for what only builds need (`build-requires`). */
  readonly runtime: boolean
  /** The range that the recipe asks for; `*` when not direct. */
  readonly range: string
}

/** One package version to be built. */
export interface BuildRequest {
  /** The recipe with `when:` applied; names version, options and target. */
  readonly recipe: RecipeVersion
  /** Folder of backlot.yaml: patches and `path` sources are relative to it. */
  readonly folder: string
  readonly platform?: string | undefined
  /** The whole closure that the sandbox shows at /usr/local. */
  readonly dependencies: readonly DependencyBuild[]
  readonly system: readonly {
    readonly name: string
    readonly range: string
    readonly version: string
  }[]
  /** Newest compiler that the platform allows to builders; a newer one gives a warning. */
  readonly gccMax?: string | undefined
  /** The C library that machines of the platform have at least; a build that needs more warns. */
  readonly glibcMax?: string | undefined
  /** Build although an equal build exists, and compare the layers. */
  readonly force?: boolean | undefined
}

/** A build in the store: manifest, config and layer are durable and tagged. */
export interface BuildResult {
  readonly outcome: 'built' | 'reused'
  readonly manifest: Digest
  readonly manifestSize: number
  readonly config: BuildConfig
  readonly layer: LayerDescriptor
  readonly warnings: readonly string[]
  readonly durationMs: number
}
