/**
 * What the command line is given: streams, variables, signals and the ways into the application.
 *
 * Not here: who makes these (`main.ts`), and anything that reads the process's globals.
 */
import type { App, MigrateReport, RegistryAdmin, RegistryUpkeep } from '#app/index.ts'
import type { Emit } from '#kernel/index.ts'
import type { RegistryConfig } from '#model/index.ts'

/** One of the standard streams. */
export interface Terminal {
  write(text: string): void
  readonly isTerminal: boolean
  /** Width in columns, asked anew each time because a window can change; 80 when unknown. */
  columns(): number
  rows(): number
}

/** A process to become, with what to say before. */
export interface Becoming {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A running registry server. */
export interface RunningServer {
  readonly url: string
  /** Takes a changed configuration; gives the keys that want a new start. */
  reload(config: RegistryConfig): Promise<readonly string[]>
  stop(): Promise<void>
}

/** Where a registry is, and how it is configured. */
export interface RegistryPlace {
  readonly dir: string
  readonly config: RegistryConfig
  /** What paths in the configuration are relative to. */
  readonly folder: string
}

export interface ServeOptions extends RegistryPlace {
  readonly host: string
  readonly port: number
  readonly emit: Emit
}

export interface CliContext {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdout: Terminal
  readonly stderr: Terminal
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal
  /** Hears of SIGHUP until it is disposed of; while nobody does, SIGHUP aborts. */
  readonly onHangup: (listener: () => void) => Disposable
  /** Where the local store is; `serve` keeps its data below it unless told otherwise. */
  readonly home: string
  readonly openApp: (options: { cwd: string; emit: Emit }) => Promise<App>
  readonly serve: (options: ServeOptions) => Promise<RunningServer>
  /** Opens the accounts and the audit log of a registry, which may be serving. */
  readonly openRegistryAdmin: (
    place: RegistryPlace & { readonly mayBeNew?: boolean },
  ) => Promise<RegistryAdmin>
  /** Opens what a registry keeps, which may be serving, to look after it. */
  readonly openRegistryUpkeep: (place: RegistryPlace & { emit: Emit }) => Promise<RegistryUpkeep>
  /** Copies a registry into another storage; nobody serves either. */
  readonly migrateRegistry: (
    from: RegistryPlace,
    to: RegistryPlace,
    emit: Emit,
  ) => Promise<MigrateReport>
  /** All of the standard input. */
  readonly readInput: () => Promise<string>
  /** Replaces this process; gives the child's exit code where that is impossible. */
  readonly become: (process: Becoming) => Promise<number>
}
