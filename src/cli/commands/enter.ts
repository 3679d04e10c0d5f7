/** Commands that go into an environment, or put it somewhere. */
import { Option } from '@commander-js/extra-typings'
import type { Launch, RezDescription, RezFailed, RezLaunch } from '#app/index.ts'
import { AppError } from '#kernel/index.ts'
import { choiceOf, command, environmentOptions, folderPath } from '../options.ts'
import { rezChoice, rezOptions } from '../rez-options.ts'
import { installText } from '../render/enter.ts'
import { rezSolveText } from '../render/solve.ts'
import type { Perform, Work } from '../work.ts'

export function runCommand(perform: Perform) {
  return enteringCommand('run', 'run a program in an environment')
    .usage('[options] [--] <program> [arguments...]')
    .argument('[program...]', 'the program and its arguments, which are left as they are')
    .passThroughOptions()
    .option(
      '--print-env',
      'print the environment of Rez packages as code for bash, and run nothing',
    )
    .action((argv, options, self) =>
      perform(self, async (work) => {
        const app = await work.app()
        if (options.printEnv) return printRez(work, await app.describeRez(rezChoice(options)))
        if (argv.length === 0) throw programMissing()
        if (isRez(options))
          return await launchRez(work, await app.prepareRezRun({ ...rezChoice(options), argv }))
        const prepared = await app.prepareRun({
          ...choiceOf(options),
          launch: options.launch,
          scratch: options.scratch,
          argv,
        })
        return await launch(work, prepared)
      }),
    )
}

export function shellCommand(perform: Perform) {
  return enteringCommand('shell', 'open a shell in an environment')
    .option('--shell <program>', 'bash, zsh or fish; by default the shell that you use')
    .action((options, self) =>
      perform(self, async (work) => {
        const app = await work.app()
        const { launch: mode, shell, scratch } = options
        if (isRez(options))
          return await launchRez(work, await app.prepareRezShell({ ...rezChoice(options), shell }))
        return await launch(
          work,
          await app.prepareShell({ ...choiceOf(options), launch: mode, shell, scratch }),
        )
      }),
    )
}

/** A command with all options that say which environment is entered, and how. */
function enteringCommand(name: string, summary: string) {
  return command(name, summary)
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .addOption(launchOption())
    .addOption(scratchOption())
    .addOption(rezOptions.repositories())
    .addOption(rezOptions.requests())
    .addOption(rezOptions.implicit())
    .addOption(rezOptions.before())
    .addOption(rezOptions.config())
    .addOption(rezOptions.exclude())
    .addOption(rezOptions.include())
}

export function installCommand(perform: Perform) {
  return command('install', 'put an environment’s files into a prefix')
    .argument('[prefix]', 'the folder', folderPath, '/usr/local')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .action((prefix, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).install({ ...choiceOf(options), prefix })
        print.result(result, installText)
        return 0
      }),
    )
}

export function viewCommand(perform: Perform) {
  return command('view', 'link an environment’s files into a new folder')
    .argument('<folder>', 'a folder that does not exist yet', folderPath)
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .option('--copy', 'copy the files instead of linking them', false)
    .action((folder, options, self) =>
      perform(self, async ({ app, print }) => {
        const { copy } = options
        const result = await (await app()).view({ ...choiceOf(options), folder, copy })
        print.result(result, installText)
        return 0
      }),
    )
}

function isRez(options: { readonly rez?: unknown; readonly request?: unknown }): boolean {
  return options.rez !== undefined || options.request !== undefined
}

function programMissing(): AppError {
  return new AppError('cli/usage', "missing required argument 'program'", {
    hints: ['`backlot run --help` shows what it takes.'],
  })
}

function printRez(work: Work, found: RezDescription | RezFailed): number {
  if (found.kind === 'failed') return work.print.answer(found, found, rezSolveText)
  if (work.shared.format === 'json') work.print.result(found, ({ code }) => code)
  else work.print.document(found.code)
  return 0
}

async function launchRez(work: Work, prepared: RezLaunch): Promise<number> {
  if (prepared.kind === 'launch') return await launch(work, prepared.launch)
  return work.print.answer(prepared.result, prepared.result, rezSolveText)
}

/** Becomes the prepared process, after its notices. */
export async function launch(
  work: Work,
  prepared: Pick<Launch, 'argv' | 'env' | 'notices'>,
): Promise<number> {
  for (const notice of prepared.notices) work.print.notice(notice)
  work.print.end()
  return await work.context.become({ argv: prepared.argv, env: prepared.env })
}

function scratchOption() {
  return new Option('--scratch', 'take writes to /usr/local, and forget them at the end')
}

function launchOption() {
  return new Option('--launch <mode>', 'mount the view at /usr/local, or use search paths').choices(
    ['mount', 'path'],
  )
}
