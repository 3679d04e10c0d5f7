/**
 * What a command's action is handed: the application, the printer and the shared options.
 */
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { App } from '#app/index.ts'
import type { CliContext } from './context.ts'
import type { SharedOptions } from './options.ts'
import type { Printer } from './printer.ts'

export interface Work {
  readonly context: CliContext
  readonly shared: SharedOptions
  readonly print: Printer
  /** Opens the application in the folder of `--directory`. */
  app(): Promise<App>
}

/**
 * Runs an action with its surroundings and keeps the exit code that it gives (0 when none).
 * What it throws reaches the printer once, at the top.
 */
export type Perform = (
  command: CommandUnknownOpts,
  action: (work: Work) => Promise<number | undefined>,
) => Promise<void>
