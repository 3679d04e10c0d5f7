/**
 * A terminal that remembers what a person would see; knows the few sequences that progress uses.
 */
import type { Terminal } from './context.ts'

export interface Screen extends Terminal {
  /** The lines as they stand, blanks at the end of the screen left out. */
  lines(): string[]
  /** Whether the cursor shows. */
  cursor(): boolean
  readonly written: string[]
}

export function screen(options: { columns?: number; rows?: number; isTerminal?: boolean }): Screen {
  const { columns = 80, rows = 24, isTerminal = true } = options
  let lines: string[] = ['']
  let visible = true
  const written: string[] = []
  const control = (sequence: string): void => {
    const [, amount = '1', letter] = /^\u001b\[\??(\d*)([A-Za-z])$/.exec(sequence) ?? []
    if (letter === 'A') lines = lines.slice(0, lines.length - Number(amount))
    else if (sequence === '\u001b[?25l') visible = false
    else if (sequence === '\u001b[?25h') visible = true
    else if (letter === 'J') lines[lines.length - 1] = ''
    else if (letter !== 'm') throw new TypeError(`A sequence that is not known: ${sequence}`)
  }
  return {
    isTerminal,
    columns: () => columns,
    rows: () => rows,
    written,
    write: (text) => {
      written.push(text)
      for (const part of text.split(/(\u001b\[\??\d*[A-Za-z]|\n)/)) {
        if (part === '\n') lines.push('')
        else if (part.startsWith('\u001b')) control(part)
        else lines[lines.length - 1] += part
      }
    },
    lines: () => lines.slice(0, lines.at(-1) === '' ? -1 : undefined),
    cursor: () => visible,
  }
}
