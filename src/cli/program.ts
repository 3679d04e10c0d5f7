/**
 * The tree of commands.
 *
 * Invariant: building the tree does no work, so that it can be walked for help, completion and
 * docs/cli.md. Every command has a summary, and takes the shared options.
 * Not here: what commands do (`commands/`), and how wrong use is told (`run-cli.ts`).
 */
import { Command, type CommandUnknownOpts, type Option } from '@commander-js/extra-typings'
import { programVersion } from '#kernel/index.ts'
import { buildCommand, catalogCommand, debugCommand, publishCommand } from './commands/build.ts'
import { graphCommand } from './commands/graph.ts'
import { installCommand, runCommand, shellCommand, viewCommand } from './commands/enter.ts'
import { copyCommand, imageCommand } from './commands/images.ts'
import { diffCommand, infoCommand, listCommand, treeCommand } from './commands/inspect.ts'
import { completionCommand, helpCommand, schemaCommand } from './commands/meta.ts'
import { importCommand, solveCommand } from './commands/solve.ts'
import { registryCommand } from './commands/registry.ts'
import { serveCommand } from './commands/serve.ts'
import {
  addCommand,
  initCommand,
  lockCommand,
  removeCommand,
  updateCommand,
} from './commands/project.ts'
import { whyCommand, whyNotCommand } from './commands/why.ts'
import { cleanCommand, doctorCommand, gcCommand, storeCommand } from './commands/upkeep.ts'
import { helpOption, sharedOptions } from './options.ts'
import { aligned } from './table.ts'
import type { Perform } from './work.ts'

/** Where help goes. */
export interface ProgramOutput {
  write(text: string): void
  /** Help that is shown because the line was not complete. */
  writeError(text: string): void
  columns(): number
  /** A heading, in bold where that is possible. */
  title(text: string): string
}

const nowhere: ProgramOutput = {
  write: () => undefined,
  writeError: () => undefined,
  columns: () => 100,
  title: (text) => text,
}
const idle: Perform = async () => undefined

/**
 * The whole tree. Without arguments it is good for walking only: its actions do nothing.
 * With the name of a command as `first`, a tree of that one alone, which is faster to make.
 * Parsing throws CommanderError on wrong use and after help was printed.
 */
export function buildProgram(
  perform: Perform = idle,
  output: ProgramOutput = nowhere,
  first = '',
): CommandUnknownOpts {
  const program = new Command('backlot')
    .description('Packages, environments, images and CI for VFX software.')
    .version(programVersion, '-V, --version', 'print the version')
    .enablePositionalOptions()
    .addHelpText('after', () => `\n${sharedHelp()}`)
  const groups: Readonly<Record<string, Readonly<Record<string, () => CommandUnknownOpts>>>> = {
    'Describe an environment:': {
      init: () => initCommand(perform),
      add: () => addCommand(perform),
      remove: () => removeCommand(perform),
      lock: () => lockCommand(perform),
      update: () => updateCommand(perform),
    },
    'Build and enter it:': {
      build: () => buildCommand(perform),
      debug: () => debugCommand(perform),
      run: () => runCommand(perform),
      shell: () => shellCommand(perform),
      install: () => installCommand(perform),
      view: () => viewCommand(perform),
    },
    'Look at it:': {
      list: () => listCommand(perform),
      tree: () => treeCommand(perform),
      info: () => infoCommand(perform),
      why: () => whyCommand(perform),
      'why-not': () => whyNotCommand(perform),
      diff: () => diffCommand(perform),
      graph: () => graphCommand(perform),
    },
    'Share it:': {
      publish: () => publishCommand(perform),
      image: () => imageCommand(perform),
      copy: () => copyCommand(perform),
      serve: () => serveCommand(perform),
      registry: () => registryCommand(perform),
      catalog: () => catalogCommand(perform),
    },
    'Work with Rez:': {
      solve: () => solveCommand(perform),
      import: () => importCommand(perform),
    },
    'Look after it:': {
      doctor: () => doctorCommand(perform),
      gc: () => gcCommand(perform),
      clean: () => cleanCommand(perform),
      store: () => storeCommand(perform),
      schema: () => schemaCommand(perform),
      completion: () => completionCommand(perform, () => program),
      help: () => helpCommand(perform, () => program),
    },
  }
  const wanted = Object.values(groups).some((commands) => Object.hasOwn(commands, first))
    ? first
    : undefined
  for (const [heading, commands] of Object.entries(groups))
    for (const [name, make] of Object.entries(commands))
      if (wanted === undefined || seesAll.has(wanted) || wanted === name)
        program.addCommand(make().helpGroup(heading))
  settle(program, output)
  // The help of the whole program has them below the commands.
  program.configureHelp({ ...program.configureHelp(), visibleOptions: () => [] })
  return program
}

/** Commands that tell about the others. */
const seesAll: ReadonlySet<string> = new Set(['completion', 'help'])

function sharedHelp(): string {
  const rows = [...sharedOptions(), helpOption()].map((option) => [
    `  ${option.flags}`,
    meaning(option),
  ])
  return `Options of every command:\n${aligned([...rows, ['  -V, --version', 'print the version']])}`
}

function meaning(option: Option): string {
  const choices = option.argChoices === undefined ? '' : `: ${option.argChoices.join(', ')}`
  return `${option.description}${choices}`
}

/** Errors are thrown, never printed by commander, and help goes where it shall. */
function settle(command: CommandUnknownOpts, output: ProgramOutput): void {
  const styleTitle = (text: string): string => output.title(text)
  // A command may have more formats than the others.
  const own = new Set(command.options.map((option) => option.long))
  for (const option of sharedOptions()) if (!own.has(option.long)) command.addOption(option)
  command
    .addHelpOption(helpOption())
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .configureHelp({
      showGlobalOptions: false,
      subcommandTerm,
      optionDescription: meaning,
      styleTitle,
    })
    .configureOutput({
      writeOut: output.write,
      writeErr: output.writeError,
      outputError: () => undefined,
      getOutHelpWidth: () => Math.min(100, output.columns()),
      getOutHasColors: () => true,
    })
  for (const child of command.commands) settle(child, output)
}

/** `add <packages...>`: options are left out, because every command has some. */
function subcommandTerm(command: CommandUnknownOpts): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [command.name(), ...words].join(' ')
}
