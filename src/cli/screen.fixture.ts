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
  const lines: string[] = ['']
  let row = 0
  let column = 0
  let visible = true
  const written: string[] = []
  const control = (sequence: string): void => {
    const [, amount = '1', letter] = /^\u001b\[\??(\d*)([A-Za-z])$/.exec(sequence) ?? []
    if (letter === 'A') row -= Number(amount)
    else if (letter === 'K') lines[row] = (lines[row] ?? '').slice(0, column)
    else if (sequence === '\u001b[?25l') visible = false
    else if (sequence === '\u001b[?25h') visible = true
    else if (letter !== 'm') throw new TypeError(`A sequence that is not known: ${sequence}`)
    if (row < 0) throw new TypeError('The cursor left the screen')
  }
  const put = (text: string): void => {
    const line = lines[row] ?? ''
    lines[row] = line.slice(0, column) + text + line.slice(column + text.length)
    column += text.length
  }
  const nextLine = (): void => {
    row += 1
    column = 0
    if (row === lines.length) lines.push('')
  }
  return {
    isTerminal,
    columns: () => columns,
    rows: () => rows,
    written,
    write: (text) => {
      written.push(text)
      for (const part of text.split(/(\u001b\[\??\d*[A-Za-z]|[\r\n])/)) {
        if (part === '\n') nextLine()
        else if (part === '\r') column = 0
        else if (part.startsWith('\u001b')) control(part)
        else put(part)
      }
    },
    lines: () => lines.slice(0, lines.findLastIndex((line) => line !== '') + 1),
    cursor: () => visible,
  }
}
