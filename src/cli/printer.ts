/**
 * The only renderer of results and errors.
 *
 * Invariant: stdout holds results and nothing else, so with `--format json` it is one document;
 * errors, notices and progress go to stderr. The moving part of stderr is gone before anything
 * else is written.
 * Not here: how one result looks (`render/`).
 */
import type { Unsolvable } from '#app/index.ts'
import { AppError, type Emit, explained, meaningOf } from '#kernel/index.ts'
import type { CliContext, Terminal } from './context.ts'
import type { SharedOptions } from './options.ts'
import { printable } from './human.ts'
import { type Page, pageOn } from './page.ts'
import { openProgress } from './progress.ts'
import { adviceLines, hintLines, sentenceLines } from './render/advice.ts'

export interface Printer {
  readonly emit: Emit
  /** Prints a result: as JSON, or as the text that `text` makes of it. */
  result<Data>(data: Data, text: (data: Data, page: Page) => string): void
  /** Prints a result that may be a «no»; gives the exit code. */
  answer<Data>(
    data: Data,
    unsolvable: Unsolvable | undefined,
    text: (data: Data, page: Page) => string,
  ): number
  /** Prints bytes that already have their final form. */
  document(text: string): void
  /** Tells something that is neither result nor error. */
  notice(text: string): void
  /** Prints an error; gives the exit code. */
  error(error: unknown): number
  /** Takes away what moves and restores the cursor; may be called again. */
  end(): void
}

/** A printer over the two streams of a context. */
export function openPrinter(
  context: Pick<CliContext, 'stdout' | 'stderr' | 'env' | 'signal'>,
  shared: SharedOptions,
): Printer {
  const { stdout, stderr, env, signal } = context
  const { format, quiet, verbose, color } = shared
  const pageOf = (stream: Terminal): Page => pageOn(stream, { choice: color, env })
  const paintError = pageOf(stderr).paint
  const json = format === 'json'
  const progress = openProgress({ stream: stderr, paint: paintError, env, quiet, verbose, json })
  const printer: Printer = {
    emit: progress.emit,
    result(data, text) {
      progress.close()
      if (json) stdout.write(`${JSON.stringify(data, undefined, 2)}\n`)
      else write(stdout, text(data, pageOf(stdout)))
    },
    answer(data, unsolvable, text) {
      if (unsolvable === undefined || json) printer.result(data, text)
      else {
        progress.close()
        write(stderr, unsolvableText(unsolvable, pageOf(stderr)))
      }
      return unsolvable === undefined ? 0 : 1
    },
    document(text) {
      progress.close()
      stdout.write(text)
    },
    notice(text) {
      if (!quiet) progress.print(json ? text : `${paintError.yellow('note')}: ${text}`)
    },
    error(thrown) {
      progress.close()
      const error = explained(thrown, pathOf(thrown))
      const { exit, ...plainError } = describe(error, signal)
      const text = json
        ? JSON.stringify({ error: plainError })
        : errorText(plainError, pageOf(stderr), verbose ? error : undefined)
      write(stderr, text)
      return exit
    },
    end: () => progress.close(),
  }
  return printer
}

/** An error as `--format json` prints it. */
export interface ErrorDocument {
  readonly code: string
  readonly message: string
  readonly hints: readonly string[]
}

/** Code, sentence, hints and exit code of anything that was thrown. */
function describe(error: unknown, signal: AbortSignal): ErrorDocument & { readonly exit: number } {
  // Whatever fails after Ctrl-C failed because of it.
  const exitOf = (exit: number): number => (signal.aborted ? interruptedExit(signal) : exit)
  if (error instanceof AppError) {
    const { code, message, hints } = error
    return { code, message, hints, exit: exitOf(meaningOf(code).exit) }
  }
  if (signal.aborted)
    return { code: 'kernel/cancelled', message: 'Cancelled', hints: [], exit: exitOf(130) }
  return {
    code: 'cli/internal',
    message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    hints: ['This is a fault of Backlot. Run it again with `-v` and report what it prints.'],
    exit: meaningOf('cli/internal').exit,
  }
}

/** The file that a refusal of the system is about. */
function pathOf(error: unknown): string {
  const known = typeof error === 'object' && error !== null && 'path' in error
  return known ? String(error.path) : 'the output'
}

/** 128 + n for the signal n, which is the reason that `main.ts` gives. */
function interruptedExit({ reason }: AbortSignal): number {
  return typeof reason === 'number' ? reason : 130
}

/**
 * The message's first line says what is wrong; what follows (an excerpt, a log) stays as it is,
 * unless it is the sentences of an explanation.
 */
function errorText(error: ErrorDocument, page: Page, cause?: unknown): string {
  const { paint, fit } = page
  const { code, message, hints } = error
  const [first = '', ...rest] = message.trimEnd().split('\n')
  const label = `${paint.red(paint.bold('error'))}${paint.dim(`[${code}]`)}`
  const below =
    code === 'cli/unsolvable'
      ? sentenceLines(rest, page)
      : rest.map((line) => (line === '' ? '' : `  ${printable(line)}`))
  const lines = [
    fit(`${label}: ${paint.bold(printable(first))}`, 2),
    ...below,
    ...hintLines(hints, page),
  ]
  return [...lines, ...causes(cause).map(paint.dim)].join('\n')
}

/** What there is no solution for, sentence by sentence, and what would help. */
function unsolvableText(unsolvable: Unsolvable, page: Page): string {
  const message = ['no set of packages satisfies the request', ...unsolvable.sentences].join('\n')
  return [
    errorText({ code: 'cli/unsolvable', message, hints: [] }, page),
    ...adviceLines(unsolvable, page),
  ].join('\n')
}

function causes(error: unknown): string[] {
  const lines: string[] = []
  for (let at = error; at instanceof Error && lines.length < 40; at = at.cause)
    lines.push(...(at.stack ?? at.message).split('\n').map((line) => `  ${line}`))
  return lines
}

function write(stream: { write(text: string): void }, text: string): void {
  if (text !== '') stream.write(text.endsWith('\n') ? text : `${text}\n`)
}
