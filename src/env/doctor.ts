/**
 * What Backlot needs from this machine, what is there, and the line that installs what is not.
 *
 * Gives data; the CLI prints it. A thing that is missing is a finding, never an error.
 */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { run, which } from '#kernel/index.ts'
import { type Distribution, installLine, readDistribution } from './distribution.ts'
import { detectHost } from './host.ts'
import { probeNamespaces } from './namespaces.ts'

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'missing' | 'limited'
  /** What needs it, e.g. `builds`. */
  readonly purpose: string
  /** Whether something central does not work without it. */
  readonly required: boolean
  /** Version or finding, one line. */
  readonly found: string
  readonly hint?: string
}

export interface DoctorOptions {
  readonly env: Readonly<Record<string, string>>
  /** The store's folder. */
  readonly home: string
  /** What builds see of the PATH; all of it when absent. */
  readonly buildPath?: string
  readonly distribution?: Distribution
}

interface Program {
  readonly name: string
  /** Any of these will do. */
  readonly programs: readonly string[]
  readonly purpose: string
  readonly required: boolean
  /** Builds run it themselves, where only the system's programs are seen. */
  readonly inBuilds?: true
  readonly packages: Readonly<Record<string, readonly string[]>>
}

/** The same package name on Debian, Rocky and others, unless said otherwise. */
const named = (debian: string, rocky = debian): Program['packages'] => ({
  debian: [debian],
  rocky: [rocky],
  suse: [rocky],
  arch: [debian],
  alpine: [debian],
  macos: [debian],
})

const programs: readonly Program[] = [
  {
    name: 'C++ compiler',
    programs: ['c++', 'g++', 'clang++'],
    purpose: 'builds',
    required: true,
    inBuilds: true,
    packages: { ...named('g++', 'gcc-c++'), arch: ['gcc'], macos: [] },
  },
  {
    name: 'cmake',
    programs: ['cmake'],
    purpose: 'builds',
    required: true,
    inBuilds: true,
    packages: named('cmake'),
  },
  {
    name: 'ninja',
    programs: ['ninja', 'ninja-build'],
    purpose: 'builds',
    required: true,
    inBuilds: true,
    packages: named('ninja-build'),
  },
  {
    name: 'make',
    programs: ['make'],
    purpose: 'builds',
    required: false,
    inBuilds: true,
    packages: named('make'),
  },
  {
    name: 'python3',
    programs: ['python3'],
    purpose: 'builds of Python packages',
    required: false,
    inBuilds: true,
    packages: named('python3'),
  },
  {
    name: 'pkg-config',
    programs: ['pkg-config', 'pkgconf'],
    purpose: 'checks of builds, system packages',
    required: false,
    inBuilds: true,
    packages: named('pkg-config', 'pkgconf-pkg-config'),
  },
  {
    name: 'bubblewrap',
    programs: ['bwrap'],
    purpose: 'the sandbox of builds',
    required: true,
    packages: named('bubblewrap'),
  },
  {
    name: 'git',
    programs: ['git'],
    purpose: 'sources from git',
    required: false,
    packages: named('git'),
  },
  {
    name: 'patch',
    programs: ['patch'],
    purpose: 'patches of recipes',
    required: false,
    inBuilds: true,
    packages: named('patch'),
  },
  {
    name: 'ccache',
    programs: ['ccache'],
    purpose: 'faster builds',
    required: false,
    inBuilds: true,
    packages: named('ccache'),
  },
]

/** All checks in a fixed order. */
export async function runDoctor(options: DoctorOptions): Promise<readonly Check[]> {
  const distribution = options.distribution ?? readDistribution()
  const path = options.env['PATH'] ?? ''
  const found: Check[] = [await hostCheck(options, distribution)]
  for (const program of programs) found.push(await programCheck(program, options, distribution))
  return [...found, namespaceCheck(path), scratchCheck(path), diskCheck(options.home)]
}

async function hostCheck(options: DoctorOptions, distribution: Distribution): Promise<Check> {
  const facts = await detectHost({ env: options.env })
  const told = facts.map((fact) => `${fact.name} ${fact.version.text}`).join(', ')
  const common = { name: 'host', purpose: 'everything', required: true } as const
  return { ...common, state: 'ok', found: `${distribution.name}; ${told}` }
}

async function programCheck(
  program: Program,
  { env, buildPath }: DoctorOptions,
  distribution: Distribution,
): Promise<Check> {
  const { name, purpose, required, inBuilds } = program
  const path = env['PATH'] ?? ''
  const seen = inBuilds === true ? (buildPath ?? path) : path
  const found = firstOf(program.programs, seen)
  if (found !== undefined)
    return { name, purpose, required, state: 'ok', found: await versionOf(found, seen) }
  const line = installLine(program.packages, distribution)
  const hint = line ?? `Install ${program.programs[0] ?? name}.`
  const hidden = firstOf(program.programs, path)
  const told = hidden === undefined ? 'not found' : `only ${hidden}, which builds do not see`
  return { name, purpose, required, state: 'missing', found: told, hint }
}

function firstOf(names: readonly string[], path: string): string | undefined {
  return names.map((one) => which(one, path)).find((one) => one !== undefined)
}

/** The first line that mentions a version, with the program's path. */
async function versionOf(program: string, path: string): Promise<string> {
  const env = { PATH: path, LC_ALL: 'C' }
  const result = await run([program, '--version'], { env, timeoutMs: 5000 })
  const version = /\d+\.\d+(?:\.\d+)*/.exec(result.stdout)?.[0]
  return version === undefined ? program : `${version} (${program})`
}

function namespaceCheck(path: string): Check {
  const support = probeNamespaces({ path })
  const common = { name: 'namespaces', purpose: 'environments at /usr/local', required: false }
  if (support.kind === 'available')
    return { ...common, state: 'ok', found: `by ${support.engine} (${support.program})` }
  const hint = [...support.hints, 'Without them environments work through variables.'].join(' ')
  return { ...common, state: 'limited', found: support.reason, hint }
}

function scratchCheck(path: string): Check {
  const support = probeNamespaces({ path, scratch: true })
  const common = { name: 'scratch layer', purpose: 'writing over an environment', required: false }
  const works = support.kind === 'available' && support.scratch === true
  if (works) return { ...common, state: 'ok', found: 'overlay over the view' }
  return { ...common, state: 'limited', found: 'not possible here', hint: 'It needs Linux 5.11.' }
}

const comfortableBytes = 5 * 1024 ** 3

function diskCheck(home: string): Check {
  const common = { name: 'store', purpose: 'everything', required: true } as const
  const folder = existingPart(home)
  try {
    accessSync(folder, constants.W_OK)
  } catch {
    const hint = 'Choose another folder with BACKLOT_HOME; reading still works.'
    return { ...common, state: 'limited', found: `${home} cannot be written to`, hint }
  }
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const told = `${(free / 1024 ** 3).toFixed(1)} GiB free for ${home}`
  if (free >= comfortableBytes) return { ...common, state: 'ok', found: told }
  const hint = 'Builds of large packages need more; `backlot gc` frees what nothing uses.'
  return { ...common, state: 'limited', found: told, hint }
}

function existingPart(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existingPart(dirname(path))
}
