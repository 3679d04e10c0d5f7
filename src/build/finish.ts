/**
 * From installed files to a checked layer: clean, relative, free of leaks, and proven by consumers.
 *
 * Not here: running steps (`run-steps.ts`), writing manifests (`record.ts`).
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, run } from '#kernel/index.ts'
import { type BuildConfig, formatRequirement } from '#model/index.ts'
import { type LayerDescriptor, linkView, packLayer, unpackLayer } from '#store/index.ts'
import { checkExports, judgeExports } from './exports.ts'
import { glibcRange, interfaceDigest } from './interface.ts'
import { findLeaks, judgeLeaks } from './leaks.ts'
import { broughtLibraries, checkNeeded } from './libraries.ts'
import { boundPythons, pythonConstraint } from './python-binding.ts'
import { settleRecords } from './python-record.ts'
import type { BuildName } from './record.ts'
import type { BuildContext, BuildRequest } from './request.ts'
import { setRpaths, stagedElfs, systemLibraries } from './rpath.ts'
import { tailOf } from './run-steps.ts'
import { type Box, boxEnvironment, openBox, recordBox } from './sandbox.ts'
import { stagedFiles, tidyStage } from './stage.ts'
import type { Workspace } from './workspace.ts'

export interface Finishing {
  readonly build: BuildName
  readonly workspace: Workspace
  /** View of what the steps saw. */
  readonly view: string
  readonly box: Box
  readonly epoch: number
}

export interface Finished {
  readonly config: BuildConfig
  readonly layer: LayerDescriptor
  readonly warnings: readonly string[]
}

/**
 * Checks and packs the stage.
 * @throws AppError `build/outside-prefix`, `build/bad-rpath`, `build/leaked-path`,
 * `build/export-broken`
 */
export async function finishBuild(
  context: BuildContext,
  request: BuildRequest,
  finishing: Finishing,
): Promise<Finished> {
  const { workspace, box, view, epoch } = finishing
  const { recipe } = request
  const phase = (name: string) => context.emit({ kind: 'phase', task: recipe.name, phase: name })
  phase('check')
  const { licenseFiles } = tidyStage(workspace.stage, {
    source: workspace.source,
    name: recipe.name,
    projects: recipe.sources.flatMap(({ into }) => into ?? []),
    seenStage: box.paths.stage,
  })
  const files = stagedFiles(workspace.stage)
  const elfs = stagedElfs(files)
  const { source, build, stage } = box.paths
  // Without a sandbox the view is a folder of this machine; inside, it is the prefix itself.
  const seen = box.paths.prefix === '/usr/local' ? [] : [box.paths.prefix]
  const folders = [source, build, stage, workspace.folder, ...seen]
  const brought = broughtLibraries(context.store, request.dependencies, recipe)
  checkNeeded(elfs, { brought, folders })
  setRpaths(elfs, { view, seenPrefix: box.paths.prefix, brought })
  settleRecords(files)
  const leaks = judgeLeaks(findLeaks(files, folders))
  phase('pack')
  const packed = await packLayer(context.store, workspace.stage, {
    epochSeconds: epoch,
    signal: context.signal,
  })
  phase('consume')
  await consume(context, request, { ...finishing, layer: packed.descriptor })
  const glibc = glibcRange(elfs)
  const pythons = boundPythons(files, elfs)
  const described = describe(context, request)
  const config: BuildConfig = {
    ...described,
    constraints: [...described.constraints, ...pythonConstraint(pythons)],
    buildId: finishing.build.buildId,
    host: glibc === undefined ? [] : [{ name: '__glibc', range: glibc }],
    interface: interfaceDigest(files, elfs),
    licenseFiles,
    fileList: packed.fileList,
    diffId: packed.diffId,
    sizeBytes: packed.sizeBytes,
    epoch,
  }
  const unlicensed =
    licenseFiles.length === 0 ? ['no licence file was found at the top of the sources'] : []
  const undeclared = request.system.length === 0 ? systemLibraries(elfs, { view, brought }) : []
  const used = [...request.system, ...request.dependencies.map((one) => one.config)]
  const unbound = used.some(({ name }) => name === 'cpython') ? [] : pythons.map(unboundPython)
  const warnings = [...leaks, ...unlicensed, ...undeclared.map(undeclaredLibrary), ...unbound]
  return { config, layer: packed.descriptor, warnings }
}

function undeclaredLibrary(library: string): string {
  return `needs ${library} of the operating system, but the recipe requires no system package`
}

function unboundPython(version: string): string {
  return `was compiled for Python ${version}, but the recipe does not require cpython`
}

type Described = Omit<
  BuildConfig,
  'buildId' | 'host' | 'interface' | 'licenseFiles' | 'fileList' | 'diffId' | 'sizeBytes' | 'epoch'
>

