/** The command that runs a registry. */
import { AppError } from '#kernel/index.ts'
import { command, folderPath, portNumber } from '../options.ts'
import { configured, dataFolder } from '../registry-file.ts'
import { serveText } from '../render/images.ts'
import type { Perform } from '../work.ts'

const usualHost = '127.0.0.1'
const usualPort = 5000

export function serveCommand(perform: Perform) {
  return command('serve', 'run a registry on a folder')
    .option('--config <file>', 'a registry.yaml: access, TLS, limits and more')
    .option('--host <address>', `address to listen on; ${usualHost} when nothing names one`)
    .option(
      '--port <number>',
      `port to listen on; 0 takes a free one, ${usualPort} when nothing names one`,
      portNumber,
    )
    .option(
      '--data <folder>',
      'where blobs and metadata are kept; below the store by default',
      folderPath,
    )
    .action((options, self) =>
      perform(self, async (work) => {
        const { context, print } = work
        if (context.signal.aborted) throw new AppError('kernel/cancelled', 'Serving was cancelled')
        const { config, folder } = await configured(work, options.config)
        const dir = dataFolder(work, options.data)
        const server = await context.serve({
          dir,
          host: options.host ?? config.listen?.host ?? usualHost,
          port: options.port ?? config.listen?.port ?? usualPort,
          config,
          folder,
          emit: print.emit,
        })
        print.result({ url: server.url, data: dir }, serveText)
        await aborted(context.signal)
        await server.stop()
        return 0
      }),
    )
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
