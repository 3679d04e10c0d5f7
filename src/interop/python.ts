/**
 * Runs Python over package code: all in one go, in a sandbox.
 *
 * Invariant: nothing of a repository runs outside the sandbox: no network, nothing to write, no
 * view of home folders, no other processes, limits on time, memory and output. Where there is no
 * sandbox nothing is run. A file that breaks the run is blamed, and the rest is run again.
 * Source: bwrap(1).
 */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { run, type RunResult, systemClock, which } from '#kernel/index.ts'
import { literalOf } from './definition.ts'
import { definitionShim } from './python-shim.ts'
import type { PythonAnswer, RunPython } from './repository.ts'

export interface PythonOptions {
  /** `PATH` of the user: where bwrap and python3 are looked for. */
  readonly path: string
  readonly signal?: AbortSignal | undefined
}

interface Program extends PythonOptions {
  readonly source: string
  /** Folders that it may read besides the system's. */
  readonly folders: readonly string[]
  /** What it reads from stdin, as JSON. */
  readonly input: unknown
  readonly timeoutMs?: number
}

const wholeTimeoutMs = 120_000
const probeTimeoutMs = 5000
/** Longer than any program of ours takes for one line, unless somebody stopped it. */
const silenceMs = 15_000
const outputBytesMax = 64 * 1024 ** 2
const systemFolders = ['/usr', '/bin', '/lib', '/lib32', '/lib64', '/etc/ld.so.cache']

const wanted = ['requires', 'variants', 'timestamp', 'version', 'versions', 'version_overrides']

/** A runner over the files of one repository. */
export function pythonRunner(repository: string, options: PythonOptions): RunPython {
  return async (tasks) => {
    const paths = tasks.map(({ path }) => join(repository, path))
    return await runFiles(paths, { ...options, folders: [repository], wanted, variables: {} })
  }
}

interface FileOptions extends PythonOptions {
  readonly folders: readonly string[]
  /** Attributes to give back. */
  readonly wanted: readonly string[]
  readonly variables: Readonly<Record<string, string>>
}

/** Runs files of Python, and gives attributes of each. */
export async function runFiles(
  paths: readonly string[],
  options: FileOptions,
): Promise<readonly PythonAnswer[]> {
  const answers: PythonAnswer[] = []
  const { wanted: names, variables } = options
  const endMs = systemClock.nowMs() + wholeTimeoutMs
  while (answers.length < paths.length) {
    const timeoutMs = endMs - systemClock.nowMs()
    if (timeoutMs <= 0) break
    const left = paths.slice(answers.length)
    const input = { paths: left, wanted: names, variables }
    const lines = await runPython({ ...options, source: definitionShim, input, timeoutMs })
    if (typeof lines === 'string') return paths.map(() => ({ problem: lines }))
    const given = lines.map(answerOf).slice(0, left.length)
    answers.push(...given)
    if (given.length < left.length && systemClock.nowMs() < endMs)
      answers.push({ problem: 'it broke the Python that ran it' })
  }
  const late = `all files together ran for more than ${wholeTimeoutMs / 1000} s`
  return [...answers, ...paths.slice(answers.length).map(() => ({ problem: late }))]
}

/** The lines that a program of ours printed, or why it could not be run. */
export async function runPython(program: Program): Promise<readonly string[] | string> {
  const { path, signal, input, source, timeoutMs = wholeTimeoutMs } = program
  const box = await sandbox(program)
  if (typeof box === 'string') return box
  const result: RunResult = await run([...box, '-c', source], {
    env: { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin' },
    signal,
    timeoutMs,
    outputBytesMax,
    silenceMs,
    stdin: new TextEncoder().encode(JSON.stringify(input)),
  })
  const { stdout } = result
  // The last line may have been cut.
  const lines = stdout.slice(0, stdout.lastIndexOf('\n') + 1).split('\n')
  const whole = lines.filter((line) => line !== '')
  if (whole.length > 0) return whole
  const probe = await run([...box, '-V'], {
    env: { PATH: path },
    signal,
    timeoutMs: probeTimeoutMs,
  })
  return probe.exitCode === 0 ? [] : 'it needs Python in a sandbox, which the system refuses'
}

function answerOf(line: string): PythonAnswer {
  try {
    const value = literalOf(JSON.parse(line))
    if (value instanceof Map) {
      const attributes = value.get('attributes')
      if (attributes instanceof Map) return { attributes }
      const problem = value.get('problem')
      if (typeof problem === 'string') return { problem: `it needs Python, which says: ${problem}` }
    }
  } catch {
    // Told below: our own program writes JSON, so something else wrote this.
  }
  return { problem: 'it gave something that is no answer' }
}

/** The command line of the sandboxed Python, or why there is none. */
async function sandbox({ path, signal, folders }: Program): Promise<readonly string[] | string> {
  const bwrap = which('bwrap', path)
  if (bwrap === undefined) return 'it needs Python in a sandbox, and bubblewrap is not installed'
  const python = await findPython(path, signal)
  if (python === undefined) return 'it needs Python, and python3 is not installed'
  const system = [...systemFolders.filter((folder) => existsSync(folder)), python.prefix]
  return [
    [bwrap, '--unshare-all', '--cap-drop', 'ALL', '--die-with-parent', '--new-session'],
    ['--clearenv'],
    ['--setenv', 'LANG', 'C.UTF-8', '--setenv', 'PATH', '/usr/bin:/bin'],
    ['--tmpfs', '/', '--dev', '/dev'],
    [...new Set([...system, ...folders])].flatMap((folder) => ['--ro-bind', folder, folder]),
    ['--remount-ro', '/', '--chdir', '/', '--', python.program, '-I', '-S', '-B'],
  ].flat()
}

/** The interpreter behind `python3`, which may be a script that chooses one. */
async function findPython(path: string, signal: AbortSignal | undefined) {
  const usual = '/usr/bin/python3'
  if (existsSync(usual)) {
    const program = realpathSync(usual)
    if (/^\/usr\/bin\/python3\.\d+$/.test(program)) return { program, prefix: '/usr' }
  }
  const found = existsSync(usual) ? usual : which('python3', path)
  if (found === undefined) return undefined
  const ask = 'import os, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix)'
  const told = await run([found, '-I', '-S', '-c', ask], { env: { PATH: path }, signal })
  const [program = '', prefix = ''] = told.stdout.split('\n')
  if (told.exitCode !== 0 || !isAbsolute(program) || !isAbsolute(prefix)) return undefined
  return { program, prefix: prefix === '/' ? dirname(program) : prefix }
}
