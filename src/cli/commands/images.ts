/** Commands about images and registries. */
import { choiceOf, command, environmentOptions, keyValue, wordList } from '../options.ts'
import { imageText, transferText } from '../render/images.ts'
import type { Perform } from '../work.ts'

export function imageCommand(perform: Perform) {
  const build = command('build', 'make an OCI image of an environment')
    .argument('<to>', 'HOST/REPO:TAG, oci:FOLDER[:TAG] or docker-archive:FILE[:REPO:TAG]')
    .addOption(environmentOptions.name())
    .addOption(environmentOptions.locked())
    .addOption(environmentOptions.frozen())
    .option('--base <image>', 'scratch, oci:FOLDER[:TAG] or HOST/REPO:TAG')
    .option('--label <key=value>', 'a label; may be repeated', keyValue)
    .option('--env <key=value>', 'a variable of the image; may be repeated', keyValue)
    .option(
      '--entrypoint <words...>',
      'program of the image and its first arguments, or a JSON list of them',
      wordList,
    )
    .option('--cmd <words...>', 'default arguments, or a JSON list of them', wordList)
    .option('--user <user>', 'user that the program runs as')
    .option('--workdir <folder>', 'folder that the program starts in')
    .action((to, options, self) =>
      perform(self, async ({ app, print }) => {
        const result = await (await app()).imageBuild({
          ...choiceOf(options),
          to,
          ...(options.base === undefined ? {} : { base: options.base }),
          ...(options.label === undefined ? {} : { labels: options.label }),
          ...(options.env === undefined ? {} : { variables: options.env }),
          ...(options.entrypoint === undefined ? {} : { entrypoint: options.entrypoint }),
          ...(options.cmd === undefined ? {} : { command: options.cmd }),
          ...(options.user === undefined ? {} : { user: options.user }),
          ...(options.workdir === undefined ? {} : { workdir: options.workdir }),
        })
        print.result(result, imageText)
        return 0
      }),
    )
  return command('image', 'make images').addCommand(build)
}

export function copyCommand(perform: Perform) {
  return command('copy', 'copy an image or a build between registries and folders')
    .argument('<from>', 'HOST/REPO:TAG or oci:FOLDER[:TAG]')
    .argument('<to>', 'either form')
    .action((from, to, _options, self) =>
      perform(self, async ({ app, print }) => {
        print.result(await (await app()).copy({ from, to }), transferText)
        return 0
      }),
    )
}
