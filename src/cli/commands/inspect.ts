/** Commands that answer questions and change nothing. */
import { choiceOf, command, environmentOptions } from '../options.ts'
import { infoText, listText, type PlatformRow, platformsText, treeText } from '../render/inspect.ts'
import { diffMarkdown, diffText } from '../render/diff.ts'
import type { Perform } from '../work.ts'

export function treeCommand(perform: Perform) {
  return command('tree', 'show an environment’s packages as a tree')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .action((options, self) =>
      perform(self, async ({ app, print }) => {
        print.result(await (await app()).tree(choiceOf(options)), treeText)
        return 0
      }),
    )
}

export function listCommand(perform: Perform) {
  return command('list', 'list an environment’s packages')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .option('--platforms', 'list the VFX Reference Platforms instead')
    .action((options, self) =>
      perform(self, async ({ app, print }) => {
        if (options.platforms) print.result(await platforms(), platformsText)
        else print.result(await (await app()).list(choiceOf(options)), listText)
        return 0
      }),
    )
}

async function platforms(): Promise<PlatformRow[]> {
  const { findPlatform, formatRange, platformYears } = await import('#model/index.ts')
  return platformYears.map((year) => {
    const { status, gcc, glibc, cxxStandard, components } = findPlatform(year)
    return {
      platform: year,
      status,
      ...(cxxStandard === undefined ? {} : { cxxStandard }),
      ...(gcc === undefined ? {} : { gcc: gcc.text }),
      ...(glibc === undefined ? {} : { glibc: glibc.text }),
      components: Object.fromEntries(
        [...components].map(([name, versions]) => [name, formatRange(versions)]),
      ),
    }
  })
}

export function infoCommand(perform: Perform) {
  return command('info', 'show what is known about a package')
    .argument('<package>', 'its name')
    .addOption(environmentOptions.name())
    .action((name, options, self) =>
      perform(self, async ({ app, print }) => {
        print.result(await (await app()).info({ ...choiceOf(options), name }), infoText)
        return 0
      }),
    )
}

export function diffCommand(perform: Perform) {
  return command('diff', 'tell what changed between two lockfiles, and why')
    .argument('<from>', 'the earlier lockfile')
    .argument('[to]', 'the later one; the project’s own when absent')
    .addOption(environmentOptions.name())
    .option('--markdown', 'print a change log in Markdown')
    .action((from, to, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).diff({
          ...choiceOf(options),
          from,
          ...(to === undefined ? {} : { to }),
        })
        if (options.markdown) print.document(diffMarkdown(result))
        else print.result(result, diffText)
        return 0
      }),
    )
}
