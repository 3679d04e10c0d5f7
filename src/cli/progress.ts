/**
 * Events of long work as lines on stderr.
 *
 * On a terminal: one line for each task, redrawn in place, cursor hidden and always given back.
 * Elsewhere, and with `--verbose`: plain lines when a task starts and ends. With `--quiet`: only
 * warnings. For a program that reads them: warnings and notes as JSON, one a line.
 * Invariant: `print` and `close` leave the cursor at the start of an empty line.
 */
import type { Emit, WorkEvent } from '#kernel/index.ts'
import type { Terminal } from './context.ts'
import { cut, duration, padded, printable, size, width } from './human.ts'
import type { Paint } from './paint.ts'

export interface ProgressOptions {
  readonly stream: Terminal
  readonly paint: Paint
  readonly env: Readonly<Record<string, string>>
  readonly quiet: boolean
  readonly verbose: boolean
  /** Whether stderr is read by a program: then warnings are JSON, one a line. */
  readonly json?: boolean
  readonly nowMs?: () => number
}

export interface Progress {
  readonly emit: Emit
  /** Prints a line above what moves. */
  print(line: string): void
  close(): void
}

interface Task {
  readonly label: string
  readonly startedMs: number
  phase: string
  done: string
  lastLine: string
  end: Extract<WorkEvent, { kind: 'end' }> | undefined
}

const frameMs = 100
/** Labels up to this width stand in a column. */
const labelColumnsMax = 30
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const hideCursor = '\u001b[?25l'
const showCursor = '\u001b[?25h'

/** Progress that suits the stream. */
export function openProgress(options: ProgressOptions): Progress {
  const { stream, env, quiet, verbose, json = false } = options
  if (json && !stream.isTerminal) return openJson(stream)
  if (quiet) return openPlain({ ...options, verbose: false }, (event) => event.kind === 'warning')
  const moves = stream.isTerminal && env['TERM'] !== 'dumb' && !verbose
  return moves ? openMoving(options) : openPlain(options, () => true)
}

/** Warnings and notes for a program. */
function openJson(stream: Terminal): Progress {
  const write = (value: object): void => stream.write(`${JSON.stringify(value)}\n`)
  return {
    emit: (event) => {
      if (event.kind === 'warning') write({ warning: { message: event.text, hints: event.hints } })
    },
    print: (text) => write({ note: { message: printable(text) } }),
    close: () => undefined,
  }
}

/** Lines that stay. */
function openPlain(options: ProgressOptions, wanted: (event: WorkEvent) => boolean): Progress {
  const { stream, paint, verbose } = options
  const labels = new Map<string, string>()
  const line = (event: WorkEvent): string | undefined => {
    switch (event.kind) {
      case 'start':
        labels.set(event.task, event.label)
        return `${event.label}: started`
      case 'phase':
        return verbose ? `${labels.get(event.task) ?? event.task}: ${event.phase}` : undefined
      case 'line':
        return verbose
          ? `${paint.dim(`${labels.get(event.task) ?? event.task} |`)} ${printable(event.text)}`
          : undefined
      case 'end': {
        const label = labels.get(event.task)
        // What was never started was there already.
        return label === undefined ? undefined : `${label}: ${ending(event, label)}`
      }
      case 'warning':
        return warningText(event, paint)
      case 'progress':
        return undefined
    }
  }
  const print = (text: string): void => stream.write(`${text}\n`)
  return {
    emit: (event) => {
      if (!wanted(event)) return
      const text = line(event)
      if (text !== undefined) print(text)
    },
    print,
    close: () => undefined,
  }
}

/** Lines that are redrawn in place. */
function openMoving({ stream, paint, nowMs = Date.now }: ProgressOptions): Progress {
  const tasks = new Map<string, Task>()
  let drawn = 0
  let frame = 0
  let timer: ReturnType<typeof setInterval> | undefined
  const replace = (lines: readonly string[]): string => {
    const left = Math.max(0, drawn - lines.length)
    const text = `${back(drawn)}${[...lines, ...Array<string>(left).fill('')].map(endLine).join('')}`
    drawn = lines.length
    return `${text}${up(left)}`
  }
  const draw = (): void => {
    const shown = visible(tasks, Math.max(1, stream.rows() - 1))
    const lines = linesOf(shown, { paint, columns: stream.columns(), nowMs: nowMs(), frame })
    stream.write(replace(lines)) // One write, so that a terminal never shows half a frame.
  }
  const tick = (): void => {
    frame += 1
    draw()
  }
  const open = (): void => {
    if (timer !== undefined) return
    stream.write(hideCursor)
    timer = setInterval(tick, frameMs)
    timer.unref()
  }
  const print = (line: string): void => {
    stream.write(`${replace([])}${line}\n`)
    if (timer !== undefined) draw()
  }
  return {
    emit: (event) => {
      if (event.kind === 'warning') return print(warningText(event, paint))
      open()
      update(tasks, event, nowMs())
      if (event.kind === 'start' || event.kind === 'end') draw()
    },
    print,
    close: () => {
      if (timer === undefined) return
      clearInterval(timer)
      timer = undefined
      // What failed or was left undone stays, so that the error below it can be placed.
      const kept = [...tasks.values()].filter((task) => task.end?.outcome === 'failed')
      const lines = linesOf(kept, { paint, columns: stream.columns(), nowMs: nowMs(), frame })
      stream.write(`${replace(lines)}${showCursor}`)
      drawn = 0
      tasks.clear()
    },
  }
}