/** What is known of a build without its files. */
function describe(context: BuildContext, request: BuildRequest): Described {
  const { recipe, platform } = request
  const { compiler, version, cxxStandard, cxx11Abi, cmake } = context.toolchain
  const { cmake: packages, pkgConfig, programs, python } = recipe.exports
  return {
    schemaVersion: 1,
    name: recipe.name,
    version: recipe.version.text,
    target: recipe.target,
    options: { ...recipe.options },
    ...(platform === undefined ? {} : { platform }),
    requires: request.dependencies
      .filter(({ direct, runtime }) => direct && runtime)
      .map(({ config, range }) => ({
        name: config.name,
        range,
        version: config.version,
        interface: config.interface,
        buildId: config.buildId,
      })),
    provides: recipe.provides.map((one) => ({ name: one.name, version: one.version.text })),
    constraints: [
      ...recipe.requires.filter(({ requirement }) => requirement.kind !== 'require'),
      ...recipe.runRequires,
    ].map(({ requirement }) => formatRequirement(requirement)),
    system: request.system.map((found) => ({ ...found })),
    exports: {
      cmake: packages.map((item) => ({
        ...item,
        targets: [...item.targets],
        components: [...item.components],
      })),
      pkgConfig: [...pkgConfig],
      programs: programs.map((item) => ({ ...item, args: [...item.args] })),
      python: [...python],
    },
    license: recipe.license,
    sources: recipe.sources.map((source) => describeSource(source, recipe.version.text)),
    recipe: recipe.digest,
    toolchain: {
      compiler,
      version,
      ...(cxxStandard === undefined ? {} : { cxxStandard }),
      ...(cxx11Abi === undefined ? {} : { cxx11Abi }),
      ...(cmake === undefined ? {} : { cmake }),
    },
    sandbox: context.sandbox === 'bubblewrap',
    ...(recipe.deprecated === undefined ? {} : { deprecated: true }),
    createdBy: context.createdBy,
  }
}

function describeSource(
  source: BuildRequest['recipe']['sources'][number],
  version: string,
): BuildConfig['sources'][number] {
  switch (source.kind) {
    case 'url':
      return { kind: 'url', url: source.url, sha256: source.sha256 }
    case 'git':
      return { kind: 'git', url: source.git, commit: source.commit }
    case 'pypi':
      return {
        kind: 'pypi',
        url: `pkg:pypi/${source.pypi.toLowerCase()}@${source.version ?? version}`,
        sha256: source.sha256,
      }
    case 'path':
      return { kind: 'path' }
  }
}

/** Consumers and the recipe's own tests, over the build and what it needs to run. */
async function consume(
  context: BuildContext,
  request: BuildRequest,
  finishing: Finishing & { readonly layer: LayerDescriptor },
): Promise<void> {
  const { recipe } = request
  const { store, signal, toolchain } = context
  const runtime = request.dependencies.filter((dependency) => dependency.runtime)
  await unpackLayer(store, finishing.layer, { signal })
  const layers = [finishing.layer.digest, ...runtime.map(({ layer }) => layer.digest)]
  const view = await linkView(store, layers, { signal })
  const workspace = join(finishing.workspace.folder, 'check')
  const scratch = join(workspace, 'src')
  for (const name of ['src', 'build', 'stage'])
    mkdirSync(join(workspace, name), { recursive: true })
  const hostPath = context.env['PATH'] ?? ''
  const folders = { workspace, view: view.path, ccache: undefined }
  const box = openBox(context.sandbox, folders, hostPath)
  const python = /^\d+\.\d+/.exec(toolchain.python ?? '')?.[0] ?? '3'
  const environment = {
    ...boxEnvironment(box.paths, hostPath),
    CC: toolchain.cc,
    CXX: toolchain.cxx,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONPATH: `${box.paths.prefix}/lib/python${python}/site-packages`,
    BACKLOT_PREFIX: box.paths.prefix,
    BACKLOT_VERSION: recipe.version.text,
  }
  const { logPath, folder } = finishing.workspace
  // Whoever looks into a failure from here on wants to see what the consumers saw.
  recordBox(folder, box.command([], { cwd: box.paths.source, env: environment }))
  const check = { box, scratch, environment, signal, jobs: context.jobs, logPath }
  const broken = await checkExports(check, recipe.exports)
  judgeExports(recipe.name, broken)
  for (const test of recipe.tests) {
    const argv = ['/bin/sh', '-eu', '-c', test.script]
    const command = box.command(argv, { cwd: box.paths.build, env: environment })
    appendFileSync(logPath, `\n# test ${test.name}\n`)
    recordBox(folder, box.command([], { cwd: box.paths.build, env: environment }))
    const { exitCode } = await run(command.argv, { ...command, signal, logPath })
    if (exitCode !== 0)
      throw new AppError(
        'build/export-broken',
        `${recipe.name}: its test '${test.name}' ended with ${exitCode}\n${tailOf(logPath).join('\n')}`,
      )
  }
}
