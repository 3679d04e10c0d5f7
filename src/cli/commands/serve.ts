/** The command that runs a registry. */
import { InvalidArgumentError } from '@commander-js/extra-typings'
import { AppError, throwIfCancelled } from '#kernel/index.ts'
import { command, folderPath, portNumber } from '../options.ts'
import { configured, located } from '../registry-file.ts'
import { serveText } from '../render/images.ts'
import type { Perform, Work } from '../work.ts'

const usualHost = '127.0.0.1'
const usualPort = 5000

export function serveCommand(perform: Perform) {
  return command('serve', 'run a registry on a folder')
    .option('--config <file>', 'a registry.yaml: access, TLS, limits and more')
    .option(
      '--host <address>',
      `address to listen on; ${usualHost} when nothing names one`,
      listenAddress,
    )
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
        throwIfCancelled(context.signal, 'Serving')
        const { config, folder, dir } = await located(work, options)
        const server = await context.serve({
          dir,
          host: options.host ?? config.listen?.host ?? usualHost,
          port: options.port ?? config.listen?.port ?? usualPort,
          config,
          folder,
          emit: print.emit,
        })
        using _ = onHangup(work, async () => {
          const changed = await configured(work, options.config)
          return await server.reload(changed.config)
        })
        print.result({ url: server.url, data: dir }, serveText)
        await aborted(context.signal)
        await server.stop()
        return 0
      }),
    )
}

/** An address, in brackets or without. @throws InvalidArgumentError for none, which means all */
function listenAddress(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, '$1').trim()
  if (address !== '') return address
  throw new InvalidArgumentError('It must not be empty; 0.0.0.0 means all networks.')
}

/** Runs `reload` at each SIGHUP, one after another, and tells what came of it. */
function onHangup({ context, print }: Work, reload: () => Promise<readonly string[]>): Disposable {
  let before: Promise<void> = Promise.resolve()
  return context.onHangup(() => {
    before = before.then(async () => {
      try {
        const later = await reload()
        print.notice('The configuration was read again')
        if (later.length === 0) return
        const text = `${later.join(', ')}: changed, and used only after a new start`
        print.emit({ kind: 'warning', text, hints: [] })
      } catch (thrown) {
        const { message, hints } = asError(thrown)
        const text = `The configuration stays as it was: ${message}`
        print.emit({ kind: 'warning', text, hints })
      }
    })
  })
}

function asError(thrown: unknown): { readonly message: string; readonly hints: readonly string[] } {
  if (thrown instanceof AppError) return thrown
  return { message: thrown instanceof Error ? thrown.message : 'unknown', hints: [] }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
