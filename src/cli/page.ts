/** What a result is drawn on: the colours and the width of one stream. */
import type { Terminal } from './context.ts'
import { cut, wrapped } from './human.ts'
import { type ColorChoice, type Paint, paintFor } from './paint.ts'

export interface Page {
  readonly paint: Paint
  /** A line with its end cut off where a terminal would break it. */
  cut(line: string): string
  /** A line as it fits a terminal, broken between words, later lines indented by `hang`. */
  fit(line: string, hang: number): string
}

/** A stream as it is now, because a window can change. */
export function pageOn(
  stream: Terminal,
  from: { readonly choice: ColorChoice; readonly env: Readonly<Record<string, string>> },
): Page {
  const { isTerminal } = stream
  const columns = stream.columns()
  return {
    paint: paintFor({ ...from, isTerminal }),
    // What is not read by a person keeps its lines whole.
    cut: (line) => (isTerminal ? cut(line, columns) : line),
    fit: (line, hang) => (isTerminal ? wrapped(line, columns, hang) : line),
  }
}
