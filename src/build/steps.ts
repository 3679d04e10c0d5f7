/**
 * The steps of a recipe as command lines: cmake, python, make, script.
 *
 * Invariant: nothing here depends on the machine but the number of jobs; equal steps give equal
 * command lines.
 * Not here: running them (`run-steps.ts`), what is done to the installed files (`finish/`).
 */
import { posix } from 'node:path'
import type { ResolvedStep } from '#model/index.ts'
import type { BoxPaths } from './sandbox.ts'
import type { Toolchain } from './toolchain.ts'

/** One command of a step. */
export interface StepCommand {
  readonly phase: 'configure' | 'compile' | 'install' | 'script'
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

export interface StepContext {
  readonly paths: BoxPaths
  readonly toolchain: Toolchain
  readonly name: string
  readonly version: string
  readonly epoch: number
  readonly jobs: number
}

/**
 * A search path that works while building and leaves room in the file: it is written over with
 * one that is relative to the file (`rpath.ts`). The loader takes the slashes as one.
 */
function rpathWithRoom(prefix: string): string {
  return `${prefix}/lib`.padEnd(96, '/')
}

/** Variables that every step gets on top of the box's own. */
export function stepEnvironment(context: StepContext): Record<string, string> {
  const { paths, toolchain } = context
  const abi =
    toolchain.cxx11Abi === undefined ? '' : ` -D_GLIBCXX_USE_CXX11_ABI=${toolchain.cxx11Abi}`
  const maps = prefixMaps(context)
  const python = /^\d+\.\d+/.exec(toolchain.python ?? '')?.[0]
  return {
    CC: toolchain.cc,
    CXX: toolchain.cxx,
    CFLAGS: maps,
    CXXFLAGS: maps + abi,
    ARFLAGS: 'crD',
    SOURCE_DATE_EPOCH: String(context.epoch),
    ZERO_AR_DATE: '1',
    PYTHONHASHSEED: '0',
    ...(python === undefined
      ? {}
      : { PYTHONPATH: `${paths.prefix}/lib/python${python}/site-packages` }),
    PYTHONDONTWRITEBYTECODE: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INDEX: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    BACKLOT_NAME: context.name,
    BACKLOT_VERSION: context.version,
    BACKLOT_SOURCE: paths.source,
    BACKLOT_BUILD: paths.build,
    BACKLOT_STAGE: paths.stage,
    DESTDIR: paths.stage,
    PREFIX: '/usr/local',
    JOBS: String(context.jobs),
    ...(paths.ccache === undefined ? {} : ccache(paths.ccache, paths)),
  }
}

function ccache(folder: string, paths: BoxPaths): Record<string, string> {
  return {
    CCACHE_DIR: folder,
    CCACHE_BASEDIR: posix.dirname(paths.source),
    CCACHE_NOHASHDIR: '1',
    CCACHE_COMPILERCHECK: 'content',
    CMAKE_C_COMPILER_LAUNCHER: 'ccache',
    CMAKE_CXX_COMPILER_LAUNCHER: 'ccache',
  }
}

/** `__FILE__` and debug information name a place that a person can make sense of. */
function prefixMaps({ paths, name, version }: StepContext): string {
  const shown = `/usr/src/${name}-${version}`
  return `-ffile-prefix-map=${paths.source}=${shown} -ffile-prefix-map=${paths.build}=${shown}/build`
}

/** The commands of the recipe's step number `index`. */
export function stepCommands(
  step: ResolvedStep,
  index: number,
  context: StepContext,
): StepCommand[] {
  switch (step.kind) {
    case 'cmake':
      return cmakeCommands(step, index, context)
    case 'make':
      return makeCommands(step, context)
    case 'python':
      return pythonCommands(step, index, context)
    case 'script':
      return [
        {
          phase: 'script',
          argv: ['/bin/sh', '-eu', '-c', step.script],
          cwd: context.paths.source,
          env: linkedEnvironment(context),
        },
      ]
  }
}

type StepOf<K extends ResolvedStep['kind']> = Extract<ResolvedStep, { kind: K }>

function cmakeCommands(step: StepOf<'cmake'>, index: number, context: StepContext): StepCommand[] {
  const { paths } = context
  const build = posix.join(paths.build, `cmake-${index}`)
  const targets = step.targets.flatMap((target) => ['--target', target])
  const common = { cwd: paths.build, env: {} }
  const compile = ['cmake', '--build', build, '--parallel', String(context.jobs)]
  return [
    { ...common, ...configuring(step, build, context) },
    { ...common, phase: 'compile', argv: [...compile, ...targets] },
    { ...common, phase: 'install', argv: installing(step, build) },
  ]
}

/**
 * With a preset, what it says of generator and build type holds, since ours are only what holds
 * where nothing is said; where to install and what to look through is never the project's choice.
 */
function configuring(
  step: StepOf<'cmake'>,
  build: string,
  context: StepContext,
): Pick<StepCommand, 'phase' | 'argv' | 'env'> {
  const { paths, toolchain } = context
  const { preset } = step
  const usual = toolchain.ninja === undefined ? 'Unix Makefiles' : 'Ninja'
  const generator = step.generator ?? (preset === undefined ? usual : undefined)
  const definitions: Record<string, string> = {
    ...(preset === undefined ? { CMAKE_BUILD_TYPE: 'Release' } : {}),
    CMAKE_INSTALL_PREFIX: '/usr/local',
    CMAKE_INSTALL_LIBDIR: 'lib',
    CMAKE_PREFIX_PATH: paths.prefix,
    ...cmakeDefinitions(context),
    ...step.definitions,
  }
  const where = ['-S', posix.join(paths.source, step.source), '-B', build]
  return {
    phase: 'configure',
    argv: [
      'cmake',
      ...(preset === undefined ? [] : ['--preset', preset]),
      ...where,
      ...(generator === undefined ? [] : ['-G', generator]),
      '-Wno-dev',
      '--no-warn-unused-cli',
      ...defined(definitions),
    ],
    env: preset === undefined ? {} : { CMAKE_GENERATOR: usual, CMAKE_BUILD_TYPE: 'Release' },
  }
}

/** CMake takes a component that does not exist for one without files. */
const componentInstall = `
build=$1; shift
for component; do
  cmake --install "$build" --component "$component"
  if [ ! -s "$build/install_manifest_$component.txt" ]; then
    echo "The project installs nothing for the component '$component'." >&2
    exit 1
  fi
done
`

function installing({ components }: StepOf<'cmake'>, build: string): string[] {
  if (components === undefined) return ['cmake', '--install', build]
  return ['/bin/sh', '-eu', '-c', componentInstall, 'sh', build, ...components]
}

function makeCommands(step: StepOf<'make'>, context: StepContext): StepCommand[] {
  const common = {
    cwd: posix.join(context.paths.source, step.source),
    env: linkedEnvironment(context),
  }
  const make = ['make', `-j${context.jobs}`]
  const configure = { ...common, phase: 'configure', argv: step.configure } as const
  const install = step.install.length === 0 ? ['install'] : step.install
  return [
    ...(step.configure.length === 0 ? [] : [configure]),
    { ...common, phase: 'compile', argv: [...make, ...step.targets] },
    { ...common, phase: 'install', argv: ['make', `DESTDIR=${context.paths.stage}`, ...install] },
  ]
}

/**
 * pip puts programs and data beside the modules with `--target`; they are moved to where they
 * live. What it starts installs into a wheel, where DESTDIR must not lead away from.
 */
const pythonInstall = `
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
site="$BACKLOT_STAGE/usr/local/lib/python$version/site-packages"
mkdir -p "$site"
unset DESTDIR
python3 -m pip install --verbose --no-deps --no-index --no-build-isolation --no-compile \\
  --no-warn-script-location --no-cache-dir --target "$site" "$@"
for folder in bin etc include share; do
  if [ ! -d "$site/$folder" ] || [ -e "$site/$folder/__init__.py" ]; then continue; fi
  mkdir -p "$BACKLOT_STAGE/usr/local/$folder"
  cp -a "$site/$folder/." "$BACKLOT_STAGE/usr/local/$folder"
  rm -r "$site/$folder"
done
`

/** What CMake is told besides how to build; a step's own definitions come after it. */
function cmakeDefinitions({ paths, toolchain }: StepContext): Record<string, string> {
  return {
    CMAKE_INSTALL_RPATH: rpathWithRoom(paths.prefix),
    CMAKE_EXPORT_NO_PACKAGE_REGISTRY: 'ON',
    CMAKE_FIND_USE_PACKAGE_REGISTRY: 'OFF',
    CMAKE_FIND_USE_SYSTEM_PACKAGE_REGISTRY: 'OFF',
    FETCHCONTENT_FULLY_DISCONNECTED: 'ON',
    ...(toolchain.cxxStandard === undefined
      ? {}
      : { CMAKE_CXX_STANDARD: String(toolchain.cxxStandard) }),
  }
}

function defined(definitions: Readonly<Record<string, string>>): string[] {
  return Object.entries(definitions).map(([key, value]) => `-D${key}=${value}`)
}

function pythonCommands(
  step: StepOf<'python'>,
  index: number,
  context: StepContext,
): StepCommand[] {
  const settings = Object.entries(step.settings).map(
    ([key, value]) => `--config-settings=${key}=${value}`,
  )
  const source = posix.join(context.paths.source, step.source)
  const argv = ['/bin/sh', '-eu', '-c', pythonInstall, 'sh', ...settings, source]
  const env = {
    ...linkedEnvironment(context),
    // For the backends that call CMake (scikit-build-core reads all of these).
    CMAKE_ARGS: ['--no-warn-unused-cli', ...defined(cmakeDefinitions(context))].join(' '),
    CMAKE_BUILD_PARALLEL_LEVEL: String(context.jobs),
    SKBUILD_BUILD_DIR: posix.join(context.paths.build, `python-${index}`),
  }
  return [{ phase: 'install', argv, cwd: context.paths.build, env }]
}

/** For build systems that know nothing of install-time search paths. */
function linkedEnvironment(context: StepContext): Record<string, string> {
  return { LDFLAGS: `-Wl,-rpath,${rpathWithRoom(context.paths.prefix)}` }
}
