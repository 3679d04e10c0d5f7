/**
 * Python's literals, read without Python: strings, numbers, `True`, `False`, `None`, and lists,
 * tuples, sets and dictionaries of them.
 *
 * Invariant: what is read has the value that Python gives it; what is not a plain literal (names,
 * operators, f-strings, bytes) is refused with a reason, never guessed. Nesting is bounded.
 * Lines end with a line feed alone.
 * Source: Python 3.11 reference, «Lexical analysis».
 * Not here: statements (`package-py.ts`).
 */
export type Literal = null | boolean | number | string | readonly Literal[] | LiteralMap
export type LiteralMap = ReadonlyMap<Literal, Literal>

/** Where reading stands in a text. */
export interface Cursor {
  readonly text: string
  at: number
}

/** Why a text is not a literal; `at` is where. */
export interface Refusal {
  readonly reason: string
  readonly at: number
}

const depthMax = 64
// What may be a number is taken in one step and checked when its length is known to be small.
const numberRun = /[+-]?[0-9._]+(?:[eE][+-]?[0-9]+)?/y
const numberLengthMax = 400
const numberPattern =
  /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?$/
const wordPattern = /[A-Za-z_][A-Za-z0-9_]*/y
const stringStart = /([A-Za-z]{0,2})('''|"""|'|")/y
const blankPattern = /(?:[ \t\f]|\\\n)*/y
const blankOrLinePattern = /(?:[ \t\f\n]|\\\n|#[^\n]*)*/y

/** Thrown inside this room only, and always caught by `attempt`. */
class RefusalError extends Error {
  readonly at: number
  constructor(reason: string, at: number) {
    super(reason)
    this.at = at
  }
}

/** Runs a reader; a refusal is a value. */
export function attempt<Value>(read: () => Value): Value | Refusal {
  try {
    return read()
  } catch (error) {
    if (error instanceof RefusalError) return { reason: error.message, at: error.at }
    throw error
  }
}

/** Gives up reading: Python itself is needed, or nothing can read this. */
export function refuse(reason: string, at: number): never {
  throw new RefusalError(reason, at)
}

/** Moves behind blanks; behind line ends and comments too where a bracket is open. */
export function skipBlanks(cursor: Cursor, inBracket: boolean): void {
  const pattern = inBracket ? blankOrLinePattern : blankPattern
  pattern.lastIndex = cursor.at
  pattern.test(cursor.text)
  cursor.at = pattern.lastIndex
}

/** The literal that starts here; the cursor is left behind it. */
export function readLiteral(cursor: Cursor, depth = 0): Literal {
  if (depth > depthMax) refuse(`brackets are nested more than ${depthMax} deep`, cursor.at)
  const { text, at } = cursor
  switch (text[at]) {
    case '[':
      return readItems(cursor, ']', depth).items
    case '(': {
      const { items, commas } = readItems(cursor, ')', depth)
      const [only] = items
      return items.length === 1 && commas === 0 && only !== undefined ? only : items
    }
    case '{':
      return readBraces(cursor, depth)
    default:
      return readAtom(cursor, depth)
  }
}

function readAtom(cursor: Cursor, depth: number): Literal {
  const { text, at } = cursor
  stringStart.lastIndex = at
  if (stringStart.test(text)) return readStrings(cursor, depth > 0)
  const number = readNumber(cursor)
  if (number !== undefined) return number
  wordPattern.lastIndex = at
  const [word] = wordPattern.exec(text) ?? []
  if (word !== 'True' && word !== 'False' && word !== 'None')
    return refuse(`'${word ?? text.slice(at, at + 1)}' is not a literal`, at)
  cursor.at += word.length
  return word === 'None' ? null : word === 'True'
}

function readNumber(cursor: Cursor): number | undefined {
  const { text, at } = cursor
  numberRun.lastIndex = at
  const [digits] = numberRun.exec(text) ?? []
  if (digits === undefined || !/\d/.test(digits.slice(0, numberLengthMax))) return undefined
  const fits = digits.length <= numberLengthMax && numberPattern.test(digits)
  if (!fits || /\w/.test(text[at + digits.length] ?? '')) refuse('a number is not plain', at)
  if (/^[+-]?0[0-9_]*[1-9][0-9_]*$/.test(digits)) refuse('a number starts with 0', at)
  cursor.at += digits.length
  return Number(digits.replaceAll('_', ''))
}

interface Items {
  readonly items: readonly Literal[]
  readonly commas: number
}

function readItems(cursor: Cursor, close: string, depth: number): Items {
  const items: Literal[] = []
  let commas = 0
  cursor.at += 1
  for (;;) {
    skipBlanks(cursor, true)
    if (cursor.text[cursor.at] === close) break
    if (items.length > commas) refuse("',' is missing", cursor.at)
    items.push(readLiteral(cursor, depth + 1))
    skipBlanks(cursor, true)
    if (cursor.text[cursor.at] !== ',') continue
    commas += 1
    cursor.at += 1
  }
  cursor.at += 1
  return { items, commas }
}

/** A dictionary, or a set as a list of its items. */
function readBraces(cursor: Cursor, depth: number): Literal {
  const map = new Map<Literal, Literal>()
  const items: Literal[] = []
  cursor.at += 1
  for (let open = true; ; ) {
    skipBlanks(cursor, true)
    if (cursor.text[cursor.at] === '}') break
    if (!open) refuse("',' is missing", cursor.at)
    const key = readLiteral(cursor, depth + 1)
    skipBlanks(cursor, true)
    if (cursor.text[cursor.at] === ':') {
      cursor.at += 1
      skipBlanks(cursor, true)
      map.set(key, readLiteral(cursor, depth + 1))
      skipBlanks(cursor, true)
    } else items.push(key)
    open = cursor.text[cursor.at] === ','
    if (open) cursor.at += 1
  }
  if (map.size > 0 && items.length > 0) refuse('a dictionary has an item without value', cursor.at)
  cursor.at += 1
  return items.length > 0 ? items : map
}

/** A string, or several that stand side by side and are one. */
function readStrings(cursor: Cursor, inBracket: boolean): string {
  let whole = ''
  for (;;) {
    whole += readString(cursor)
    const end = cursor.at
    skipBlanks(cursor, inBracket)
    stringStart.lastIndex = cursor.at
    if (stringStart.test(cursor.text)) continue
    cursor.at = end
    return whole
  }
}

function readString(cursor: Cursor): string {
  const { text, at } = cursor
  stringStart.lastIndex = at
  const [start = '', prefix = '', quote = ''] = stringStart.exec(text) ?? []
  if (!/^[uUrR]?$/.test(prefix)) refuse(`strings with '${prefix}' need Python`, at)
  const from = at + start.length
  const end = endOfString(text, from, quote)
  cursor.at = end + quote.length
  const body = text.slice(from, end)
  if (!body.includes('\\') || /[rR]/.test(prefix)) return body
  return unescaped(body, at)
}

/** Where a string that starts at `from` has its closing quote. */
export function endOfString(text: string, from: number, quote: string): number {
  const single = quote.length === 1
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (single && text[at] === '\n') break
    else if (text.startsWith(quote, at)) return at
  }
  return refuse('a string has no end', from)
}

const escapePattern =
  /\\(?:(\n)|([\\'"abfnrtv])|([0-7]{1,3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([NxuU]))/g
const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

function unescaped(body: string, at: number): string {
  return body.replaceAll(
    escapePattern,
    (_all, line, simple, octal, short, middle, long, unknown) => {
      if (line !== undefined) return ''
      if (simple !== undefined) return simpleEscapes[String(simple)] ?? String(simple)
      if (unknown !== undefined) return refuse(`the escape \\${unknown} needs Python`, at)
      const hex: unknown = short ?? middle ?? long
      const code =
        octal === undefined ? Number.parseInt(String(hex), 16) : Number.parseInt(octal, 8)
      return code > 0x10_ffff
        ? refuse('an escape is not a character', at)
        : String.fromCodePoint(code)
    },
  )
}
