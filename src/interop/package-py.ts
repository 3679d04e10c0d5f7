/**
 * package.py files that hold nothing but literals and functions, read without Python.
 *
 * Invariant: a file is read only when running it could not give anything else: assignments of
 * literals to plain names, functions without decorators, texts that stand alone, comments. All
 * else (imports, `if`, decorators, calls) is told as a reason, and is Python's business.
 * Not here: what the values mean (`definition.ts`), running Python (`python.ts`).
 */
import {
  attempt,
  type Cursor,
  endOfString,
  type Literal,
  readLiteral,
  refuse,
  skipBlanks,
} from './python-literal.ts'

/** What a definition file says, before it is checked. */
export interface RawDefinition {
  readonly values: ReadonlyMap<string, Literal>
  /** Functions by name, each as its source text. */
  readonly functions: ReadonlyMap<string, string>
}

/** Why a file cannot be read without Python. */
export interface NeedsPython {
  readonly reason: string
  /** From 1. */
  readonly line: number
}

const blankLines = /(?:[ \t\f]*(?:#[^\n]*)?\n)*/y
const nameAtStart = /[A-Za-z_][A-Za-z0-9_]*/y
const functionStart = /def[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t]*\([ \t]*\)[ \t]*:/y
const assignment = /[ \t]*=(?!=)[ \t]*/y
const lineEnd = /[ \t\f]*(?:#[^\n]*)?(?:\n|$)/y

/** Reads a file's text. */
export function readPackagePy(text: string): RawDefinition | NeedsPython {
  const unmarked = text.startsWith('\uFEFF') ? text.slice(1) : text
  // To Python a carriage return ends a line, with a line feed or without.
  const source = unmarked.includes('\r') ? unmarked.replaceAll(/\r\n?/g, '\n') : unmarked
  // Python takes no text with a NUL in it, wherever that is.
  if (source.includes('\0')) return { reason: 'it holds a NUL', line: 1 }
  // What stands for bytes that are no UTF-8 may also be a character of the text: Python knows.
  if (source.includes('\uFFFD')) return { reason: 'it may not be UTF-8', line: 1 }
  const found = attempt(() => statements({ text: source, at: 0 }))
  if (!('reason' in found)) return found
  return { reason: found.reason, line: source.slice(0, found.at).split('\n').length }
}

function statements(cursor: Cursor): RawDefinition {
  const values = new Map<string, Literal>()
  const functions = new Map<string, string>()
  const { text } = cursor
  for (;;) {
    matched(blankLines, cursor)
    if (cursor.at >= text.length || matched(/[ \t\f]*(?:#[^\n]*)?$/y, cursor)) break
    const start = cursor.at
    const head = text[start] ?? ''
    if (head === '"' || head === "'") readLiteral(cursor)
    else if (/[ \t]/.test(head)) refuse('a line is indented at the top', start)
    else {
      const [, name] = matched(functionStart, cursor) ?? []
      if (name !== undefined) {
        const body = cursor.at
        const source = functionSource(cursor, start)
        if (!hasStatement(text.slice(body, cursor.at))) refuse('a function has no body', start)
        functions.set(name, source)
        values.delete(name)
        continue
      }
      const [word] = matched(nameAtStart, cursor) ?? []
      if (word === undefined || !matched(assignment, cursor))
        return refuse(`'${word ?? head}' starts a statement that needs Python`, start)
      skipBlanks(cursor, false)
      values.set(word, readLiteral(cursor))
      functions.delete(word)
    }
    if (!matched(lineEnd, cursor)) refuse('a line goes on behind a literal', cursor.at)
  }
  return { values, functions }
}

function matched(pattern: RegExp, cursor: Cursor): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text) ?? undefined
  if (found) cursor.at += found[0].length
  return found
}

/** Whether there is more than blanks and comments. */
function hasStatement(body: string): boolean {
  return /^[ \t\f]*[^ \t\f\n#]/m.test(body)
}

const bodyStep = /[^'"#()[\]{}\\\n]+/y
const stringQuote = /'''|"""|'|"/y

/**
 * The source of a function whose head ends at the cursor: lines up to one that starts at the
 * margin, where brackets and strings may hold line ends of their own.
 */
function functionSource(cursor: Cursor, start: number): string {
  const { text } = cursor
  let depth = 0
  while (cursor.at < text.length) {
    if (matched(bodyStep, cursor)) continue
    const character = text[cursor.at] ?? ''
    const [quote] = matched(stringQuote, cursor) ?? []
    if (quote !== undefined) cursor.at = endOfString(text, cursor.at, quote) + quote.length
    else if (character === '#') matched(/[^\n]*/y, cursor)
    else {
      cursor.at += character === '\\' ? 2 : 1
      if ('([{'.includes(character)) depth += 1
      else if (')]}'.includes(character)) depth -= 1
      else if (character === '\n' && depth <= 0) {
        matched(blankLines, cursor)
        if (!/[ \t]/.test(text[cursor.at] ?? '')) break
      }
    }
  }
  cursor.at = Math.min(cursor.at, text.length)
  return text.slice(start, cursor.at).trimEnd()
}
