/**
 * What the application can do: one function for each thing that a person does with Backlot.
 */
import type {
  BuildRequestOptions,
  BuildResult,
  DiffResult,
  DoctorCheck,
  EditResult,
  EnvironmentChoice,
  GcResult,
  GraphResult,
  ImageBuildOptions,
  ImageBuildResult,
  InitResult,
  InstallResult,
  Launch,
  LaunchOptions,
  LockAllResult,
  LockResult,
  LockWish,
  PackageInfo,
  PackageRow,
  PublishResult,
  RezDescription,
  RezFailed,
  RezImport,
  RezLaunch,
  RezRunOptions,
  RezSolveOptions,
  RezSolveResult,
  TransferResult,
  TreeNode,
  VerifyResult,
  WhyNotResult,
  WhyResult,
} from './results.ts'
import type { RegistryStats } from './registry-stats.ts'
import type { RegistrySyncOptions, RegistrySyncResult } from './registry-sync.ts'

export interface App {
  /** Writes a new backlot.yaml. @throws AppError `cli/exists` when there is one. */
  init(options: {
    readonly folder?: string
    readonly platform?: string
    readonly packages: readonly string[]
  }): Promise<InitResult>
  /** Adds requirements to an environment and locks it; nothing changes when unsolvable. */
  add(options: EnvironmentChoice & { readonly packages: readonly string[] }): Promise<EditResult>
  remove(options: EnvironmentChoice & { readonly packages: readonly string[] }): Promise<EditResult>
  /** Solves and writes backlot.lock. `update` names packages to bring to their newest versions. */
  lock(options: EnvironmentChoice & LockWish): Promise<LockResult>
  /** The same for every environment of backlot.yaml, in its order. */
  lockAll(options: Omit<EnvironmentChoice, 'environment'> & LockWish): Promise<LockAllResult>
  build(options: BuildRequestOptions): Promise<BuildResult>
  /** The process for `run`; builds nothing, fetches what is missing. */
  prepareRun(options: LaunchOptions & { readonly argv: readonly string[] }): Promise<Launch>
  prepareShell(options: LaunchOptions & { readonly shell?: string | undefined }): Promise<Launch>
  /** The sandbox of a failed build, as it was when it failed. */
  prepareDebug(options: { readonly build: string }): Promise<Launch>
  /** Puts an environment's files into a prefix such as /usr/local, tracked so that it can be undone. */
  install(options: EnvironmentChoice & { readonly prefix: string }): Promise<InstallResult>
  /** Links or copies an environment's files into any new folder, paths in text files rewritten. */
  view(
    options: EnvironmentChoice & { readonly folder: string; readonly copy: boolean },
  ): Promise<InstallResult>
  tree(options: EnvironmentChoice): Promise<readonly TreeNode[]>
  list(options: EnvironmentChoice): Promise<readonly PackageRow[]>
  info(options: EnvironmentChoice & { readonly name: string }): Promise<PackageInfo>
  why(options: EnvironmentChoice & { readonly name: string }): Promise<WhyResult>
  /** The same for the answer to a request in Rez repositories. */
  whyRez(options: RezSolveOptions & { readonly name: string }): Promise<WhyResult>
  /** What stands in the way of having a package, or what would change. Changes nothing. */
  whyNot(options: EnvironmentChoice & { readonly wanted: string }): Promise<WhyNotResult>
  whyNotRez(options: RezSolveOptions & { readonly wanted: string }): Promise<WhyNotResult>
  /** Compares two lockfiles, or the lockfile with an earlier one. */
  diff(
    options: EnvironmentChoice & { readonly from: string; readonly to?: string },
  ): Promise<DiffResult>
  /** The graph of an environment, or with `rez` of a request in Rez repositories. */
  graph(
    options: EnvironmentChoice & {
      readonly rez?: readonly string[] | undefined
      readonly requests: readonly string[]
    },
  ): Promise<GraphResult>
  doctor(): Promise<readonly DoctorCheck[]>
  gc(options: { readonly keepDays: number; readonly dryRun: boolean }): Promise<GcResult>
  /** Removes what can be made again: views, failed builds, source downloads, compile cache. */
  clean(options: { readonly dryRun: boolean }): Promise<GcResult>
  storeVerify(options: { readonly repair: boolean }): Promise<VerifyResult>
  /** Sends the builds of an environment (or the named ones) and their catalogs to a registry. */
  publish(
    options: EnvironmentChoice & {
      readonly packages?: readonly string[]
      readonly to?: string | undefined
    },
  ): Promise<PublishResult>
  /** Makes a package's catalog anew from the builds that its repository holds. */
  catalogRebuild(options: { readonly reference: string }): Promise<{ readonly builds: number }>
  imageBuild(options: ImageBuildOptions): Promise<ImageBuildResult>
  /** Copies an image or a build from a registry, layout or archive to another. */
  copy(options: { readonly from: string; readonly to: string }): Promise<TransferResult>
  /** Runs the lists under `sync:` of a registry.yaml once, or says what that would do. */
  registrySync(options: RegistrySyncOptions): Promise<RegistrySyncResult>
  /** What a running registry says of its traffic and its upstreams. */
  registryStats(options: { readonly server: string; readonly days: number }): Promise<RegistryStats>
  /** Solves a request in Rez repositories, under Rez's rules. */
  solveRez(options: RezSolveOptions): Promise<RezSolveResult>
  /** The process of a command in an environment of Rez packages. */
  prepareRezRun(options: RezRunOptions): Promise<RezLaunch>
  /** The process of a shell in an environment of Rez packages. */
  prepareRezShell(
    options: RezSolveOptions & { readonly shell?: string | undefined },
  ): Promise<RezLaunch>
  /** An environment of Rez packages as data. */
  describeRez(options: RezSolveOptions): Promise<RezDescription | RezFailed>
  /** Reads a Rez repository into the catalog that `solveRez` uses. */
  importRez(options: { readonly path: string; readonly afresh: boolean }): Promise<RezImport>
}
