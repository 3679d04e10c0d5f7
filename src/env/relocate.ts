/**
 * Moving files from the prefix that they were built for to another folder.
 *
 * Text files (CMake, pkg-config, scripts' first lines, Python) are rewritten; a binary that holds
 * the prefix in its data cannot be, and is named. RPATHs of ours are relative and need nothing.
 */
export interface RelocateOptions {
  /** A tree whose content was built for `from`; changed in place, so its files must be ours alone. */
  readonly folder: string
  /** The prefix that the files were built for. */
  readonly from: string
  /** Where the files will be used. */
  readonly to: string
  readonly signal?: AbortSignal | undefined
}

export interface RelocateReport {
  readonly rewritten: readonly string[]
  /** Binaries that hold the old prefix, relative to the folder, with what was found. */
  readonly unmovable: readonly { readonly path: string; readonly found: readonly string[] }[]
}

/** Rewrites the prefix in every text file of a folder; hard links to shared files are broken first. */
export function relocate(options: RelocateOptions): Promise<RelocateReport> {
  throw new Error(`not yet ${options.folder}`)
}
