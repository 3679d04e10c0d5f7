/**
 * One package version from request to build in the store.
 *
 * Invariant: a build is recorded only after every check; until then nothing outside its workspace
 * names it. A failure keeps the workspace and says how to enter it; a cancellation keeps nothing.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, type Emit, type ErrorCode, explained, which } from '#kernel/index.ts'
import {
  type BuildConfig,
  compareVersions,
  contains,
  hostTarget,
  parseRange,
  parseVersion,
} from '#model/index.ts'
import { hasTree, type LayerDescriptor, linkView, unpackLayer } from '#store/index.ts'
import { buildIdOf } from './build-id.ts'
import { finishBuild } from './finish.ts'
import { provenanceStatement } from './provenance.ts'
import { type BuildName, findBuild, type FoundBuild, recordBuild } from './record.ts'
import type { BuildContext, BuildRequest, BuildResult } from './request.ts'
import { quoted, runSteps, StepFailed, type StepRun } from './run-steps.ts'
import { boxEnvironment, checkSandbox, openBox } from './sandbox.ts'
import { spdxDocument } from './sbom.ts'
import { makeSourceTree } from './source-tree.ts'
import { stepCommands, type StepContext, stepEnvironment } from './steps.ts'
import { visiblePath } from './toolchain.ts'
import {
  lockWorkspace,
  openWorkspace,
  removeWorkspace,
  type Workspace,
  workspaceOf,
} from './workspace.ts'

/**
 * Builds one package, or gives the equal build that exists.
 * @throws AppError `build/failed` with the last lines, the log's path and the command to enter
 */
export async function buildOne(context: BuildContext, request: BuildRequest): Promise<BuildResult> {
  const startedMs = context.clock.nowMs()
  const { recipe } = request
  const build: BuildName = {
    name: recipe.name,
    version: recipe.version.text,
    buildId: buildIdOf(request, context),
  }
  const existing = await findBuild(context.store, build)
  if (existing !== undefined && request.force !== true) return reused(existing, startedMs, context)
  checkRequest(context, request)
  const workspace = workspaceOf(context.home, build)
  using _held = await lockWorkspace(workspace, context.signal)
  const other = await findBuild(context.store, build)
  if (other !== undefined && request.force !== true) return reused(other, startedMs, context)
  return await reported(context, build, async () => {
    const made = await inWorkspace(context, request, { build, workspace, startedMs })
    const warnings = [...made.warnings, ...differences(existing, made)]
    const durationMs = context.clock.nowMs() - startedMs
    return { ...made, outcome: 'built', warnings, durationMs } satisfies BuildResult
  })
}

function reused(found: FoundBuild, startedMs: number, context: BuildContext): BuildResult {
  const durationMs = context.clock.nowMs() - startedMs
  const { name: task, version } = found.config
  context.emit({ kind: 'end', task, outcome: 'reused', durationMs, note: version })
  return { ...found, outcome: 'reused', warnings: [], durationMs }
}

function differences(before: FoundBuild | undefined, made: FoundBuild): string[] {
  if (before === undefined || before.layer.digest === made.layer.digest) return []
  const change = `the layer is ${made.layer.digest}, it was ${before.layer.digest}`
  return before.config.diffId === made.config.diffId
    ? [`Packed in another way, the files are equal: ${change}`]
    : [`Not reproducible: ${change}`]
}

function checkRequest(context: BuildContext, { recipe }: BuildRequest): void {
  const why =
    recipe.target !== hostTarget()
      ? `it is for ${recipe.target}, and this machine is ${hostTarget()}`
      : recipe.steps.length === 0
        ? 'its recipe has no build steps for this version and target'
        : undefined
  if (why === undefined) return checkTools(context, { recipe })
  throw new AppError('build/bad-request', `${recipe.name} cannot be built here: ${why}`, {
    hints: ['A registry may have the build: `registry:` in backlot.yaml says which is asked.'],
  })
}

