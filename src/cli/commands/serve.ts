/** The command that runs a registry, and how it finds its configuration and its folder. */
import { dirname, isAbsolute, join } from 'node:path'
import { AppError, limits, readIfPresent } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'
import { command, folderPath, portNumber } from '../options.ts'
import { serveText } from '../render/images.ts'
import type { Perform, Work } from '../work.ts'

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

interface Configured {
  readonly config: RegistryConfig
  /** What paths in it are relative to. */
  readonly folder: string
}

/** The configuration in a registry.yaml; an empty one when no file is named. */
async function configured(work: Work, path: string | undefined): Promise<Configured> {
  if (path === undefined) return { config: {}, folder: workFolder(work) }
  const file = join(isAbsolute(path) ? '/' : workFolder(work), path)
  const bytes = readIfPresent(file)
  if (bytes === undefined)
    throw new AppError('model/bad-file', `There is no file ${file}`, {
      hints: ['docs/formats/registry-yaml.md describes what belongs into it.'],
    })
  if (bytes.byteLength > limits.recipeBytesMax)
    throw new AppError('kernel/too-large', `${file} is larger than ${limits.recipeBytesMax} bytes`)
  const { parseRegistryConfig } = await import('#model/index.ts')
  return {
    config: parseRegistryConfig(new TextDecoder().decode(bytes), file),
    folder: dirname(file),
  }
}

/** The folder of a registry, as `--data` names it or not. */
function dataFolder(work: Work, data: string | undefined): string {
  const dir = data ?? join(work.context.home, 'registry')
  return isAbsolute(dir) ? dir : join(workFolder(work), dir)
}

function workFolder({ context, shared }: Work): string {
  const { directory } = shared
  if (directory === undefined) return context.cwd
  return isAbsolute(directory) ? directory : join(context.cwd, directory)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
