/** Commands that make builds and send them to a registry. */
import { choiceOf, command, environmentOptions, positiveInteger } from '../options.ts'
import { buildText, catalogText, publishText } from '../render/build.ts'
import type { Perform } from '../work.ts'
import { launch } from './enter.ts'

export function buildCommand(perform: Perform) {
  return command('build', 'build what an environment holds and no registry has')
    .argument('[packages...]', 'only these and what they need')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .option('-j, --jobs <number>', 'packages built at once and compiler jobs', positiveInteger)
    .option('--no-sandbox', 'build with the rights of your user; provenance will say so')
    .option('--force', 'build again although an equal build exists, and compare')
    .action((packages, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).build({
          ...choiceOf(options),
          packages,
          jobs: options.jobs,
          sandbox: options.sandbox,
          ...(options.force ? { force: true } : {}),
        })
        return print.answer(result, result.unsolvable, buildText)
      }),
    )
}

export function debugCommand(perform: Perform) {
  return command('debug', 'enter the sandbox of a failed build')
    .argument('<build>', 'name of a package or the id that the error printed')
    .action((build, _options, self) =>
      perform(self, async (work) => {
        return await launch(work, await (await work.app()).prepareDebug({ build }))
      }),
    )
}

export function publishCommand(perform: Perform) {
  return command('publish', 'send builds and their catalogs to a registry')
    .argument('[packages...]', 'only these; everything that is built when none is named')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .option('--to <registry>', 'instead of the registry of backlot.yaml, for example HOST/vfx')
    .action((packages, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).publish({
          ...choiceOf(options),
          packages,
          to: options.to,
        })
        print.result(result, publishText)
        return 0
      }),
    )
}

export function catalogCommand(perform: Perform) {
  const rebuild = command('rebuild', 'make a package’s catalog anew from its builds')
    .argument('<reference>', 'repository of the package, for example HOST/vfx/imath')
    .action((reference, _options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).catalogRebuild({ reference })
        print.result(result, catalogText)
        return 0
      }),
    )
  return command('catalog', 'mend what the solver reads').addCommand(rebuild)
}
