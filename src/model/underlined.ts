/**
 * A line of somebody's text with carets below a part of it, as a terminal shows both.
 *
 * Invariant: the carets stand below that part, also where characters take two columns or none; what
 * a terminal would obey is blank; both lines have at most the columns given.
 */

export interface Underlined {
  readonly text: string
  readonly carets: string
}

/** Where to underline, in UTF-16 units of the line. */
export interface Part {
  readonly at: number
  readonly length: number
}

const ellipsis = '…'

/** The line around a part of it, cut at its ends where it is too long. */
export function underlined(line: string, { at, length }: Part, columnsMax: number): Underlined {
  const [before, part, after] = [
    line.slice(0, at),
    line.slice(at, at + length),
    line.slice(at + length),
  ].map(shown)
  const whole = `${before}${part}${after}`
  const isLong = columnsOf(whole) > columnsMax
  const head = isLong ? lastColumns(before ?? '', Math.floor(columnsMax / 2)) : (before ?? '')
  const left = columnsMax - columnsOf(head)
  const rest = isLong ? firstColumns(`${part}${after}`, left) : `${part}${after}`
  const carets = Math.max(1, Math.min(columnsOf(part ?? ''), left))
  return {
    text: head + rest,
    carets: ' '.repeat(columnsOf(head)) + '^'.repeat(carets),
  }
}

/** The start of a line, as a terminal shows it. */
export function startOf(line: string, columnsMax: number): string {
  return firstColumns(shown(line), columnsMax)
}

/** Nothing that a terminal would obey, and nothing that changes how its neighbours look. */
function shown(text: string): string {
  return text.replaceAll(/\p{C}/gu, ' ')
}

function columnsOf(text: string): number {
  return Bun.stringWidth(text)
}

function firstColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  let taken = ''
  for (const character of text) {
    if (columnsOf(taken + character) > columns - 1) break
    taken += character
  }
  return taken + ellipsis
}

function lastColumns(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  let taken = ''
  for (const character of Array.from(text).toReversed()) {
    if (columnsOf(character + taken) > columns - 1) break
    taken = character + taken
  }
  return ellipsis + taken
}
