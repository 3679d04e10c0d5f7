/** Commands about what goes through a registry: its statistics, and copying by lists. */
import { InvalidArgumentError } from '@commander-js/extra-typings'
import { AppError } from '#kernel/index.ts'
import { command, positiveInteger } from '../options.ts'
import { configured } from '../registry-file.ts'
import { statsText, syncText } from '../render/registry-traffic.ts'
import type { Perform } from '../work.ts'

const usualServer = '127.0.0.1:5000'

export function statsCommand(perform: Perform) {
  return command('stats', 'show what went through a running registry')
    .argument('[server]', 'HOST:PORT of the server, or its URL', serverPlace, usualServer)
    .option('--days <number>', 'today and so many days before it', positiveInteger, 30)
    .action((server, { days }, self) =>
      perform(self, async ({ app, print }) => {
        print.result(await (await app()).registryStats({ server, days }), statsText)
        return 0
      }),
    )
}

export function syncCommand(perform: Perform) {
  return command('sync', 'copy images and packages between registries, by the lists of a file')
    .argument('[lists...]', 'names of lists under `sync:`; all when none is named')
    .requiredOption('--config <file>', 'the registry.yaml with the lists')
    .option('--dry-run', 'show the difference, copy nothing', false)
    .option(
      '--server <host:port>',
      'the server that repositories without a host are on',
      hostAndPort,
      usualServer,
    )
    .action((names, { config: file, dryRun, server }, self) =>
      perform(self, async (work) => {
        const { config, folder } = await configured(work, file)
        if (config.sync === undefined)
          throw new AppError('cli/usage', `${file} has no section \`sync\``, {
            hints: ['docs/formats/registry-yaml.md describes it.'],
          })
        const app = await work.app()
        const options = { section: config.sync, folder, server, names, dryRun }
        const result = await app.registrySync(options)
        work.print.result(result, syncText)
        return result.lists.some(({ failures }) => failures.length > 0) ? 1 : 0
      }),
    )
}

/** `HOST:PORT`, or a URL without a path. @throws InvalidArgumentError */
function serverPlace(text: string): string {
  const isUrl = /^https?:\/\//.test(text)
  const url = URL.parse(isUrl ? text : `https://${text}`)
  if (url === null || `${url.pathname}${url.search}${url.username}` !== '/')
    throw new InvalidArgumentError('It must be HOST:PORT, or a URL without a path.')
  return isUrl ? url.origin : text.replace(/\/$/, '')
}

/** @throws InvalidArgumentError */
function hostAndPort(text: string): string {
  if (/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?$/.test(text)) return text
  throw new InvalidArgumentError('It must be HOST:PORT.')
}
