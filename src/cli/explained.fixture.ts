/** An explanation as a terminal of 80 columns shows it. */
import type { Unsolvable } from '#app/index.ts'
import { openPrinter } from './printer.ts'
import { screen } from './screen.fixture.ts'

const printing = {
  format: 'text',
  color: 'never',
  quiet: false,
  verbose: false,
  directory: undefined,
} as const

/** Line by line, as every command prints a «no». */
export function linesExplaining(why: Unsolvable): readonly string[] {
  const stderr = screen({ columns: 80 })
  const { signal } = new AbortController()
  const print = openPrinter({ stdout: screen({}), stderr, env: {}, signal }, printing)
  print.answer(why, why, () => '')
  return stderr.lines()
}