/** @throws AppError `build/tool-missing` for the first program that the steps need and cannot see. */
function checkTools(
  { toolchain, env }: BuildContext,
  { recipe }: Pick<BuildRequest, 'recipe'>,
): void {
  const path = visiblePath(env['PATH'] ?? '')
  const missing = recipe.steps.find(
    ({ kind }) =>
      (kind === 'cmake' && toolchain.cmake === undefined) ||
      (kind === 'python' && toolchain.python === undefined) ||
      (kind === 'make' && which('make', path) === undefined),
  )
  if (missing === undefined) return
  const program = missing.kind === 'python' ? 'python3' : missing.kind
  const hidden = which(program, env['PATH'] ?? '')
  throw new AppError('build/tool-missing', `${recipe.name} needs ${program}, not in ${path}`, {
    hints: [
      ...(hidden === undefined ? [] : [`Builds do not see ${hidden}: install the system's.`]),
      '`backlot doctor` prints the line that installs it.',
    ],
  })
}

/** Start, end and outcome as events around the work. */
async function reported(
  context: BuildContext,
  build: BuildName,
  work: () => Promise<BuildResult>,
): Promise<BuildResult> {
  const startedMs = context.clock.nowMs()
  const { name: task, version } = build
  const end = (outcome: 'done' | 'failed' | 'cancelled') => {
    const durationMs = context.clock.nowMs() - startedMs
    context.emit({ kind: 'end', task, outcome, durationMs, note: version })
  }
  context.emit({ kind: 'start', task, label: `${task} ${version}` })
  try {
    const result = await work()
    for (const text of result.warnings) warn(context.emit, `${task} ${version}: ${text}`)
    end('done')
    return result
  } catch (error) {
    end(isCode(error, 'kernel/cancelled') ? 'cancelled' : 'failed')
    throw error
  }
}

function warn(emit: Emit, text: string): void {
  emit({ kind: 'warning', text, hints: [] })
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof AppError && error.code === code
}

interface Work {
  readonly build: BuildName
  readonly workspace: Workspace
  readonly startedMs: number
}

type Made = FoundBuild & { readonly warnings: readonly string[] }

async function inWorkspace(
  context: BuildContext,
  request: BuildRequest,
  work: Work,
): Promise<Made> {
  const { workspace } = work
  try {
    openWorkspace(workspace, logHeader(context, work.build))
    const made = await makeBuild(context, request, work)
    removeWorkspace(workspace)
    return made
  } catch (error) {
    const known = explained(error, workspace.folder)
    const enterable = existsSync(join(workspace.folder, 'sandbox.json'))
    if (isCode(known, 'kernel/cancelled') || isCode(known, 'kernel/no-space') || !enterable)
      removeWorkspace(workspace)
    throw enterable ? withWorkspace(known, workspace) : known
  }
}

/** What went wrong after the steps is also best looked at where it happened. */
function withWorkspace(error: unknown, workspace: Workspace): unknown {
  if (!(error instanceof AppError) || error instanceof StepFailed) return error
  if (!error.code.startsWith('build/')) return error
  return new AppError(error.code, error.message, {
    hints: [
      ...error.hints,
      `The whole log: ${workspace.logPath}`,
      `Enter the sandbox of this build: backlot debug ${quoted(workspace.folder)}`,
    ],
    cause: error,
  })
}

function logHeader({ toolchain }: BuildContext, build: BuildName): string {
  const { compiler, version, cmake = 'none', ninja = 'none' } = toolchain
  return `# ${build.name} ${build.version}, build id ${build.buildId}
# ${compiler} ${version}, cmake ${cmake}, ninja ${ninja}
`
}

/** The id is of what was there before; folders and patches of the user's may have changed since. */
function checkUnchanged(context: BuildContext, request: BuildRequest, build: BuildName): void {
  if (buildIdOf(request, context) === build.buildId) return
  throw new AppError(
    'build/sources-changed',
    `The sources of ${build.name} changed while they were being copied`,
    { hints: ['Run this again when nothing writes to them any more.'], retryable: true },
  )
}

