/**
 * Becoming another program.
 *
 * Invariant: after `replaceProcess` the process is the child itself, so signals, exit codes and
 * memory are the child's and nothing waits; where a process cannot be replaced, its exit code is
 * passed on. What this program changed about its own signals is put back first.
 * Source: execve(2), exec(3), signal(7).
 */
import type { dlopen as Dlopen } from 'bun:ffi'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { AppError } from './errors.ts'

/**
 * Replaces this process by a command. Returns only where that cannot be done (not on Linux, or no
 * FFI): then the command runs as a child and its exit code comes back, 128 + n for signal n.
 *
 * @param argv The program as a path, then its arguments.
 * @throws AppError `env/command-missing`, `env/command-refused`
 */
export async function replaceProcess(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  if (process.platform === 'linux') await execute(argv, env)
  return passOn(argv, env)
}

/** Only returns when the kernel refused. A script without `#!` is run by sh, as shells do it. */
async function execute(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { dlopen, ptr } = await import('bun:ffi')
  const libc = openLibc(dlopen)
  if (libc === undefined) return
  const kept: unknown[] = [] // Keeps the strings alive until the kernel has copied them.
  const given = [...argv, ...Object.values(env)].some(isLossy) ? givenWords() : undefined
  const pointers = (texts: readonly string[]): BigUint64Array => {
    const list = new BigUint64Array(texts.length + 1)
    texts.forEach((text, index) => {
      const bytes = Buffer.concat([given?.get(text)?.shift() ?? Buffer.from(text), Buffer.alloc(1)])
      kept.push(bytes)
      list[index] = BigInt(ptr(bytes))
    })
    kept.push(list)
    return list
  }
  const path = Buffer.from(`${argv[0] ?? ''}\0`)
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  // Bun ignores these two, and what is ignored stays ignored in the next program.
  for (const ignored of [constants.signals.SIGPIPE, constants.signals.SIGXFSZ])
    libc.symbols.signal(ignored, null)
  libc.symbols.execvpe(path, pointers(argv), pointers(variables))
}

function isLossy(text: string): boolean {
  return text.includes('\uFFFD')
}

/**
 * The bytes of the arguments and variables that were not UTF-8, which is all that Bun reads, by
 * what it made of them and in their order: a file name in another encoding stays what it was.
 */
function givenWords(): ReadonlyMap<string, Buffer[]> {
  const words = new Map<string, Buffer[]>()
  for (const name of ['cmdline', 'environ']) {
    const bytes = readFileSync(`/proc/self/${name}`)
    for (let at = 0; at < bytes.byteLength; ) {
      const end = bytes.indexOf(0, at)
      const word = bytes.subarray(at, end < 0 ? bytes.byteLength : end)
      const text = word.toString('utf8')
      if (isLossy(text)) words.set(text, [...(words.get(text) ?? []), word])
      at += word.byteLength + 1
    }
  }
  return words
}

function openLibc(dlopen: typeof Dlopen) {
  try {
    return dlopen('libc.so.6', {
      execvpe: { args: ['ptr', 'ptr', 'ptr'], returns: 'i32' },
      signal: { args: ['i32', 'ptr'], returns: 'ptr' },
    })
  } catch {
    return undefined
  }
}

const passedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

async function passOn(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawnInherited(argv, env)
  const handlers = passedSignals.map((signal) => ({ signal, pass: () => child.kill(signal) }))
  for (const { signal, pass } of handlers) process.on(signal, pass)
  try {
    const code = await child.exited
    const signals: Readonly<Record<string, number>> = constants.signals
    return child.signalCode === null ? code : 128 + (signals[child.signalCode] ?? 0)
  } finally {
    for (const { signal, pass } of handlers) process.off(signal, pass)
  }
}

function spawnInherited(argv: readonly string[], env: Readonly<Record<string, string>>) {
  try {
    return Bun.spawn([...argv], { env, stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' })
  } catch (cause) {
    const program = argv[0] ?? ''
    throw existsSync(program) ? commandRefused(program, cause) : commandMissing(program, cause)
  }
}

export function commandMissing(program: string, cause?: unknown): AppError {
  return new AppError('env/command-missing', `There is no program ${program}`, {
    hints: ['`backlot list` shows what the environment holds.'],
    cause,
  })
}

export function commandRefused(program: string, cause?: unknown): AppError {
  return new AppError('env/command-refused', `${program} cannot be run`, {
    hints: ['The file may not be executable, or be made for another machine.'],
    cause,
  })
}
