/**
 * What a recipe says it exports, tried by a real consumer: CMake projects that link every target,
 * pkg-config compiles, programs and Python modules.
 *
 * Invariant: the consumer sees the build and its run-time dependencies at the prefix and nothing
 * of how it was made; all that fails is named, not only the first.
 * Not here: the box (`sandbox.ts`), the recipe's own tests (`build-one.ts`).
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, run } from '#kernel/index.ts'
import type { CmakeExport, Exports, ProgramExport } from '#model/index.ts'
import type { Box } from './sandbox.ts'

export interface ExportCheck {
  /** Opened over the view of the new build; its source folder is this check's scratch. */
  readonly box: Box
  /** Host's path of the box's source folder. */
  readonly scratch: string
  readonly environment: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly jobs: number
  readonly logPath: string
}

export interface BrokenExport {
  /** `CMake target Imath::Imath`, `program exrheader`, … */
  readonly what: string
  readonly said: string
}

const saidLinesMax = 12

/** Tries all exports. @returns What is broken; empty when everything works. */
export async function checkExports(check: ExportCheck, exports: Exports): Promise<BrokenExport[]> {
  const broken: (BrokenExport | undefined)[] = []
  for (const [index, item] of exports.cmake.entries())
    broken.push(...(await checkCmake(check, item, index)))
  for (const name of exports.pkgConfig) broken.push(await checkPkgConfig(check, name))
  for (const program of exports.programs) broken.push(await checkProgram(check, program))
  for (const name of exports.python) broken.push(await checkPython(check, name))
  return broken.filter((item) => item !== undefined)
}

/** @throws AppError `build/export-broken` that lists all of them. */
export function judgeExports(name: string, broken: readonly BrokenExport[]): void {
  if (broken.length === 0) return
  const listed = broken.map(({ what, said }) => `- ${what}\n${indented(said)}`)
  throw new AppError(
    'build/export-broken',
    `${name} does not export what its recipe says:\n${listed.join('\n')}`,
    {
      hints: ['Mend the package (a patch, a definition) or take the export out of the recipe.'],
    },
  )
}

interface Script {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly script: string
}

async function attempt(check: ExportCheck, script: Script) {
  const folder = join(check.scratch, script.name)
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(script.files)) writeFileSync(join(folder, name), text)
  const inside = join(check.box.paths.source, script.name)
  const env = { ...check.environment, JOBS: String(check.jobs) }
  const argv = ['/bin/sh', '-eu', '-c', script.script]
  const command = check.box.command(argv, { cwd: inside, env })
  const { exitCode, stdout, stderr } = await run(command.argv, {
    env: command.env,
    signal: check.signal,
    timeoutMs: 900_000,
  })
  appendFileSync(check.logPath, `\n# consumer ${script.name}\n${stdout}${stderr}`)
  return { exitCode, stdout, said: tellingLines(`${stdout}\n${stderr}`) }
}

async function checkCmake(
  check: ExportCheck,
  item: CmakeExport,
  index: number,
): Promise<BrokenExport[]> {
  const { exitCode, stdout, said } = await attempt(check, cmakeProject(item, index))
  const marked = (mark: string) =>
    item.targets.filter((target) => stdout.split('\n').includes(`-- ${mark} ${target}`))
  const what = (target: string) => `CMake target ${target} of find_package(${item.package})`
  const broken = [
    ...marked(marks.absent).map((target) => ({
      what: what(target),
      said: `${item.package}'s CMake configuration does not define this target`,
    })),
    ...marked(marks.broken).map((target) => ({
      what: what(target),
      said: tellingLines(
        stdout.split(`-- ${marks.use} ${target}\n`)[1]?.split(marks.end)[0] ?? said,
      ),
    })),
  ]
  const found = new RegExp(`^-- ${marks.version} (.*)$`, 'm').exec(stdout)?.[1]
  if (item.version !== undefined && found !== undefined && !isOfVersion(found, item.version))
    broken.push({
      what: `CMake package ${item.package} ${item.version}`,
      said: `its version file says '${found}'`,
    })
  const [, elsewhere] = new RegExp(`^-- ${marks.elsewhere} (.*)$`, 'm').exec(stdout) ?? []
  if (elsewhere !== undefined)
    broken.push({ what: `CMake package ${item.package}`, said: notOfThis(elsewhere) })
  if (exitCode === 0 || broken.length > 0) return broken
  return [{ what: `CMake package ${item.package} (${item.targets.join(', ')})`, said }]
}

