/**
 * `commands()` of few words, read without Python: changes of variables to texts, aliases, output,
 * and conditions on what is being built or was resolved.
 *
 * Invariant: code is read only when running it could not give anything else; whatever else it
 * holds (names, loops, calls of methods on values) makes it Python's business.
 * Source: rez 3.4 `rex.py`; docs/rez.md, «Running».
 */
import { plainText, type RexAction } from './rex-action.ts'
import { attempt, type Cursor, readLiteral, refuse, skipBlanks } from './python-literal.ts'

/** What code of one package can ask about. */
export interface RexNames {
  /** Values of `{field}` in texts, by the whole field. */
  readonly field: (name: string) => string | undefined
  readonly building: boolean
  readonly has: (list: 'resolve' | 'request', name: string) => boolean
}

/** The actions of a function's source, or undefined when it needs Python. */
export function actionsOf(source: string, names: RexNames): readonly RexAction[] | undefined {
  const start = source.indexOf('\n') + 1
  if (start === 0 || !/^def[^\n]*:[ \t]*(?:#[^\n]*)?\n/.test(source)) return undefined
  const found = attempt(() => {
    const cursor = { text: source, at: start }
    const actions = block({ cursor, names }, '', true)
    return cursor.at < cursor.text.length ? refuse('indented less', cursor.at) : actions
  })
  return 'reason' in found ? undefined : found
}

interface Reading {
  readonly cursor: Cursor
  readonly names: RexNames
}

const blankLines = /(?:[ \t\f]*(?:#[^\n]*)?(?:\n|$))*/y
const indentation = /[ \t]*/y
const lineEnd = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y
const condition =
  /if[ \t]+(?:(not[ \t]+)?building|(['"])([A-Za-z0-9_.]+)\2[ \t]+(not[ \t]+)?in[ \t]+(resolve|request))[ \t]*:(?=[ \t]*(?:#|\n))/y
const otherwise = /else[ \t]*:/y
const assignment = /env\.([A-Za-z][A-Za-z0-9_]*)[ \t]*=(?!=)[ \t]*/y
const method = /env\.([A-Za-z][A-Za-z0-9_]*)\.(append|prepend|set|unset)\([ \t]*/y
const call =
  /(setenv|appendenv|prependenv|unsetenv|alias|info|error|comment|source|command)\([ \t]*/y

function matched(pattern: RegExp, cursor: Cursor): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at
  const found = cursor.at < cursor.text.length ? pattern.exec(cursor.text) : null
  if (found) cursor.at += found[0].length
  return found ?? undefined
}

/** Statements of one indentation that is deeper than `outer`; those of `wanted` blocks count. */
function block(reading: Reading, outer: string, wanted: boolean): RexAction[] {
  const { cursor } = reading
  const actions: RexAction[] = []
  let own: string | undefined
  for (;;) {
    matched(blankLines, cursor)
    const start = cursor.at
    const indent = matched(indentation, cursor)?.[0] ?? ''
    if (cursor.at >= cursor.text.length) break
    if (own === undefined && (indent.length <= outer.length || !indent.startsWith(outer)))
      return refuse('a block is empty', start)
    own ??= indent
    if (indent !== own) {
      cursor.at = start
      break
    }
    const found = matched(condition, cursor)
    actions.push(...(found ? conditional(reading, own, found) : statement(reading)))
  }
  return wanted ? actions : []
}

function conditional(reading: Reading, indent: string, found: RegExpExecArray): RexAction[] {
  const { cursor, names } = reading
  const [, notBuilding, , name, notIn, list] = found
  const holds =
    name === undefined
      ? names.building !== (notBuilding !== undefined)
      : names.has(list === 'resolve' ? 'resolve' : 'request', name) !== (notIn !== undefined)
  if (!matched(lineEnd, cursor)) refuse('a block on one line', cursor.at)
  const actions = block(reading, indent, holds)
  const back = cursor.at
  matched(blankLines, cursor)
  if (matched(indentation, cursor)?.[0] !== indent || !matched(otherwise, cursor)) {
    cursor.at = back
    return actions
  }
  if (!matched(lineEnd, cursor)) refuse('a block on one line', cursor.at)
  return [...actions, ...block(reading, indent, !holds)]
}

function statement(reading: Reading): RexAction[] {
  const { cursor } = reading
  const actions = simple(reading)
  if (!matched(lineEnd, cursor) && cursor.at < cursor.text.length)
    refuse('a line goes on', cursor.at)
  return actions
}

function simple(reading: Reading): RexAction[] {
  const { cursor } = reading
  if (matched(/pass\b/y, cursor)) return []
  const quote = cursor.text[cursor.at]
  if (quote === '"' || quote === "'") {
    readLiteral(cursor)
    return []
  }
  const [, assigned] = matched(assignment, cursor) ?? []
  if (assigned !== undefined) return [variableAction(reading, 'setenv', assigned, argument(cursor))]
  const [, name, how] = matched(method, cursor) ?? []
  if (name !== undefined) {
    const values = rest(cursor)
    const op = how === 'set' ? 'setenv' : `${how}env`
    return [called(reading, op, [name, ...values])]
  }
  const [, op] = matched(call, cursor) ?? []
  if (op === undefined) return refuse('a statement that needs Python', cursor.at)
  return [called(reading, op, rest(cursor))]
}

/** The arguments of a call up to its closing bracket. */
function rest(cursor: Cursor): string[] {
  const values: string[] = []
  for (;;) {
    skipBlanks(cursor, true)
    if (cursor.text[cursor.at] === ')') break
    values.push(argument(cursor, 1))
    skipBlanks(cursor, true)
    if (cursor.text[cursor.at] === ',') cursor.at += 1
    else if (cursor.text[cursor.at] !== ')') refuse("')' is missing", cursor.at)
  }
  cursor.at += 1
  return values
}

function argument(cursor: Cursor, depth = 0): string {
  const value = readLiteral(cursor, depth)
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value)
  return refuse('a value that is no text', cursor.at)
}

function called(reading: Reading, op: string, values: readonly string[]): RexAction {
  const { cursor } = reading
  const [first = '', second = ''] = values
  const wanted = ['setenv', 'appendenv', 'prependenv', 'alias'].includes(op) ? 2 : 1
  if (values.length !== wanted) refuse('another number of arguments', cursor.at)
  const texts = values.map((value) => formatted(reading, value))
  switch (op) {
    case 'setenv':
    case 'appendenv':
    case 'prependenv':
      return variableAction(reading, op, first, second)
    case 'unsetenv':
      if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(first)) refuse('a name that is none', cursor.at)
      return { op, name: first, key: first }
    case 'alias':
      return { op, name: texts[0] ?? '', value: texts[1] ?? '' }
    case 'info':
    case 'error':
    case 'source':
      return { op, value: plainText(texts[0] ?? '') }
    case 'comment':
      return { op, value: texts[0] ?? '' }
    case 'command':
      return { op, value: first, args: [] }
    default:
      return refuse('a statement that needs Python', cursor.at)
  }
}

function variableAction(
  reading: Reading,
  op: 'setenv' | 'appendenv' | 'prependenv',
  name: string,
  value: string,
): RexAction {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) refuse('a name that is none', reading.cursor.at)
  return { op, name, key: name, value: plainText(formatted(reading, value)) }
}

// As Rez has it: a digit ends the letters of a name without braces.
const variableName = /\$\{([^{}]+?)\}|\$([a-zA-Z_]+)/g
const part = /\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.]*)\}|[{}]/g

/** A text with its fields filled in, and variables in braces. */
function formatted({ cursor, names }: Reading, text: string): string {
  if (!/[{}$]/.test(text)) return text
  const guarded = text.replaceAll(
    variableName,
    (_all, braced?: string, plain?: string) => `\${{${braced ?? plain}}}`,
  )
  return guarded.replaceAll(part, (all, field?: string) => {
    if (all === '{{') return '{'
    if (all === '}}') return '}'
    const value = field === undefined ? undefined : names.field(field)
    // Fields of values are fields again, so a path with braces is for Python.
    if (value === undefined || /[{}$]/.test(value)) return refuse('a field', cursor.at)
    return value
  })
}