/** Overwrites and clears line by line: what «erase below» takes, some terminals keep as history. */
function endLine(text: string): string {
  return `${text}\u001b[K\n`
}

/** To the first of so many lines. What a key echoed below them (`^C`) goes. */
function back(lines: number): string {
  return lines === 0 ? '' : `\r\u001b[K${up(lines)}`
}

function up(lines: number): string {
  return lines === 0 ? '' : `\u001b[${lines}A`
}

function update(
  tasks: Map<string, Task>,
  event: Exclude<WorkEvent, { kind: 'warning' }>,
  nowMs: number,
): void {
  if (event.kind === 'start') {
    const { label } = event
    const fresh = { label, startedMs: nowMs, phase: '', done: '', lastLine: '', end: undefined }
    tasks.set(event.task, fresh)
    return
  }
  const task = tasks.get(event.task)
  if (task === undefined) return
  switch (event.kind) {
    case 'phase':
      task.phase = event.phase
      task.done = ''
      task.lastLine = ''
      break
    case 'progress':
      task.done = amount(event)
      break
    case 'line':
      task.lastLine = event.text
      break
    case 'end':
      task.end = event
      break
  }
}

/** The tasks that fit: running ones first when there are too many, and how many are left out. */
function visible(tasks: ReadonlyMap<string, Task>, rows: number): (Task | string)[] {
  const all = [...tasks.values()]
  if (all.length <= rows) return all
  const running = all.filter((task) => task.end === undefined)
  const ended = all.filter((task) => task.end !== undefined)
  const shown = [...ended.slice(ended.length - Math.max(0, rows - 1 - running.length)), ...running]
  const kept = ended.length === 0 || running.length >= rows - 1 ? running : shown
  const fitting = kept.slice(0, rows - 1)
  return [`… and ${all.length - fitting.length} more`, ...fitting]
}

interface Frame {
  readonly paint: Paint
  readonly columns: number
  readonly nowMs: number
  readonly frame: number
}

function linesOf(items: readonly (Task | string)[], frame: Frame): string[] {
  const labels = items.map((item) => (typeof item === 'string' ? 0 : width(item.label)))
  const labelColumns = Math.min(labelColumnsMax, Math.max(0, ...labels))
  return items.map((item) =>
    typeof item === 'string' ? frame.paint.dim(item) : taskLine(item, labelColumns, frame),
  )
}

function taskLine(task: Task, labelColumns: number, at: Frame): string {
  const { paint, columns, nowMs, frame } = at
  const { end } = task
  const head = end === undefined ? (frames[frame % frames.length] ?? '') : mark(end.outcome)
  const elapsed = end === undefined ? duration(nowMs - task.startedMs) : ending(end, task.label)
  const middle = end === undefined ? [task.phase, task.done].filter(Boolean).join(' ') : ''
  const label = padded(printable(task.label), labelColumns)
  const left = cut([label, middle].filter(Boolean).join('  '), columns - 3)
  const time = cut(elapsed, columns - 5 - width(left))
  const rest = columns - 7 - width(left) - width(time)
  const last = end === undefined && rest > 8 ? cut(task.lastLine.trim(), rest) : ''
  const color = end === undefined ? paint.cyan : end.outcome === 'failed' ? paint.red : paint.green
  return [`${color(head)} ${left}`, paint.dim(time), paint.dim(last)].filter(Boolean).join('  ')
}

function mark(outcome: 'done' | 'reused' | 'failed' | 'cancelled'): string {
  return { done: '✓', reused: '•', failed: '✗', cancelled: '–' }[outcome]
}

function ending(event: Extract<WorkEvent, { kind: 'end' }>, label: string): string {
  const { note = '', outcome, durationMs } = event
  const said = label.includes(note) ? '' : ` (${note})`
  return outcome === 'reused' ? `reused${said}` : `${outcome} in ${duration(durationMs)}${said}`
}

function amount(event: Extract<WorkEvent, { kind: 'progress' }>): string {
  const show = event.unit === 'bytes' ? size : String
  return event.total === undefined ? show(event.done) : `${show(event.done)}/${show(event.total)}`
}

/** Its words may be those of another machine: no line of them looks like one of ours. */
function warningText(event: Extract<WorkEvent, { kind: 'warning' }>, paint: Paint): string {
  const text = event.text.split('\n').map(printable).join('\n  ')
  const hints = event.hints.map((hint) => `\n  ${paint.cyan('hint')}: ${printable(hint)}`).join('')
  return `${paint.yellow(paint.bold('warning'))}: ${text}${hints}`
}
