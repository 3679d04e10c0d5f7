/**
 * Installing an environment's files into a real folder (the prefix of a container), exactly
 * removable.
 *
 * Invariant: the manifest of what we installed is on disk before the first file is; a file that
 * is not ours is never overwritten or removed.
 */
export interface InstallOptions {
  readonly name: string
  /** The folder that stands for the prefix: `VIEW/usr/local`. */
  readonly viewPrefix: string
  /** Where to, usually `/usr/local`. */
  readonly destination: string
  /** The prefix that the files were built for. */
  readonly prefix?: string
  readonly signal?: AbortSignal | undefined
}

export interface InstallReport {
  readonly destination: string
  readonly added: number
  readonly removed: number
  readonly kept: number
  /** See RelocateReport; empty when the destination is the prefix. */
  readonly unmovable: readonly { readonly path: string; readonly found: readonly string[] }[]
}

/**
 * Makes the destination hold exactly this environment's files beside what is not ours.
 * @throws AppError `env/foreign-file`, `kernel/read-only`, `kernel/no-space`
 */
export function installView(options: InstallOptions): Promise<InstallReport> {
  throw new Error(`not yet ${options.name}`)
}

/** Removes what `installView` put there and nothing else. */
export function uninstall(destination: string): Promise<InstallReport> {
  throw new Error(`not yet ${destination}`)
}
