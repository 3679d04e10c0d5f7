/**
 * Which compiler and which build programs a build would use.
 *
 * Invariant: only programs that a build can see count: the host's /usr/local is hidden from it.
 * Not here: installing them (`#env`, doctor).
 */
import { realpathSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { z } from 'zod'
import { AppError, readIfPresent, run, systemCode, which, writeFileAtomic } from '#kernel/index.ts'

/** What is compiled with. All of it but the paths is part of the build id. */
export interface Toolchain {
  readonly compiler: 'gcc' | 'clang'
  /** As the compiler says with `-dumpfullversion`. */
  readonly version: string
  readonly cc: string
  readonly cxx: string
  /** Versions; absent where the program is. */
  readonly cmake?: string | undefined
  readonly ninja?: string | undefined
  readonly python?: string | undefined
  readonly cxxStandard?: number | undefined
  readonly cxx11Abi?: 0 | 1 | undefined
}

export interface ToolchainOptions {
  readonly prefer?: 'gcc' | 'clang' | undefined
  /** The host's `PATH`; system folders and /opt of it are looked at. */
  readonly path: string
  readonly cxxStandard?: number | undefined
  readonly cxx11Abi?: 0 | 1 | undefined
  readonly signal?: AbortSignal | undefined
  /** A file that keeps what programs said of themselves; without it they are asked each time. */
  readonly memory?: string | undefined
}

/** The part of a `PATH` that the sandbox shows, in its order, the standard folders last. */
export function visiblePath(path: string): string {
  const shown = path.split(':').filter((folder) => /^\/(usr|opt)\//.test(folder))
  const kept = shown.filter((folder) => !folder.startsWith('/usr/local'))
  return [...new Set([...kept, '/usr/bin', '/bin', '/usr/sbin', '/sbin'])].join(':')
}

/**
 * Finds compiler, cmake, ninja and python.
 * @throws AppError `build/tool-missing` when there is no C++ compiler.
 */
export async function detectToolchain(options: ToolchainOptions): Promise<Toolchain> {
  const path = visiblePath(options.path)
  const compiler = chosenCompiler(options.prefer, path)
  const said = remembered(options.memory)
  const answers: Record<string, Answer> = {}
  const version = async (argv: readonly string[], pattern: RegExp) => {
    const program = which(argv[0] ?? '', path)
    if (program === undefined) return undefined
    const question = [program, ...argv.slice(1)].join(' ')
    const identity = identityOf(program)
    const known = said[question]
    if (identity !== undefined && known?.identity === identity) {
      answers[question] = known
      return known.version
    }
    const env = { PATH: path, LC_ALL: 'C.UTF-8' }
    const result = await run([program, ...argv.slice(1)], { env, signal: options.signal })
    const found = pattern.exec(result.stdout + result.stderr)?.[1]
    if (found !== undefined && identity !== undefined)
      answers[question] = { identity, version: found }
    return found
  }
  const dump = compiler.kind === 'gcc' ? ['-dumpfullversion'] : ['-dumpversion']
  const [full = 'unknown', cmake, ninja, python] = await Promise.all([
    version([compiler.cxx, ...dump], /^([0-9.]+)/),
    version(['cmake', '--version'], /version ([0-9.]+)/),
    version(['ninja', '--version'], /^([0-9.]+)/),
    version(['python3', '--version'], /Python ([0-9.]+)/),
  ])
  remember(options.memory, { before: said, after: answers })
  const { cxxStandard, cxx11Abi } = options
  return {
    compiler: compiler.kind,
    version: full,
    cc: compiler.cc,
    cxx: compiler.cxx,
    cmake,
    ninja,
    python,
    ...(cxxStandard === undefined ? {} : { cxxStandard }),
    ...(cxx11Abi === undefined ? {} : { cxx11Abi }),
  }
}

const Answers = z.record(z.string(), z.object({ identity: z.string(), version: z.string() }))
type Answer = z.infer<typeof Answers>[string]

/** An upgraded program is another file; what stands in for another program, as ccache, is asked. */
function identityOf(program: string): string | undefined {
  const path = realpathSync(program)
  if (!basename(path).includes(basename(program).replace(/^clang\+\+$/, 'clang'))) return undefined
  const { size, mtimeMs, ctimeMs, ino } = statSync(path)
  return [path, size, mtimeMs, ctimeMs, ino].join(' ')
}

function remembered(memory: string | undefined): Record<string, Answer> {
  const bytes = memory === undefined ? undefined : readIfPresent(memory)
  if (bytes === undefined) return {}
  try {
    return Answers.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return {} // Damaged: that only costs asking the programs again.
  }
}

type Both = Readonly<Record<'before' | 'after', Record<string, Answer>>>

function remember(memory: string | undefined, { before, after }: Both): void {
  const isNew = Object.entries(after).some(
    ([key, { identity }]) => before[key]?.identity !== identity,
  )
  if (memory === undefined || !isNew) return
  try {
    writeFileAtomic(memory, JSON.stringify({ ...before, ...after }))
  } catch (error) {
    if (systemCode(error) === undefined) throw error // A read-only home only costs time.
  }
}

function chosenCompiler(prefer: 'gcc' | 'clang' | undefined, path: string) {
  const gcc = { kind: 'gcc', cc: 'gcc', cxx: 'g++' } as const
  const clang = { kind: 'clang', cc: 'clang', cxx: 'clang++' } as const
  const tried = prefer === undefined ? [gcc, clang] : prefer === 'gcc' ? [gcc] : [clang]
  const found = tried.find(({ cxx }) => which(cxx, path) !== undefined)
  if (found !== undefined) return found
  const wanted = tried.map(({ cxx }) => cxx).join(' or ')
  throw new AppError('build/tool-missing', `No C++ compiler: ${wanted} is not in ${path}`, {
    hints: ['`backlot doctor` prints the line that installs it. /usr/local is hidden from builds.'],
  })
}
