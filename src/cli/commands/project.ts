/** Commands that write backlot.yaml and backlot.lock. */
import { choiceOf, command, environmentOptions, folderPath } from '../options.ts'
import { addedText, initText, lockText, removedText } from '../render/lock.ts'
import type { Perform } from '../work.ts'

export function initCommand(perform: Perform) {
  return command('init', 'write a new backlot.yaml')
    .argument('[packages...]', 'what the environment shall hold, for example `openexr 3.1`')
    .option('-p, --platform <year>', 'VFX Reference Platform, for example CY2023')
    .option('--folder <folder>', 'where to write it; made when missing', folderPath)
    .action((packages, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).init({ ...options, packages })
        print.result(result, initText)
        return 0
      }),
    )
}

export function addCommand(perform: Perform) {
  return command('add', 'add packages to an environment and lock it')
    .argument('<packages...>', 'requirements, for example `imath` or `"imath >=3.1"`')
    .addOption(environmentOptions.name())
    .action((packages, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).add({ ...choiceOf(options), packages })
        return print.answer(result, result.lock.unsolvable, addedText)
      }),
    )
}

export function removeCommand(perform: Perform) {
  return command('remove', 'remove packages from an environment and lock it')
    .argument('<packages...>', 'names of packages that backlot.yaml lists')
    .addOption(environmentOptions.name())
    .action((packages, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).remove({ ...choiceOf(options), packages })
        return print.answer(result, result.lock.unsolvable, removedText)
      }),
    )
}

export function lockCommand(perform: Perform) {
  return command('lock', 'solve an environment and write backlot.lock')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .option('-u, --update [packages...]', 'bring these (or all) to their newest versions')
    .action((options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).lock({
          ...choiceOf(options),
          ...updateOf(options.update),
        })
        return print.answer(result, result.unsolvable, lockText)
      }),
    )
}

function updateOf(names: readonly string[] | true | undefined): {
  readonly update?: readonly string[] | 'all'
} {
  if (names === undefined) return {}
  return { update: names === true || names.includes('all') ? 'all' : names }
}
