/**
 * From argv to an exit code: parses, calls one command, and prints what went wrong.
 *
 * Exit codes: 0; 1 the answer is no or the work failed; 2 wrong use; 130 cancelled; for `run`,
 * `shell` and `debug` those of the child.
 */
import { CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { AppError } from '#kernel/index.ts'
import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { CliContext } from './context.ts'
import { type SharedOptions, sharedOf } from './options.ts'
import { paintFor } from './paint.ts'
import { openPrinter } from './printer.ts'
import { buildProgram } from './program.ts'
import type { Perform } from './work.ts'

/** Runs one command line to its end and gives its exit code; never throws. */
export async function runCli(context: CliContext): Promise<number> {
  let shared = guessShared(context.argv)
  let exitCode = 0
  const perform: Perform = async (command, action) => {
    shared = sharedOf(command)
    const print = openPrinter(context, shared)
    try {
      const cwd = folderOf(shared, context)
      const app = () => context.openApp({ cwd, emit: print.emit })
      exitCode = (await action({ context, shared, print, app })) ?? 0
    } finally {
      print.end()
    }
  }
  const { stdout, env } = context
  let shownHelp = ''
  const program = buildProgram(
    perform,
    {
      write: (text) => stdout.write(text),
      writeError: (text) => {
        shownHelp += text
      },
      columns: () => stdout.columns(),
      title: paintFor({ choice: shared.color, isTerminal: stdout.isTerminal, env }).bold,
    },
    context.argv[0],
  )
  try {
    await program.parseAsync([...context.argv], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return openPrinter(context, shared).error(
      error instanceof CommanderError
        ? misuse(error, {
            help: shownHelp,
            path: pathOf(program, context.argv),
            json: shared.format === 'json',
          })
        : error,
    )
  }
}

interface Attempt {
  /** Help that commander wanted to show. */
  readonly help: string
  /** The command that was meant: `backlot image build`. */
  readonly path: string
  readonly json: boolean
}

/** Wrong use as commander tells it, in our form: what is wrong, and what helps. */
function misuse(error: CommanderError, { help, path, json }: Attempt): AppError {
  if (error.code === 'commander.help') {
    const text = `${path} needs a command`
    if (json) return new AppError('cli/usage', text, { hints: [`\`${path} --help\` lists them.`] })
    return new AppError('cli/usage', `${text}\n\n${help.trimEnd()}`)
  }
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const guess = /\(Did you mean (?<guess>.*)\?\)/s.exec(rest.join(' '))?.groups?.['guess']
  return new AppError('cli/usage', first.replace(/^command-argument value/, 'value'), {
    hints: [
      ...(guess === undefined ? [] : [`Did you mean \`${guess}\`?`]),
      `\`${path} --help\` shows what it takes.`,
    ],
  })
}

function pathOf(program: CommandUnknownOpts, argv: readonly string[]): string {
  let at = program
  const path = [program.name()]
  for (const word of argv) {
    const child = at.commands.find((command) => command.name() === word)
    if (child === undefined) continue
    at = child
    path.push(word)
  }
  return path.join(' ')
}

/** The folder to work in, absolute. @throws AppError `cli/usage` when it is none. */
function folderOf(shared: SharedOptions, { cwd }: CliContext): string {
  const { directory } = shared
  if (directory === undefined) return cwd
  const folder = isAbsolute(directory) ? directory : join(cwd, directory)
  // With `/.`, which only a folder has.
  if (existsSync(`${folder}/.`)) return folder
  throw new AppError('cli/usage', `'${directory}' is not a folder to work in`, {
    hints: ['`backlot init --folder FOLDER` makes one.'],
  })
}

/** How to print when the line could not be parsed: what it seems to ask for. */
function guessShared(argv: readonly string[]): SharedOptions {
  const end = argv.indexOf('--')
  const own = end === -1 ? argv : argv.slice(0, end)
  const valueOf = (name: string): string | undefined => {
    const joined = own.find((word) => word.startsWith(`${name}=`))
    return joined === undefined ? own[own.lastIndexOf(name) + 1] : joined.slice(name.length + 1)
  }
  const color = own.some((word) => word.startsWith('--color')) ? valueOf('--color') : undefined
  const format = own.some((word) => word.startsWith('--format')) ? valueOf('--format') : undefined
  return {
    format: format === 'json' ? 'json' : 'text',
    color: color === 'always' || color === 'never' ? color : 'auto',
    quiet: false,
    verbose: own.includes('-v') || own.includes('--verbose'),
    directory: undefined,
  }
}
