/**
 * Running other programs: found by name, bounded, and gone when we are cancelled.
 *
 * Invariant: no process outlives its call. A child leads its own process group; on abort or
 * time-out the whole group gets SIGTERM, then SIGKILL. What the child itself started ends with it,
 * in whatever session: bubblewrap leaves the group a moment before it asks to die with its parent.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { throwIfCancelled } from './cancel.ts'
import { AppError } from './errors.ts'

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
  /** A file that output is appended to; otherwise it is captured. */
  readonly logPath?: string
  readonly stdin?: Uint8Array | undefined
  /**
   * A child that writes more than this to one stream is ended, and what came before is given;
   * 64 MiB unless said. What goes to a file is not limited.
   */
  readonly outputBytesMax?: number
  /** A child that writes nothing to stdout for this long is ended. */
  readonly silenceMs?: number | undefined
}

export interface RunResult {
  readonly exitCode: number
  /** Empty when a log file was given. */
  readonly stdout: string
  readonly stderr: string
}

const killGraceMs = 3000
const capturedBytesMax = 64 * 1024 ** 2

/**
 * Runs a program to its end and gives its exit code, whatever it is.
 * @throws AppError `kernel/program-missing`, `kernel/cancelled`
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const [program = ''] = argv
  throwIfCancelled(options.signal, program)
  const log = options.logPath === undefined ? undefined : openSync(options.logPath, 'a')
  try {
    const child = spawn(argv, options, log)
    const stop = terminator(child)
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(stop, options.timeoutMs)
    options.signal?.addEventListener('abort', stop, { once: true })
    try {
      const [stdout, stderr, exitCode] = await Promise.all([
        text(child.stdout, { ...options, stop }),
        text(child.stderr, { ...options, silenceMs: undefined, stop }),
        child.exited,
      ])
      throwIfCancelled(options.signal, program)
      return { exitCode, stdout, stderr }
    } finally {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', stop)
    }
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

/** Like `run`, but an exit code other than 0 is an error. @throws AppError `kernel/program-failed` */
export async function runOrThrow(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const result = await run(argv, options)
  if (result.exitCode === 0) return result
  const tail = lastLines(`${result.stdout}\n${result.stderr}`, 12)
  throw new AppError('kernel/program-failed', `${argv[0]} ended with ${result.exitCode}:\n${tail}`)
}

const saidMax = 4000

/** The last lines that a program said, whole ones as long as they are not huge. */
export function lastLines(said: string, lines: number): string {
  return said.trim().split('\n').slice(-lines).join('\n').slice(-saidMax)
}

/** The path of a program on `path` (a `PATH`-like list), or undefined. */
export function which(program: string, path: string): string | undefined {
  return Bun.which(program, { PATH: path }) ?? undefined
}

function spawn(argv: readonly string[], options: RunOptions, log: number | undefined) {
  try {
    return Bun.spawn([...argv], {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...options.env },
      stdin: options.stdin ?? 'ignore',
      stdout: log ?? 'pipe',
      stderr: log ?? 'pipe',
      detached: true,
    })
  } catch (error) {
    throw new AppError('kernel/program-missing', `Cannot run ${argv[0]}: it was not found`, {
      hints: ['`backlot doctor` prints the line that installs it.'],
      cause: error,
    })
  }
}

function terminator(child: { readonly pid: number; readonly exited: Promise<number> }): () => void {
  return () => {
    const started = childrenOf(child.pid)
    signal(-child.pid, 'SIGTERM')
    const timer = setTimeout(() => signal(-child.pid, 'SIGKILL'), killGraceMs)
    void child.exited.finally(() => {
      clearTimeout(timer)
      // What the leader left behind.
      for (const pid of [-child.pid, ...started]) signal(pid, 'SIGKILL')
    })
  }
}

/** None where the system does not tell. */
function childrenOf(pid: number): readonly number[] {
  try {
    const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return listed.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** A negative number is that of a group. */
function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone, which is what was wanted.
  }
}

type TextOptions = Pick<RunOptions, 'outputBytesMax' | 'silenceMs'> & { readonly stop: () => void }

async function text(
  stream: ReadableStream<Uint8Array> | number | undefined,
  { outputBytesMax = capturedBytesMax, silenceMs, stop }: TextOptions,
): Promise<string> {
  if (!(stream instanceof ReadableStream)) return ''
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  const timer = silenceMs === undefined ? undefined : setTimeout(stop, silenceMs)
  try {
    for await (const chunk of stream) {
      timer?.refresh()
      sizeBytes += chunk.byteLength
      if (sizeBytes > outputBytesMax) {
        stop()
        break
      }
      chunks.push(chunk)
    }
  } finally {
    clearTimeout(timer)
  }
  return Buffer.concat(chunks).toString()
}
