/** Commands about Backlot itself. */
import { Argument, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { AppError } from '#kernel/index.ts'
import { completionScript, shells } from '../completion.ts'
import { command } from '../options.ts'
import type { Perform } from '../work.ts'

const schemaFiles = ['backlot.yaml', 'registry.yaml'] as const

export function schemaCommand(perform: Perform) {
  return command('schema', 'print the JSON Schema of a file that you write, for editors')
    .addArgument(
      new Argument('[file]', 'the file').choices(schemaFiles).default('backlot.yaml' as const),
    )
    .action((file, _options, self) =>
      perform(self, async ({ print }) => {
        const { jsonSchema, registryJsonSchema } = await import('#model/index.ts')
        const schema = file === 'registry.yaml' ? registryJsonSchema() : jsonSchema()
        print.document(`${JSON.stringify(schema, undefined, 2)}\n`)
        return 0
      }),
    )
}

/** @param program The whole tree, asked for when the command runs. */
export function completionCommand(perform: Perform, program: () => CommandUnknownOpts) {
  return command('completion', 'print a script that completes commands in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell, _options, self) =>
      perform(self, async ({ print }) => {
        print.document(completionScript(program(), shell))
        return 0
      }),
    )
}

/** @param program The whole tree, asked for when the command runs. */
export function helpCommand(perform: Perform, program: () => CommandUnknownOpts) {
  return command('help', 'show what a command takes')
    .argument('[command...]', 'for example `image build`')
    .action((words, _options, self) =>
      perform(self, async () => {
        let at = program()
        for (const word of words) {
          const child = at.commands.find((one) => one.name() === word)
          if (child === undefined) throw await unknownCommand(at, word)
          at = child
        }
        at.outputHelp()
        return 0
      }),
    )
}

async function unknownCommand(parent: CommandUnknownOpts, word: string): Promise<AppError> {
  const { didYouMean } = await import('#model/index.ts')
  const guess = didYouMean(
    word,
    parent.commands.map((one) => one.name()),
  )
  return new AppError('cli/usage', `unknown command '${word}'`, {
    hints: [
      ...(guess === undefined ? [] : [`Did you mean \`${guess}\`?`]),
      '`backlot help` lists all commands.',
    ],
  })
}
