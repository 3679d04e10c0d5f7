/** Commands that look after what a registry keeps, also while it serves. */
import { isDeepStrictEqual } from 'node:util'
import { Option } from '@commander-js/extra-typings'
import type { RegistryUpkeep } from '#app/index.ts'
import { AppError } from '#kernel/index.ts'
import type { RegistryPlace } from '../context.ts'
import { command, folderPath, naturalNumber, positiveInteger } from '../options.ts'
import { located, type RegistryChoice } from '../registry-file.ts'
import {
  checkText,
  migrateText,
  recycledText,
  restoredText,
  tidyText,
  usageText,
} from '../render/registry-upkeep.ts'
import type { Perform, Work } from '../work.ts'

/** All of them, to be added to `backlot registry`. */
export function upkeepCommands(perform: Perform) {
  return [
    gcCommand(perform),
    usageCommand(perform),
    checkCommand(perform),
    restoreCommand(perform),
    migrateCommand(perform),
  ]
}

function gcCommand(perform: Perform) {
  return command('gc', 'apply the rules of retention, and remove what nothing needs')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--dry-run', 'print what would go and why, remove nothing', false)
    .option(
      '--grace-hours <hours>',
      'how long a blob may wait for the manifest that names it',
      naturalNumber,
    )
    .action(({ dryRun, graceHours, ...place }, self) =>
      perform(self, (work) =>
        kept(work, place, async (upkeep) => {
          const grace = graceHours === undefined ? {} : { graceMs: graceHours * 3_600_000 }
          work.print.result(await upkeep.tidy({ dryRun, ...grace }), tidyText)
          return 0
        }),
      ),
    )
}

function usageCommand(perform: Perform) {
  return command('usage', 'show who keeps how much, with shared blobs told apart')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--depth <parts>', 'how many parts of a name are its namespace', positiveInteger, 1)
    .action(({ depth, ...place }, self) =>
      perform(self, (work) =>
        kept(work, place, async (upkeep) => {
          work.print.result(await upkeep.usage(depth), usageText)
          return 0
        }),
      ),
    )
}

function checkCommand(perform: Perform) {
  return command('check', 'read every blob and manifest, and compare it with its name')
    .addOption(dataOption())
    .addOption(configOption())
    .option('--quick', 'compare sizes only', false)
    .option('--repair', 'remove what is orphaned or cannot be served', false)
    .action(({ quick, repair, ...place }, self) =>
      perform(self, (work) =>
        kept(work, place, async (upkeep) => {
          const report = await upkeep.check({ quick, repair })
          work.print.result(report, checkText)
          return report.damage.length === 0 ? 0 : 1
        }),
      ),
    )
}

function restoreCommand(perform: Perform) {
  return command('restore', 'bring back a deleted tag or manifest, or list what can be')
    .argument('[reference]', 'REPOSITORY:TAG or REPOSITORY@DIGEST; without it a list')
    .addOption(dataOption())
    .addOption(configOption())
    .action((reference, place, self) =>
      perform(self, (work) =>
        kept(work, place, async (upkeep) => {
          if (reference === undefined) {
            work.print.result(await upkeep.recycled(), recycledText)
            return 0
          }
          const restored = await upkeep.restore(reference)
          work.print.result(restored, restoredText)
          return restored.manifests.length + restored.tags.length > 0 ? 0 : 1
        }),
      ),
    )
}

function migrateCommand(perform: Perform) {
  return command('migrate', 'copy a registry into another storage; neither is served meanwhile')
    .requiredOption('--from <file>', 'the registry.yaml of where it is')
    .requiredOption('--to <file>', 'the registry.yaml of where it shall be')
    .option('--from-data <folder>', "the source's folder; below the store by default", folderPath)
    .option('--to-data <folder>', "the target's folder; below the store by default", folderPath)
    .action(({ from, to, fromData, toData }, self) =>
      perform(self, async (work) => {
        const source = await located(work, { data: fromData, config: from })
        const target = await located(work, { data: toData, config: to })
        if (isSame(source, target))
          throw new AppError('cli/usage', 'The source and the target are the same registry', {
            hints: ['Name two files with another `storage`, or two folders.'],
          })
        const { context, print } = work
        print.result(await context.migrateRegistry(source, target, print.emit), migrateText)
        return 0
      }),
    )
}

function isSame(source: RegistryPlace, target: RegistryPlace): boolean {
  const { storage } = source.config
  const isShared = storage?.postgres !== undefined && storage.s3 !== undefined
  const isOneFolder = source.dir === target.dir
  return (isShared || isOneFolder) && isDeepStrictEqual(storage, target.config.storage)
}

async function kept(
  work: Work,
  place: RegistryChoice,
  use: (upkeep: RegistryUpkeep) => Promise<number>,
): Promise<number> {
  const { emit } = work.print
  const registry = await located(work, place)
  await using upkeep = await work.context.openRegistryUpkeep({ ...registry, emit })
  return await use(upkeep)
}

/** The folder of the registry, as all its commands take it. */
export function dataOption() {
  return new Option(
    '--data <folder>',
    "the registry's folder; below the store by default",
  ).argParser(folderPath)
}

export function configOption() {
  return new Option('--config <file>', 'the registry.yaml that the server runs with')
}