const marks = {
  absent: 'BACKLOT-ABSENT',
  use: 'BACKLOT-USE',
  end: '-- BACKLOT-BROKEN',
  broken: 'BACKLOT-BROKEN',
  version: 'BACKLOT-VERSION',
  elsewhere: 'BACKLOT-ELSEWHERE',
} as const

/** The system may have a package, file or module of that name as well. */
function notOfThis(place: string): string {
  return `it is not of this build: ${place}`
}

/** `3.1.6` is of `3.1`; a version file that accepts everything proves nothing. */
function isOfVersion(found: string, asked: string): boolean {
  return `${found}.`.startsWith(`${asked}.`)
}

/** A project that finds the package, and makes and runs a program for each of its targets. */
function cmakeProject(item: CmakeExport, index: number): Script {
  const components = item.components.length === 0 ? '' : ` COMPONENTS ${item.components.join(' ')}`
  const lists = `cmake_minimum_required(VERSION 3.12)
project(consumer C CXX)
find_package(${item.package} ${item.version ?? ''} CONFIG REQUIRED${components})
if(${item.package}_VERSION)
  message(STATUS "${marks.version} \${${item.package}_VERSION}")
endif()
get_filename_component(place "\${${item.package}_DIR}" REALPATH)
get_filename_component(prefix "$ENV{BACKLOT_PREFIX}" REALPATH)
string(FIND "\${place}/" "\${prefix}/" at)
if(NOT at EQUAL 0)
  message(STATUS "${marks.elsewhere} \${place}")
endif()
${item.targets.map(useOfTarget).join('\n')}
`
  const uses = item.targets.map((target, at) => `use ${at} '${target}'`)
  return {
    name: `cmake-${index}`,
    files: { 'CMakeLists.txt': lists, 'main.cpp': emptyProgram },
    script: `exec 2>&1
if command -v ninja >/dev/null; then export CMAKE_GENERATOR=Ninja; fi
cmake -S . -B build -Wno-dev -DCMAKE_BUILD_TYPE=Release
status=0
use() {
  echo "-- ${marks.use} $2"
  cmake --build build --parallel "$JOBS" --target "use$1" &&
    if [ -f "build/use$1" ]; then "build/use$1"; fi || { echo "-- ${marks.broken} $2"; status=1; }
}
${uses.length === 0 ? '' : `cmake --build build --parallel "$JOBS" -- -k ${keepGoing} >/dev/null || true`}
${uses.join('\n')}
exit $status`,
  }
}

/** Ninja and make both go on after a failure with \`-k\`; Ninja wants to know how often. */
const keepGoing = '$(if [ "${CMAKE_GENERATOR-}" = Ninja ]; then echo 0; fi)'

/**
 * Everything in a library is linked, not only what \`main\` wants: nothing, which would prove
 * nothing. A static library's own \`main\` must not be in the way.
 */
function useOfTarget(target: string, at: number): string {
  return `if(NOT TARGET ${target})
  message(STATUS "${marks.absent} ${target}")
  add_custom_target(use${at})
else()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    add_custom_target(use${at} ALL test -x $<TARGET_FILE:${target}>)
  else()
    add_executable(use${at} main.cpp)
    if(CMAKE_SYSTEM_NAME STREQUAL Linux)
      target_link_libraries(use${at} PRIVATE -Wl,--no-as-needed -Wl,-z,muldefs)
      if(type STREQUAL "STATIC_LIBRARY")
        target_link_libraries(use${at} PRIVATE
          -Wl,--whole-archive $<TARGET_FILE:${target}> -Wl,--no-whole-archive)
      endif()
    endif()
    target_link_libraries(use${at} PRIVATE ${target})
  endif()
endif()`
}

