/**
 * Completion scripts, made from the tree of commands.
 *
 * They are self-contained: completing starts no program. Arguments complete as files.
 * Source: bash(1) "Programmable Completion", zshcompsys(1), fish `complete`.
 */
import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings'

export const shells = ['bash', 'zsh', 'fish'] as const
export type CompletedShell = (typeof shells)[number]

/** The script for a shell. */
export function completionScript(program: CommandUnknownOpts, shell: CompletedShell): string {
  switch (shell) {
    case 'bash':
      return bashScript(program)
    case 'zsh':
      return zshScript(program)
    case 'fish':
      return fishScript(program)
  }
}

interface Node {
  /** Words that lead here, without the program's name: `image build`. */
  readonly path: readonly string[]
  readonly command: CommandUnknownOpts
  readonly children: readonly CommandUnknownOpts[]
  readonly options: readonly Option[]
}

/** Every command of the tree with what may follow it. */
function nodes(program: CommandUnknownOpts, path: readonly string[] = []): Node[] {
  const help = program.createHelp()
  const children = help.visibleCommands(program)
  const options = path.length === 0 ? [...program.options] : [...help.visibleOptions(program)]
  return [
    { path, command: program, children, options },
    ...program.commands.flatMap((child) => nodes(child, [...path, child.name()])),
  ]
}

function flags(option: Option): string[] {
  return [option.short, option.long].filter((flag): flag is string => flag !== undefined)
}

function bashScript(program: CommandUnknownOpts): string {
  const all = nodes(program)
  const words = all.map(({ path, children, options }) => {
    const names = children.map((child) => child.name()).join(' ')
    return `    '${path.join(' ')}') words='${names}' options='${options.flatMap(flags).join(' ')}' ;;`
  })
  const choices = choicesOf(all).map(
    ([flag, values]) => `    ${flag}) words='${values.join(' ')}' ;;`,
  )
  const paths = all.flatMap(({ path }) => (path.length === 0 ? [] : [`'${path.join(' ')}'`]))
  return `# bash completion for backlot: source <(backlot completion bash)
_backlot() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path= words= options= at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${path:+$path }\${COMP_WORDS[at]}" in
    ${paths.join(' | ')}) path="\${path:+$path }\${COMP_WORDS[at]}" ;;
    esac
  done
  case "$path" in
${words.join('\n')}
  esac
  case "$previous" in
${choices.join('\n')}
  esac
  [[ $word == -* ]] && words=$options
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then
    compopt -o default 2>/dev/null
  fi
}
complete -F _backlot backlot
`
}

function zshScript(program: CommandUnknownOpts): string {
  const cases = nodes(program).map(({ path, children, options }) => {
    const names = children.map((child) => quoted(`${child.name()}:${child.summary()}`))
    const opts = options.flatMap((option) =>
      flags(option).map((flag) => quoted(`${flag}:${option.description}`)),
    )
    return `    '${path.join(' ')}') commands=(${names.join(' ')}) options=(${opts.join(' ')}) ;;`
  })
  const paths = nodes(program).flatMap(({ path }) =>
    path.length === 0 ? [] : [`'${path.join(' ')}'`],
  )
  const choices = choicesOf(nodes(program)).map(
    ([flag, values]) => `    ${flag}) compadd -- ${values.join(' ')}; return ;;`,
  )
  return `#compdef backlot
# zsh completion for backlot: source <(backlot completion zsh)
_backlot() {
  local path_= at
  local -a commands options
  for ((at = 2; at < CURRENT; at++)); do
    case "\${path_:+$path_ }\${words[at]}" in
    ${paths.join(' | ')}) path_="\${path_:+$path_ }\${words[at]}" ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
${choices.join('\n')}
  esac
  case "$path_" in
${cases.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe option options
  elif (( \${#commands} )); then
    _describe command commands
  else
    _files
  fi
}
if [[ \${funcstack[1]} == _backlot ]]; then _backlot "$@"; else compdef _backlot backlot; fi
`
}

function fishScript(program: CommandUnknownOpts): string {
  const all = nodes(program)
  const shared = new Set(program.options.flatMap(flags))
  const lines = all.flatMap(({ path, children, options }) => {
    const where = `-n ${quoted(`__backlot_at ${quoted(path.join(' '))}`)}`
    const own = options.filter((option) => !flags(option).some((flag) => shared.has(flag)))
    return [
      ...children.map(
        (child) =>
          `complete -c backlot ${where} -f -a ${child.name()} -d ${quoted(child.summary())}`,
      ),
      ...own.map((option) => fishOption(option, where)),
    ]
  })
  const everywhere = program.options.map((option) => fishOption(option, ''))
  const paths = all.flatMap(({ path }) => (path.length === 0 ? [] : [quoted(path.join(' '))]))
  return `# fish completion for backlot: backlot completion fish | source
function __backlot_at
    set -l path
    for word in (commandline -opc)[2..]
        if contains -- (string join ' ' $path $word) ${paths.join(' ')}
            set path $path $word
        end
    end
    test "$path" = "$argv[1]"
end
${[...everywhere, ...lines].join('\n')}
`
}

function fishOption(option: Option, where: string): string {
  return [
    'complete -c backlot',
    where,
    option.short === undefined ? '' : `-s ${option.short.slice(1)}`,
    option.long === undefined ? '' : `-l ${option.long.slice(2)}`,
    option.argChoices === undefined ? '' : `-x -a ${quoted(option.argChoices.join(' '))}`,
    option.argChoices === undefined && (option.required || option.optional) ? '-r' : '',
    `-d ${quoted(option.description)}`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** Options that take one of a few words. */
function choicesOf(all: readonly Node[]): [string, readonly string[]][] {
  const found = all
    .flatMap((node) => node.options)
    .flatMap((option) =>
      (option.argChoices ?? []).length === 0
        ? []
        : flags(option).map((flag): [string, readonly string[]] => [flag, option.argChoices ?? []]),
    )
  return [...new Map(found)]
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
