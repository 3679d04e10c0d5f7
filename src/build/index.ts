/**
 * The build room: a recipe and its resolved dependencies become an OCI build in the store.
 *
 * Invariant: a build is recorded only after its payload passed every check (paths, RPATHs, leaks,
 * exports by a real consumer), and an equal build id is never built twice.
 * Not here: solving, publishing to registries, images.
 */
export type {
  BuildContext,
  BuildRequest,
  BuildResult,
  DependencyBuild,
  FailedBuild,
  LayerDescriptor,
  Mirror,
} from './request.ts'
export type { Toolchain, ToolchainOptions } from './toolchain.ts'
import type { BuildContext, BuildRequest, BuildResult } from './request.ts'
import type { Toolchain, ToolchainOptions } from './toolchain.ts'

/** Finds compiler, cmake, ninja and python. @throws AppError `build/no-compiler` */
export declare function detectToolchain(options: ToolchainOptions): Promise<Toolchain>

/** The build id (64 hexadecimal digits), known before anything runs; some milliseconds. */
export declare function buildIdOf(
  request: BuildRequest,
  context: Pick<BuildContext, 'toolchain' | 'home' | 'sandbox'>,
): string

/** A finished build by name, version and id, from the store; undefined when there is none. */
export declare function findBuild(
  store: BuildContext['store'],
  build: { readonly name: string; readonly version: string; readonly buildId: string },
): Promise<BuildResult | undefined>

/**
 * Builds one package, or gives the equal build that exists.
 * @throws AppError `build/failed` with the last lines, the log's path and the command to enter
 */
export declare function buildOne(context: BuildContext, request: BuildRequest): Promise<BuildResult>

/** One package of a build graph; `request` is called when all that it needs is built. */
export interface GraphNode {
  readonly name: string
  readonly needs: readonly string[]
  readonly request: (built: ReadonlyMap<string, BuildResult>) => BuildRequest
}
export type GraphOutcome =
  | { readonly kind: 'done'; readonly result: BuildResult }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** Not tried, because something that it needs failed. */
  | { readonly kind: 'skipped'; readonly because: string }

/** Builds a graph, `parallel` packages at once; one failure stops only what needs it. */
export declare function buildGraph(
  context: BuildContext,
  nodes: readonly GraphNode[],
  options: { readonly parallel: number },
): Promise<ReadonlyMap<string, GraphOutcome>>

/** The command line that enters the sandbox of a failed build. @throws AppError `build/unknown-workspace` */
export declare function enterSandbox(
  folder: string,
  options: { readonly path: string; readonly argv?: readonly string[] },
): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }
