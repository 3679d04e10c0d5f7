/** Commands that work in the repositories of other package managers. */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { command } from '../options.ts'
import { rezImportText, rezSolveText } from '../render/solve.ts'
import type { Perform } from '../work.ts'

export function solveCommand(perform: Perform) {
  return command('solve', 'solve a request in Rez repositories')
    .argument('<requests...>', 'requirements in Rez’s syntax: maya-2024 ~python-3.10+ !openexr-2')
    .addOption(repositories())
    .option('--implicit <requests...>', 'requirements that come with every request')
    .option('--before <date>', 'ignore packages released after this date', releaseTime)
    .option('--refresh', 'look at every package definition before solving')
    .action((request, { rez, implicit = [], before, refresh = false }, self) =>
      perform(self, async ({ app, print }) => {
        const options = { request, repositories: rez, implicit, before, refresh }
        const result = await (await app()).solveRez(options)
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

function repositories() {
  return new Option('--rez <path>', 'a Rez repository; of several the first wins')
    .argParser((path: string, before: readonly string[] | undefined) => [...(before ?? []), path])
    .makeOptionMandatory()
}

/** Seconds since 1970 of an ISO date or of a number of seconds. @throws InvalidArgumentError */
function releaseTime(text: string): number {
  const ms = /^\d{1,11}$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  if (!/^\d/.test(text) || Number.isNaN(ms))
    throw new InvalidArgumentError('It must be a date such as 2026-01-31, or seconds since 1970.')
  return ms / 1000
}
