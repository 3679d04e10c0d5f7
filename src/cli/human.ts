/**
 * Numbers and texts as people read them: sizes, durations, counts, cut and padded lines.
 *
 * Widths are those of a terminal: control sequences take no column, wide characters take two.
 */

/** Bytes with decimal units and three digits: `310 kB`, `1.24 GB`. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : digits(value)} ${units[unit]}`
}

/** Milliseconds as `12 ms`, `3.4 s`, `2 min 05 s`, `1 h 02 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

/** `1 package`, `2 packages`. */
export function count(amount: number, one: string, many = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : many}`
}

/** The first twelve digits of a digest, which is what tags are made of. */
export function short(digest: string): string {
  return digest.replace(/^sha(?:256|512):/, '').slice(0, 12)
}

/** Columns that a text takes on a terminal. */
export function width(text: string): number {
  return Bun.stringWidth(text)
}

/** The text filled up to a width with blanks on the right, or on the left. */
export function padded(text: string, columns: number, side: 'left' | 'right' = 'right'): string {
  const gap = ' '.repeat(Math.max(0, columns - width(text)))
  return side === 'right' ? text + gap : gap + text
}

/** The text without control characters, cut to a width with `…` at the end. */
export function cut(text: string, columns: number): string {
  const clean = printable(text)
  if (columns <= 0) return ''
  if (width(clean) <= columns) return clean
  let taken = ''
  let used = 0
  for (const character of clean) {
    const wide = width(character)
    if (used + wide > columns - 1) break
    taken += character
    used += wide
  }
  return `${taken}…`
}

/**
 * The text in lines of at most so many columns, broken between words; all but the first begin with
 * `hang` blanks. A word that is too long stays whole, and a version stays with the word before it.
 */
export function wrapped(text: string, columns: number, hang: number): string {
  const start = /^ */.exec(text)?.[0] ?? ''
  const [first = '', ...words] = text.slice(start.length).split(/ (?![\d<>=])/)
  const lines = [start + first]
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`
    if (width(longer) <= columns) lines[lines.length - 1] = longer
    else lines.push(' '.repeat(hang) + word)
  }
  return lines.join('\n')
}

/** One line without escape sequences, tabs or other characters that move the cursor or turn text. */
export function printable(text: string): string {
  return (
    Bun.stripANSI(text)
      .replaceAll('\t', ' ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go.
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '')
  )
}

function digits(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