async function makeBuild(context: BuildContext, request: BuildRequest, work: Work): Promise<Made> {
  const { recipe } = request
  const { workspace } = work
  const hostPath = context.env['PATH'] ?? ''
  if (context.sandbox === 'bubblewrap') await checkSandbox(hostPath, context.signal)
  context.emit({ kind: 'phase', task: recipe.name, phase: 'fetch' })
  const { epoch } = await makeSourceTree(context, request, workspace.source)
  checkUnchanged(context, request, work.build)
  const view = await dependencyView(context, request, workspace)
  const ccache = ccacheFolder(context, request, hostPath)
  const box = openBox(context.sandbox, { workspace: workspace.folder, view, ccache }, hostPath)
  const stepContext: StepContext = {
    paths: box.paths,
    toolchain: context.toolchain,
    name: recipe.name,
    version: recipe.version.text,
    epoch,
    jobs: context.jobs,
  }
  const steps: StepRun = {
    box,
    workspace: workspace.folder,
    logPath: workspace.logPath,
    task: recipe.name,
    environment: {
      ...boxEnvironment(box.paths, hostPath),
      ...stepEnvironment(stepContext),
      ...recipe.environment,
    },
    emit: context.emit,
    signal: context.signal,
  }
  await runSteps(
    steps,
    recipe.steps.flatMap((step, index) => stepCommands(step, index, stepContext)),
  )
  const finished = await finishBuild(context, request, { ...work, view, box, epoch })
  return await recorded(context, request, { ...finished, work })
}

async function recorded(
  context: BuildContext,
  request: BuildRequest,
  finished: {
    config: BuildConfig
    layer: LayerDescriptor
    warnings: readonly string[]
    work: Work
  },
): Promise<Made> {
  const { config, layer, work } = finished
  const warnings = [
    ...finished.warnings,
    ...contextWarnings(context, request),
    ...hostWarnings(config, request),
  ]
  context.emit({ kind: 'phase', task: config.name, phase: 'record' })
  const written = await recordBuild(context.store, {
    config,
    layer,
    sbom: spdxDocument(request, config),
    provenance: (manifest) =>
      provenanceStatement(request, config, {
        manifest,
        startedMs: work.startedMs,
        finishedMs: context.clock.nowMs(),
        warnings,
      }),
  })
  return { ...written, config, layer, warnings }
}

function contextWarnings(context: BuildContext, request: BuildRequest): string[] {
  const { compiler, version } = context.toolchain
  const { gccMax } = request
  const tooNew =
    compiler === 'gcc' &&
    gccMax !== undefined &&
    compareVersions(parseVersion(version), parseVersion(gccMax)) > 0
  return [
    ...(tooNew
      ? [
          `built with gcc ${version}; ${request.platform ?? 'the platform'} asks for at most ${gccMax}`,
        ]
      : []),
    ...(context.sandbox === 'none' ? ['built without a sandbox'] : []),
  ]
}

function hostWarnings(config: BuildConfig, request: BuildRequest): string[] {
  const { glibcMax, platform = 'the platform' } = request
  if (glibcMax === undefined) return []
  const least = parseVersion(glibcMax)
  return config.host
    .filter(({ name, range }) => name === '__glibc' && !contains(parseRange(range), least))
    .map(({ range }) => `needs glibc ${range}; machines of ${platform} may have ${glibcMax} only`)
}

/** The tree that the box shows at the prefix. */
async function dependencyView(
  context: BuildContext,
  request: BuildRequest,
  workspace: Workspace,
): Promise<string> {
  if (request.dependencies.length === 0) return workspace.empty
  for (const { layer, config } of request.dependencies)
    if (!hasTree(context.store, layer.digest))
      await unpackLayer(context.store, { ...layer, diffId: config.diffId }, context)
  const layers = request.dependencies.map(({ layer }) => layer.digest)
  const labels = new Map(
    request.dependencies.map(({ layer, config }) => [
      layer.digest,
      `${config.name} ${config.version}`,
    ]),
  )
  const label = (layer: LayerDescriptor['digest']) => labels.get(layer) ?? layer
  return (await linkView(context.store, layers, { label, signal: context.signal })).path
}

/** A cache for each recipe: what one writes there must not reach what another compiles. */
function ccacheFolder(
  context: BuildContext,
  request: BuildRequest,
  hostPath: string,
): string | undefined {
  if (context.ccacheFolder === undefined) return undefined
  if (which('ccache', visiblePath(hostPath)) === undefined) return undefined
  const folder = join(context.ccacheFolder, request.recipe.name)
  mkdirSync(folder, { recursive: true })
  return folder
}
