/**
 * Runs the definition files that need Python: all in one go, in a sandbox.
 *
 * Invariant: nothing of a repository runs outside the sandbox: no network, nothing to write, no
 * view of home folders, no other processes, limits on time, memory and output. Where there is no
 * sandbox nothing is run. A file that breaks the run is blamed, and the rest is run again.
 * Source: bwrap(1).
 */
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { run, type RunResult, which } from '#kernel/index.ts'
import { literalOf } from './definition.ts'
import { pythonLimits, pythonShim } from './python-shim.ts'
import type { PythonAnswer, PythonTask, RunPython } from './repository.ts'

export interface PythonOptions {
  /** `PATH` of the user: where bwrap and python3 are looked for. */
  readonly path: string
  readonly signal?: AbortSignal | undefined
}

const wholeTimeoutMs = 120_000
const startsMax = 8
const outputBytesMax = 64 * 1024 ** 2
const systemFolders = ['/usr', '/bin', '/lib', '/lib32', '/lib64', '/etc/ld.so.cache']

/** A runner over the files of one repository. */
export function pythonRunner(repository: string, options: PythonOptions): RunPython {
  return async (tasks) => {
    const box = await sandbox(repository, options)
    if (typeof box === 'string') return tasks.map(() => ({ problem: box }))
    const answers: PythonAnswer[] = []
    for (let start = 0; start < startsMax && answers.length < tasks.length; start += 1) {
      const left = tasks.slice(answers.length)
      const result = await started(box, repository, left, options.signal)
      const given = answersIn(result.stdout).slice(0, left.length)
      answers.push(...given)
      if (given.length < left.length) answers.push({ problem: 'it broke the Python that ran it' })
    }
    const missing = tasks.slice(answers.length)
    return [...answers, ...missing.map(() => ({ problem: 'too many files broke Python' }))]
  }
}

async function started(
  box: readonly string[],
  repository: string,
  tasks: readonly PythonTask[],
  signal: AbortSignal | undefined,
): Promise<RunResult> {
  const paths = tasks.map(({ path }) => join(repository, path))
  return await run(box, {
    env: { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin' },
    signal,
    timeoutMs: wholeTimeoutMs,
    outputBytesMax,
    stdin: new TextEncoder().encode(JSON.stringify(paths)),
  })
}

/** The whole lines of an output, which may have been cut. */
function answersIn(output: string): PythonAnswer[] {
  const lines = output.slice(0, output.lastIndexOf('\n') + 1).split('\n')
  return lines.filter((line) => line !== '').map(answerOf)
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
async function sandbox(
  repository: string,
  { path, signal }: PythonOptions,
): Promise<readonly string[] | string> {
  const bwrap = which('bwrap', path)
  if (bwrap === undefined) return 'it needs Python in a sandbox, and bubblewrap is not installed'
  const python = await findPython(path, signal)
  if (python === undefined) return 'it needs Python, and python3 is not installed'
  const folders = [...systemFolders.filter((folder) => existsSync(folder)), python.prefix]
  const argv = [
    [bwrap, '--unshare-all', '--die-with-parent', '--new-session', '--clearenv'],
    ['--setenv', 'LANG', 'C.UTF-8', '--setenv', 'PATH', '/usr/bin:/bin'],
    ['--tmpfs', '/', '--dev', '/dev'],
    [...new Set(folders)].flatMap((folder) => ['--ro-bind', folder, folder]),
    ['--ro-bind', repository, repository, '--remount-ro', '/', '--chdir', '/'],
    ['--', python.program, '-I', '-S', '-B'],
  ].flat()
  const probe = await run([...argv, '-V'], {
    env: {},
    signal,
    timeoutMs: pythonLimits.seconds * 1000,
  })
  if (probe.exitCode !== 0) return 'it needs Python in a sandbox, which the system refuses'
  return [...argv, '-c', pythonShim]
}

/** The interpreter behind `python3`, which may be a script that chooses one. */
async function findPython(path: string, signal: AbortSignal | undefined) {
  const found = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : which('python3', path)
  if (found === undefined) return undefined
  const ask = 'import os, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix)'
  const told = await run([found, '-I', '-S', '-c', ask], { env: { PATH: path }, signal })
  const [program = '', prefix = ''] = told.stdout.split('\n')
  if (told.exitCode !== 0 || !isAbsolute(program) || !isAbsolute(prefix)) return undefined
  return { program, prefix: prefix === '/' ? dirname(program) : prefix }
}
