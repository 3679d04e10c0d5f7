/**
 * What this machine is, as virtual packages that the solver can require: `__glibc`, `__cuda`, …
 *
 * Overrides replace a detected fact, or remove it when empty, so that tests and locks for other
 * machines do not depend on this one: `BACKLOT_OVERRIDE_GLIBC=2.17`.
 * Source: conda's virtual packages for the idea; the x86-64 psABI, "Micro-Architecture Levels".
 */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { AppError, run, which } from '#kernel/index.ts'
import { type HostFact, isVersion, parseVersion, type Version } from '#model/index.ts'

export interface HostOptions {
  /** Environment variables: PATH finds programs, and BACKLOT_OVERRIDE_* count. */
  readonly env: Readonly<Record<string, string | undefined>>
}

const overridePrefix = 'BACKLOT_OVERRIDE_'

/**
 * The facts of this machine, sorted by name. What cannot be found out is absent.
 * @throws AppError `model/bad-version` when an override is not a version.
 */
export async function detectHost(options: HostOptions): Promise<readonly HostFact[]> {
  const overrides = overridesIn(options.env)
  const found = new Map<string, string>(overrides)
  for (const [name, detect] of Object.entries(detectors)) {
    if (overrides.has(name)) continue
    const version = await detect(options.env['PATH'] ?? '')
    if (version !== undefined) found.set(name, version)
  }
  return [...found]
    .filter(([, version]) => version !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]) => ({ name: `__${name}` as const, version: versionOf(name, version) }))
}

function versionOf(name: string, version: string): Version {
  if (isVersion(version)) return parseVersion(version)
  const variable = overridePrefix + name.toUpperCase()
  throw new AppError(
    'model/bad-version',
    `${variable} is '${version.slice(0, 120)}', which is not a version`,
    { hints: [`Set it to one, such as ${variable}=2.17, or leave it empty: not there.`] },
  )
}

function overridesIn(env: HostOptions['env']): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(env).flatMap(([name, value]) =>
      name.startsWith(overridePrefix) && value !== undefined
        ? [[name.slice(overridePrefix.length).toLowerCase(), value.trim()]]
        : [],
    ),
  )
}

type Detector = (path: string) => string | undefined | Promise<string | undefined>

const detectors: Readonly<Record<string, Detector>> = {
  linux: () => (process.platform === 'linux' ? leadingNumbers(release()) : undefined),
  glibc: () => glibcVersion(),
  cuda: cudaVersion,
  archspec: () => processorLevel(),
  macos: (path) => (process.platform === 'darwin' ? macosVersion(path) : undefined),
  windows: () => (process.platform === 'win32' ? leadingNumbers(release()) : undefined),
}

function leadingNumbers(text: string): string | undefined {
  return /^\d+(?:\.\d+)*/.exec(text)?.[0]
}

async function glibcVersion(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined
  const { dlopen } = await import('bun:ffi')
  try {
    const libc = dlopen('libc.so.6', { gnu_get_libc_version: { args: [], returns: 'cstring' } })
    return leadingNumbers(libc.symbols.gnu_get_libc_version()?.toString() ?? '')
  } catch {
    return undefined // Another C library.
  }
}

/** The highest CUDA version that the driver runs, from the driver itself, else from nvidia-smi. */
async function cudaVersion(path: string): Promise<string | undefined> {
  const version = await cudaDriverVersion()
  if (version > 0) return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`
  const program = which('nvidia-smi', path)
  if (program === undefined) return undefined
  const result = await run([program], { env: { PATH: path }, timeoutMs: 5000 })
  return /CUDA Version:\s*(\d+\.\d+)/.exec(result.stdout)?.[1]
}

/** 1000 * major + 10 * minor, as the driver counts; 0 without a driver. */
async function cudaDriverVersion(): Promise<number> {
  const { dlopen } = await import('bun:ffi')
  const version = new Int32Array(1)
  const library = process.platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1'
  try {
    const cuda = dlopen(library, { cuDriverGetVersion: { args: ['ptr'], returns: 'i32' } })
    return cuda.symbols.cuDriverGetVersion(version) === 0 ? (version[0] ?? 0) : 0
  } catch {
    return 0 // No driver.
  }
}

async function macosVersion(path: string): Promise<string | undefined> {
  const result = await run(['/usr/bin/sw_vers', '-productVersion'], { env: { PATH: path } })
  return leadingNumbers(result.stdout)
}

/** Flags as /proc/cpuinfo writes them; each level also needs those before it. */
const levelFlags: readonly (readonly string[])[] = [
  ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'],
  ['abm', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe', 'xsave'],
  ['avx512bw', 'avx512cd', 'avx512dq', 'avx512f', 'avx512vl'],
]

function processorLevel(): string | undefined {
  if (process.arch !== 'x64' || process.platform !== 'linux') return undefined
  try {
    return levelOf(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '')
  } catch {
    return undefined
  }
}

/** The x86-64 level, 1 to 4, of a processor with these flags, divided by blanks. */
export function levelOf(flags: string): string {
  const has = new Set(flags.trim().split(/\s+/))
  const missing = levelFlags.findIndex((needed) => !needed.every((flag) => has.has(flag)))
  return String(missing === -1 ? levelFlags.length + 1 : missing + 1)
}
