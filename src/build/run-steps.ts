/**
 * Runs a build's commands one after another, their output in one log file and live as events.
 *
 * Invariant: the log has everything that was run and said; a failure names the log, its last
 * lines and how to enter the box.
 */
import { appendFileSync, closeSync, openSync, readSync } from 'node:fs'
import { AppError, type Emit, run } from '#kernel/index.ts'
import { type Box, type BoxCommand, recordBox } from './sandbox.ts'
import type { StepCommand } from './steps.ts'

export interface StepRun {
  readonly box: Box
  readonly workspace: string
  readonly logPath: string
  /** Name of the task in events: the package's name. */
  readonly task: string
  readonly environment: Readonly<Record<string, string>>
  readonly emit: Emit
  readonly signal: AbortSignal
}

const lastLinesMax = 20
const lineLengthMax = 1000
const pollMs = 120

/** A step that ended with another exit code than 0. */
export class StepFailed extends AppError {
  readonly logPath: string
  readonly workspace: string
  readonly lastLines: readonly string[]

  constructor(failure: { run: StepRun; command: StepCommand; exitCode: number }) {
    const { logPath, workspace, task } = failure.run
    const lastLines = tailOf(logPath)
    super(
      'build/failed',
      `${task}: ${failure.command.phase} ended with ${failure.exitCode}\n${lastLines.join('\n')}`,
      {
        hints: [
          `The whole log: ${logPath}`,
          `Enter the sandbox of this build: backlot debug ${quoted(workspace)}`,
        ],
      },
    )
    this.logPath = logPath
    this.workspace = workspace
    this.lastLines = lastLines
  }
}

/** @throws StepFailed, AppError `kernel/cancelled` */
export async function runSteps(steps: StepRun, commands: readonly StepCommand[]): Promise<void> {
  for (const command of commands) {
    steps.emit({ kind: 'phase', task: steps.task, phase: command.phase })
    const ready = boxed(steps, command)
    recordBox(steps.workspace, withoutProgram(ready, command))
    appendFileSync(steps.logPath, `\n# ${command.phase}: ${command.argv.map(quoted).join(' ')}\n`)
    const exitCode = await logged(steps, ready)
    if (exitCode === 0) continue
    throw diskFull(steps) ?? new StepFailed({ run: steps, command, exitCode })
  }
}

function diskFull({ logPath, task }: StepRun): AppError | undefined {
  if (!tailOf(logPath).some((line) => /no space left on device/i.test(line))) return undefined
  return new AppError('kernel/no-space', `The disk became full while ${task} was being built`, {
    hints: ['Free space (`backlot gc` and `backlot clean` help), then run this again.'],
    retryable: true,
  })
}

function boxed(steps: StepRun, command: StepCommand): BoxCommand {
  return steps.box.command(command.argv, {
    cwd: command.cwd,
    env: { ...steps.environment, ...command.env },
  })
}

/** What stands before the program, so that another one can be started in its place. */
function withoutProgram(ready: BoxCommand, command: StepCommand): BoxCommand {
  return { ...ready, argv: ready.argv.slice(0, ready.argv.length - command.argv.length) }
}

async function logged(steps: StepRun, ready: BoxCommand): Promise<number> {
  const follower = follow(steps)
  try {
    const result = await run(ready.argv, {
      env: ready.env,
      signal: steps.signal,
      logPath: steps.logPath,
    })
    return result.exitCode
  } finally {
    follower.stop()
  }
}

/** Emits what is added to the log, line by line, and ninja's and make's progress. */
function follow(steps: StepRun): { stop: () => void } {
  const file = openSync(steps.logPath, 'r')
  const buffer = new Uint8Array(64 * 1024)
  const decoder = new TextDecoder()
  let at = Bun.file(steps.logPath).size
  let rest = ''
  const poll = () => {
    for (let read; (read = readSync(file, buffer, 0, buffer.length, at)) > 0; at += read) {
      const lines = (rest + decoder.decode(buffer.subarray(0, read), { stream: true })).split('\n')
      rest = lines.pop()?.slice(-4096) ?? ''
      for (const text of lines) emitLine(steps, text)
    }
  }
  const timer = setInterval(poll, pollMs)
  return {
    stop: () => {
      clearInterval(timer)
      poll()
      closeSync(file)
    },
  }
}

function emitLine(steps: StepRun, text: string): void {
  const { task, emit } = steps
  emit({ kind: 'line', task, text })
  const progress = /^\s*\[(\d+)\/(\d+)\]/.exec(text)
  if (progress === null) return
  emit({
    kind: 'progress',
    task,
    done: Number(progress[1]),
    total: Number(progress[2]),
    unit: 'steps',
  })
}

/** The last lines of a log, the longest of them cut. */
export function tailOf(path: string): string[] {
  const file = openSync(path, 'r')
  try {
    const size = Bun.file(path).size
    const buffer = new Uint8Array(Math.min(size, 32 * 1024))
    readSync(file, buffer, 0, buffer.length, size - buffer.length)
    const lines = new TextDecoder().decode(buffer).trimEnd().split('\n').slice(-lastLinesMax)
    return lines.map((line) =>
      line.length > lineLengthMax ? `${line.slice(0, lineLengthMax)}…` : line,
    )
  } finally {
    closeSync(file)
  }
}

/** An argument as a shell would want it. */
export function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`
}
