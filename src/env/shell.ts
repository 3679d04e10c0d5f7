/**
 * An interactive shell in an environment, with the user's own start-up files and a prompt that
 * names the environment.
 *
 * Invariant: no file of the user is written. Start-up files of ours lie in a folder of Backlot's,
 * source the user's first, then put the environment in front again, since those may have put
 * other folders before it or set the PATH anew.
 * Source: bash(1) INVOCATION, zsh(1) STARTUP/SHUTDOWN FILES, fish(1) `--init-command`.
 */
import { existsSync } from 'node:fs'
import { digestOf, digestParts, type LaunchVariables, writeFileAtomic } from '#kernel/index.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

export interface ShellOptions {
  readonly variables: LaunchVariables
  /** Name shown in the prompt. */
  readonly name: string
  readonly shell: Shell
  /** Path of the shell's program. */
  readonly program: string
  /** Where our start-up files are written, once for each content. */
  readonly folder: string
  /** Code in the language of bash and zsh that makes more of the environment. */
  readonly code?: string | undefined
  /** ZDOTDIR of the user, if there is one. */
  readonly zdotdir?: string | undefined
}

export interface ShellCommand {
  readonly argv: readonly string[]
  /** Variables that the shell needs beyond those of the environment. */
  readonly set: Readonly<Record<string, string>>
}

/** The shell that a program's path or a name means; undefined when we know no such shell. */
export function parseShell(text: string): Shell | undefined {
  const name = text.slice(text.lastIndexOf('/') + 1)
  return name === 'bash' || name === 'zsh' || name === 'fish' ? name : undefined
}

/**
 * The command that starts the shell; its start-up files are written where they are not there.
 * @throws AppError `kernel/read-only`, `kernel/no-space`
 */
export function shellCommand(options: ShellOptions): ShellCommand {
  const { program } = options
  switch (options.shell) {
    case 'bash': {
      const folder = written(options, { bashrc: bashrc(options) })
      return { argv: [program, '--rcfile', `${folder}/bashrc`, '-i'], set: {} }
    }
    case 'zsh': {
      const folder = written(options, { '.zshenv': zshenv, '.zshrc': zshrc(options) })
      const set = { ZDOTDIR: folder, BACKLOT_ZDOTDIR: options.zdotdir ?? '' }
      return { argv: [program, '-i'], set }
    }
    case 'fish': {
      const folder = written(options, { 'config.fish': fishConfig(options) })
      return {
        argv: [program, '-i', '-C', `source ${fishQuoted(`${folder}/config.fish`)}`],
        set: {},
      }
    }
  }
}

function written(options: ShellOptions, files: Readonly<Record<string, string>>): string {
  const key = digestParts(digestOf(JSON.stringify(files))).hex.slice(0, 16)
  const folder = `${options.folder}/${options.shell}-${key}`
  for (const [name, text] of Object.entries(files))
    if (!existsSync(`${folder}/${name}`)) writeFileAtomic(`${folder}/${name}`, text)
  return folder
}

