/**
 * Actions applied in order: to bash code, and where no shell is needed to the variables themselves.
 *
 * Invariant: the variables are those that bash would end up with when it ran the code. What only a
 * shell can do (aliases, commands, sourced files, output, substitutions) is told as such.
 * The first append or prepend of a variable overwrites what came from outside.
 * Source: rez 3.4 `rex.py` (`ActionManager`), `rezplugins/shell/{sh,bash}.py`.
 */
import type { RexAction, RexText, Segment } from './rex-action.ts'

export interface RexSettings {
  /** Separators of list variables that do not have `:`. */
  readonly separators: Readonly<Record<string, string>>
  /** Variables that are appended to from the start; `true`: all. */
  readonly parentVariables: true | readonly string[]
  /** For `~`. */
  readonly home: string
}

/** One step, in the form that bash gets it. */
export type RexStep =
  | { readonly do: 'set'; readonly name: string; readonly value: RexText }
  | { readonly do: 'unset'; readonly name: string }
  | { readonly do: 'alias'; readonly name: string; readonly value: string }
  | { readonly do: 'code'; readonly lines: readonly string[] }

export const listSeparator = ':'

/** Steps of actions; what was set before counts for those that follow. */
export function stepsOf(actions: readonly RexAction[], settings: RexSettings): readonly RexStep[] {
  const known = new Set<string>()
  return actions.flatMap((action) => stepOf(action, known, settings))
}

function stepOf(action: RexAction, known: Set<string>, settings: RexSettings): readonly RexStep[] {
  switch (action.op) {
    case 'setenv':
    case 'resetenv':
      known.add(action.key)
      return [{ do: 'set', name: action.name, value: action.value }]
    case 'appendenv':
    case 'prependenv':
      return [pended(action, known, settings)]
    case 'unsetenv':
      known.delete(action.key)
      return [{ do: 'unset', name: action.name }]
    case 'alias':
      return [{ do: 'alias', name: action.name, value: action.value }]
    default:
      return [{ do: 'code', lines: codeOf(action, settings.home) }]
  }
}

type Pend = Extract<RexAction, { readonly op: 'setenv' | 'resetenv' | 'appendenv' | 'prependenv' }>

function pended(
  { op, name, key, value }: Pend,
  known: Set<string>,
  { separators, parentVariables }: RexSettings,
): RexStep {
  const parents = parentVariables === true || parentVariables.includes(key)
  if (!known.has(key) && !parents) {
    known.add(key)
    return { do: 'set', name, value }
  }
  known.add(key)
  const before = `\${${key}}`
  const separator = separators[key] ?? listSeparator
  const whole: readonly Segment[] =
    op === 'appendenv'
      ? [[false, before + separator], ...value]
      : [...value, [false, separator + before]]
  return { do: 'set', name, value: joined(whole) }
}

/** Neighbours of one kind as one, because `~` is looked for at the start of a segment. */
function joined(segments: readonly Segment[]): RexText {
  const result: [boolean, string][] = []
  for (const [literal, text] of segments) {
    const last = result.at(-1)
    if (last?.[0] === literal) last[1] += text
    else result.push([literal, text])
  }
  return result
}

function codeOf(
  action: Exclude<RexAction, Pend | { readonly op: 'unsetenv' | 'alias' }>,
  home: string,
): string[] {
  switch (action.op) {
    case 'info':
    case 'error': {
      const to = action.op === 'error' ? ' 1>&2' : ''
      return linesOf(action.value).map((line) => `echo ${quoted(line, home)}${to}`)
    }
    case 'source':
      return [`. ${quoted(action.value, home)}`]
    case 'command':
      return [[action.value, ...action.args.map((arg) => quoted(arg, home))].join(' ')]
    case 'comment':
      return action.value.split('\n').map((line) => `# ${line}`)
  }
}

function linesOf(value: RexText): RexText[] {
  const lines: Segment[][] = [[]]
  for (const [literal, text] of value)
    for (const [index, part] of text.split('\n').entries()) {
      if (index > 0) lines.push([])
      lines.at(-1)?.push([literal, part])
    }
  return lines
}

/** A value as bash reads it: literal parts in single quotes, the others in double ones. */
function quoted(value: RexText, home: string): string {
  return value
    .map(([literal, text]) => {
      if (literal) return `'${text.replaceAll("'", `'"'"'`)}'`
      return `"${expandHome(text, home).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
    })
    .join('')
}

function expandHome(text: string, home: string): string {
  return text === '~' || text.startsWith('~/') ? home + text.slice(1) : text
}

export type PosixShell = 'bash' | 'zsh'

/** Code that does all steps. */
export function shellCode(
  steps: readonly RexStep[],
  { home, shell }: { readonly home: string; readonly shell: PosixShell },
): string {
  const lines = steps.flatMap((step) => {
    switch (step.do) {
      case 'set':
        return [`export ${step.name}=${quoted(step.value, home)}`]
      case 'unset':
        return [`unset ${step.name}`]
      case 'alias': {
        const body = `{ ${step.value} "$@"; };`
        // Only bash can hand a function down to the programs that it starts.
        if (shell === 'zsh') return [`${step.name}() ${body}`]
        return [`function ${step.name}() ${body}export -f ${step.name};`]
      }
      case 'code':
        return step.lines
    }
  })
  return lines.map((line) => `${line}\n`).join('')
}

const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/
/** What bash itself sets, guards or obeys. */
const ofTheShell =
  /^(?:BASH.*|COMP_.*|DIRSTACK|EPOCH.*|EUID|FUNCNAME|FUNCNEST|GROUPS|HISTCMD|IFS|LINENO|OPTARG|OPTIND|PIPESTATUS|POSIXLY_CORRECT|PPID|PS4|RANDOM|SECONDS|SHELLOPTS|SRANDOM|UID|_)$/
const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/** The variables after all steps, or undefined where a shell has to find them out. */
export function variablesAfter(
  steps: readonly RexStep[],
  before: Readonly<Record<string, string>>,
  home: string,
): Record<string, string> | undefined {
  const variables = new Map(Object.entries(before))
  for (const step of steps) {
    if (step.do === 'alias') return undefined
    if (step.do === 'code') {
      if (step.lines.every((line) => line.startsWith('#'))) continue
      return undefined
    }
    if (!plainName.test(step.name) || ofTheShell.test(step.name)) return undefined
    if (step.do === 'unset') variables.delete(step.name)
    else {
      const value = valueOf(step.value, variables, home)
      if (value === undefined) return undefined
      variables.set(step.name, value)
    }
  }
  return Object.fromEntries(variables)
}

function valueOf(
  value: RexText,
  variables: ReadonlyMap<string, string>,
  home: string,
): string | undefined {
  let whole = ''
  for (const [literal, text] of value) {
    if (literal) whole += text
    else {
      const expanded = expandHome(text, home)
      if (/[`$]/.test(expanded.replaceAll(variable, ''))) return undefined
      whole += expanded.replaceAll(variable, (_all, name: string) => variables.get(name) ?? '')
    }
  }
  return whole
}