const emptyProgram = 'int main() { return 0; }\n'

/**
 * Flags compile and link. A static library is taken whole, first with the flags that most users
 * ask for, then with those for static linking.
 */
async function checkPkgConfig(check: ExportCheck, name: string): Promise<BrokenExport | undefined> {
  const { exitCode, said } = await attempt(check, {
    name: `pkg-config-${name.replaceAll(/[^\w.-]/g, '_')}`,
    files: { 'main.cpp': emptyProgram },
    script: `flags() { \${PKG_CONFIG:-pkg-config} "$@" '${name}'; }
link() {
  "$CXX" -Wl,--no-as-needed -Wl,-z,muldefs main.cpp $cflags \\
    -Wl,--whole-archive "$@" -Wl,--no-whole-archive -Wl,-rpath,"$BACKLOT_PREFIX/lib" -o use
}
cflags=$(flags --cflags)
libs=$(flags --libs)
place=$(flags --variable=pcfiledir)
case $place in
  "$BACKLOT_PREFIX"/*) ;;
  *) echo "${notOfThis('$place')}" >&2; exit 1 ;;
esac
required=$(flags --print-requires --print-requires-private | cut -d' ' -f1)
theirs=$(test -z "$required" || \${PKG_CONFIG:-pkg-config} --cflags --libs $required)
for flag in $cflags $libs; do
  case " $theirs " in *" $flag "*) continue ;; esac
  case $flag in
    "-I$BACKLOT_PREFIX/include" | "-L$BACKLOT_PREFIX/lib") ;;
    -[IL]/*)
      if ! [ -d "\${flag#-[IL]}" ]; then echo "$flag: there is no such folder" >&2; exit 1; fi ;;
  esac
done
link $libs || link $(flags --libs --static)
./use`,
  })
  return exitCode === 0 ? undefined : { what: `pkg-config file ${name}.pc`, said }
}

async function checkProgram(
  check: ExportCheck,
  program: ProgramExport,
): Promise<BrokenExport | undefined> {
  const words = program.args.map((argument) => `'${argument.replaceAll("'", "'\\''")}'`)
  const { exitCode, said } = await attempt(check, {
    name: `program-${program.name.replaceAll(/[^\w.-]/g, '_')}`,
    files: {},
    script: `exec "$BACKLOT_PREFIX/bin/${program.name}" ${words.join(' ')}`,
  })
  if (exitCode === program.exit) return undefined
  return {
    what: `program ${program.name} (ended with ${exitCode}, wanted ${program.exit})`,
    said,
  }
}

async function checkPython(check: ExportCheck, name: string): Promise<BrokenExport | undefined> {
  const { exitCode, said } = await attempt(check, {
    name: `python-${name}`,
    files: {},
    script: `exec python3 - '${name}' <<'end'
${importing}
end`,
  })
  return exitCode === 0 ? undefined : { what: `Python module ${name}`, said }
}

const importing = `import importlib, os, sys
module = importlib.import_module(sys.argv[1])
places = [getattr(module, "__file__", None)] + list(getattr(module, "__path__", []))
places = [os.path.abspath(place) for place in places if place]
if not any(place.startswith(os.environ["BACKLOT_PREFIX"] + "/") for place in places):
    sys.exit("${notOfThis('')}" + (", ".join(places) or "it is built into Python"))`

/** From the first error on, where compilers and CMake name one; else the last lines. */
function tellingLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const first = lines.findIndex((line) => /^CMake Error|\berror: |undefined reference/.test(line))
  return (first < 0 ? lines.slice(-saidLinesMax) : lines.slice(first, first + saidLinesMax)).join(
    '\n',
  )
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}
