/** Commands that work in the repositories of other package managers. */
import { command } from '../options.ts'
import { rezChoice, rezOptions } from '../rez-options.ts'
import { rezImportText, rezSolveText } from '../render/solve.ts'
import type { Perform } from '../work.ts'

export function solveCommand(perform: Perform) {
  return command('solve', 'solve a request in Rez repositories')
    .argument('<requests...>', 'requirements in Rez’s syntax: maya-2024 ~python-3.10+ !openexr-2')
    .addOption(rezOptions.repositories())
    .option('--implicit <requests...>', 'requirements that come with every request')
    .addOption(rezOptions.before())
    .addOption(rezOptions.config())
    .addOption(rezOptions.exclude())
    .addOption(rezOptions.include())
    .option('--refresh', 'look at every package definition before solving')
    .action((request, options, self) =>
      perform(self, async ({ app, print }) => {
        const asked = { ...rezChoice({ ...options, request }), refresh: options.refresh ?? false }
        const result = await (await app()).solveRez(asked)
        return print.answer(result, result.kind === 'failed' ? result : undefined, rezSolveText)
      }),
    )
}

export function importCommand(perform: Perform) {
  return command('import', 'read the packages of another package manager').addCommand(
    command('rez', 'read a Rez repository into the catalog that `solve` uses')
      .argument('<path>', 'the repository')
      .option('--afresh', 'forget what is known and read every definition')
      .action((path, { afresh = false }, self) =>
        perform(self, async ({ app, print }) => {
          print.result(await (await app()).importRez({ path, afresh }), rezImportText)
          return 0
        }),
      ),
  )
}