/** What the prompt begins with; only characters that no shell gives a meaning. */
function mark(options: ShellOptions): string {
  return `(${options.name.replaceAll(/[^\w.@:+-]/g, '_')}) `
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`
}

/** Lines that set the environment's variables again, in bash's and zsh's language. */
function posixVariables({ variables }: ShellOptions): string {
  const set = Object.entries(variables.set).map(
    ([name, value]) => `export ${name}=${quoted(value)}`,
  )
  const lists = Object.entries(variables.prepend).map(
    ([name, entries]) => `__backlot_front ${name} "\${${name}-}" ${entries.map(quoted).join(' ')}`,
  )
  return [...set, ...lists].join('\n')
}

/** In bash and zsh alike. The list is held between colons, so that only whole entries match. */
const posixFront = `__backlot_front() {
  local name="$1" rest=":$2:" front="" entry
  shift 2
  for entry in "$@"; do
    while [[ "$rest" == *":$entry:"* ]]; do rest="\${rest%%":$entry:"*}:\${rest#*":$entry:"}"; done
    front="$front\${front:+:}$entry"
  done
  rest="\${rest#:}"
  rest="\${rest%:}"
  if [ -n "$rest" ] || [ "$name" = MANPATH ]; then front="$front:$rest"; fi
  export "$name=$front"
}`

function bashrc(options: ShellOptions): string {
  return `# Made by Backlot: the user's own start-up file, then the environment.
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
${posixFront}
${posixVariables(options)}
unset -f __backlot_front
${options.code ?? ''}__backlot_mark=${quoted(mark(options))}
__backlot_prompt() {
  case "$PS1" in "$__backlot_mark"*) ;; *) PS1="$__backlot_mark$PS1" ;; esac
}
case "$(declare -p PROMPT_COMMAND 2>/dev/null)" in
  'declare -a'*) PROMPT_COMMAND+=(__backlot_prompt) ;;
  *) PROMPT_COMMAND="\${PROMPT_COMMAND:+$PROMPT_COMMAND
}__backlot_prompt" ;;
esac
`
}

/** The user's .zshenv may move ZDOTDIR, which is where the other files of the user are then. */
const zshenv = `# Made by Backlot: the user's own .zshenv, from where it is.
__backlot_zdotdir="$ZDOTDIR"
if [[ -n "$BACKLOT_ZDOTDIR" ]]; then ZDOTDIR="$BACKLOT_ZDOTDIR"; else unset ZDOTDIR; fi
if [[ -f "\${ZDOTDIR:-$HOME}/.zshenv" ]]; then source "\${ZDOTDIR:-$HOME}/.zshenv"; fi
BACKLOT_ZDOTDIR="\${ZDOTDIR:-}"
ZDOTDIR="$__backlot_zdotdir"
unset __backlot_zdotdir
`

function zshrc(options: ShellOptions): string {
  return `# Made by Backlot: the user's own .zshrc, then the environment.
if [[ -n "$BACKLOT_ZDOTDIR" ]]; then ZDOTDIR="$BACKLOT_ZDOTDIR"; else unset ZDOTDIR; fi
unset BACKLOT_ZDOTDIR
if [[ -f "\${ZDOTDIR:-$HOME}/.zshrc" ]]; then source "\${ZDOTDIR:-$HOME}/.zshrc"; fi
${posixFront}
${posixVariables(options)}
unfunction __backlot_front
${options.code ?? ''}__backlot_mark=${quoted(mark(options))}
__backlot_prompt() {
  if [[ "$PROMPT" != "$__backlot_mark"* ]]; then PROMPT="$__backlot_mark$PROMPT"; fi
}
autoload -Uz add-zsh-hook && add-zsh-hook precmd __backlot_prompt
`
}

function fishConfig(options: ShellOptions): string {
  const { set, prepend } = options.variables
  const values = Object.entries(set).map(([name, value]) => `set -gx ${name} ${fishQuoted(value)}`)
  const lists = Object.entries(prepend).map(
    ([name, entries]) => `__backlot_front ${name} ${entries.map(fishQuoted).join(' ')}`,
  )
  return `# Made by Backlot: sourced after the user's own configuration.
function __backlot_front
    set -l rest
    for entry in $$argv[1]
        contains -- $entry $argv[2..-1]; or set -a rest $entry
    end
    set -gx $argv[1] $argv[2..-1] $rest
end
${[...values, ...lists].join('\n')}
functions --erase __backlot_front
function __backlot_status
    return $argv[1]
end
functions -q __backlot_own_prompt; or functions --copy fish_prompt __backlot_own_prompt
function fish_prompt
    set -l last $status
    printf '%s' ${fishQuoted(mark(options))}
    __backlot_status $last
    __backlot_own_prompt
end
`
}
