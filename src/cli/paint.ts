/**
 * Colours for people: SGR sequences, or nothing at all.
 *
 * Source: ECMA-48 8.3.117; https://no-color.org; https://bixense.com/clicolors (CLICOLOR_FORCE).
 */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

export type ColorChoice = 'auto' | 'always' | 'never'

const same = (text: string): string => text

/** No colours. */
export const plain: Paint = {
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
  cyan: same,
}

const colored: Paint = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  cyan: sgr(36, 39),
}

/** The colours for one stream, after what the user chose and what the stream is. */
export function paintFor(options: {
  readonly choice: ColorChoice
  readonly isTerminal: boolean
  readonly env: Readonly<Record<string, string>>
}): Paint {
  return wantsColor(options) ? colored : plain
}

function wantsColor({ choice, isTerminal, env }: Parameters<typeof paintFor>[0]): boolean {
  if (choice !== 'auto') return choice === 'always'
  if ((env['NO_COLOR'] ?? '') !== '') return false
  if ((env['CLICOLOR_FORCE'] ?? '0') !== '0') return true
  return isTerminal && env['TERM'] !== 'dumb'
}

function sgr(on: number, off: number): (text: string) => string {
  return (text) => (text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`)
}
