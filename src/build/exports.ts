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
  return { exitCode, stdout, said: lastLines(`${stdout}\n${stderr}`) }
}

async function checkCmake(
  check: ExportCheck,
  item: CmakeExport,
  index: number,
): Promise<BrokenExport[]> {
  const { exitCode, stdout, said } = await attempt(check, cmakeProject(item, index))
  const absent = item.targets.filter((target) => stdout.includes(`${absentMark} ${target}.`))
  const broken = absent.map((target) => ({
    what: `CMake target ${target} of find_package(${item.package})`,
    said: `${item.package}'s CMake configuration does not define this target`,
  }))
  if (exitCode === 0) return broken
  const what = `CMake package ${item.package} (${item.targets.join(', ')})`
  return [...broken, { what, said }]
}

const absentMark = 'BACKLOT-ABSENT'

/** A project that finds the package, and makes and runs a program for each of its targets. */
function cmakeProject(item: CmakeExport, index: number): Script {
  const components = item.components.length === 0 ? '' : ` COMPONENTS ${item.components.join(' ')}`
  const programs = item.targets.map(
    (target, at) => `if(NOT TARGET ${target})
  message(STATUS "${absentMark} ${target}.")
else()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    add_custom_target(use${at} ALL test -x $<TARGET_FILE:${target}>)
  else()
    add_executable(use${at} main.cpp)
    target_link_libraries(use${at} PRIVATE ${target})
  endif()
endif()`,
  )
  const lists = `cmake_minimum_required(VERSION 3.12)
project(consumer C CXX)
if(CMAKE_SYSTEM_NAME STREQUAL Linux)
  add_link_options(-Wl,--no-as-needed)
endif()
find_package(${item.package} ${item.version ?? ''} CONFIG REQUIRED${components})
${programs.join('\n')}
`
  return {
    name: `cmake-${index}`,
    files: { 'CMakeLists.txt': lists, 'main.cpp': 'int main() { return 0; }\n' },
    script: `cmake -S . -B build -Wno-dev -DCMAKE_BUILD_TYPE=Release
cmake --build build --parallel "$JOBS"
for program in build/use*; do if [ -f "$program" ]; then "./$program"; fi; done`,
  }
}

async function checkPkgConfig(check: ExportCheck, name: string): Promise<BrokenExport | undefined> {
  const { exitCode, said } = await attempt(check, {
    name: `pkg-config-${name.replaceAll(/[^\w.-]/g, '_')}`,
    files: { 'main.cpp': 'int main() { return 0; }\n' },
    script: `flags=$(\${PKG_CONFIG:-pkg-config} --cflags --libs '${name}')
"$CXX" -Wl,--no-as-needed main.cpp $flags -Wl,-rpath,"$BACKLOT_PREFIX/lib" -o use
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
    script: `exec python3 -c 'import importlib; importlib.import_module("${name}")'`,
  })
  return exitCode === 0 ? undefined : { what: `Python module ${name}`, said }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-saidLinesMax).join('\n')
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}
