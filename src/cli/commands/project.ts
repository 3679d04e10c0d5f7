/** Commands that write backlot.yaml and backlot.lock. */
import { Option } from '@commander-js/extra-typings'
import type { ChoiceChange } from '#app/index.ts'
import { choiceOf, command, environmentOptions, folderPath } from '../options.ts'
import { addedText, initText, lockAllText, lockText, removedText } from '../render/lock.ts'
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
    .addOption(environmentOptions.all())
    .addOption(choosing.update())
    .addOption(choosing.before())
    .addOption(choosing.excludeNewer())
    .addOption(choosing.lowest())
    .addOption(choosing.lowestDirect())
    .addOption(choosing.highest())
    .action((options, self) =>
      perform(self, async ({ app, print }) => {
        const choose = {
          excludeNewer: options.before ?? options.excludeNewer,
          ...lowestOf(options),
        }
        const wish = { ...choiceOf(options), ...updateOf(options.update), choose }
        if (options.all === true) {
          const result = await (await app()).lockAll(wish)
          return print.answer(result, result.unsolvable, lockAllText)
        }
        const result = await (await app()).lock(wish)
        return print.answer(result, result.unsolvable, lockText)
      }),
    )
}

export function updateCommand(perform: Perform) {
  return command('update', 'bring packages to their newest versions, and keep the others')
    .argument('[packages...]', 'names of packages in the environment; all when none is named')
    .addOption(environmentOptions.name())
    .action((packages, options, self) =>
      perform(self, async ({ app, print }) => {
        const update = packages.length === 0 ? 'all' : packages
        const result = await (await app()).lock({ ...choiceOf(options), update })
        return print.answer(result, result.unsolvable, lockText)
      }),
    )
}

/** How versions are chosen; made anew, because a command keeps what it is given. */
const choosing = {
  update: () =>
    new Option(
      '-u, --update [packages...]',
      'bring these (or all) to their newest versions',
    ).conflicts(['locked', 'frozen']),
  before: () =>
    new Option('--before <date>', 'as of this day: leave out what was released later').conflicts(
      'excludeNewer',
    ),
  excludeNewer: () =>
    new Option('--exclude-newer <when>', 'the same with an age too: 14d, 2w; `none` ends it'),
  lowest: () =>
    new Option('--lowest', 'oldest versions that fit, of everything').conflicts([
      'lowestDirect',
      'highest',
    ]),
  lowestDirect: () =>
    new Option('--lowest-direct', 'oldest versions of what backlot.yaml names').conflicts(
      'highest',
    ),
  highest: () => new Option('--highest', 'newest versions again, after one of these'),
}

function lowestOf(options: {
  readonly lowest?: true | undefined
  readonly lowestDirect?: true | undefined
  readonly highest?: true | undefined
}): ChoiceChange {
  if (options.lowest) return { lowest: 'all' }
  if (options.lowestDirect) return { lowest: 'direct' }
  return options.highest ? { lowest: 'none' } : {}
}

function updateOf(names: readonly string[] | true | undefined): {
  readonly update?: readonly string[] | 'all'
} {
  if (names === undefined) return {}
  return { update: names === true || names.includes('all') ? 'all' : names }
}
