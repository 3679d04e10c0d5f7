/**
 * The build room: a recipe and its resolved dependencies become an OCI build in the store.
 *
 * Invariant: a build is recorded only after its payload passed every check (paths, RPATHs, leaks,
 * exports by a real consumer), and an equal build id is never built twice.
 * Not here: solving, publishing to registries, images.
 */
export { buildIdInput, buildIdOf } from './build-id.ts'
export { buildOne } from './build-one.ts'
export { buildGraph, type GraphNode, type GraphOutcome } from './graph.ts'
export {
  type BuildName,
  buildTag,
  findBuild,
  findBuilds,
  type FoundBuild,
} from './record.ts'
export type { BuildContext, BuildRequest, BuildResult, DependencyBuild } from './request.ts'
export { StepFailed } from './run-steps.ts'
export { type BoxCommand, checkSandbox, enterSandbox } from './sandbox.ts'
export { fetchFile, type FileSource } from './sources.ts'
export {
  detectToolchain,
  type Toolchain,
  type ToolchainOptions,
  visiblePath,
} from './toolchain.ts'
