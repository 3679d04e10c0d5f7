/**
 * What every use case is given: the outside world as values and functions.
 *
 * Not here: argv and signals (`main.ts`), text for people (`#cli`).
 */
import type { Clock, Emit } from '#kernel/index.ts'

export interface AppContext {
  /** The local store, `BACKLOT_HOME` or the system's data folder. */
  readonly home: string
  readonly cwd: string
  /** A copy of the process environment: proxies, credentials, overrides, `PATH`. */
  readonly env: Readonly<Record<string, string>>
  readonly emit: Emit
  /** Aborted by Ctrl-C; whatever runs then stops, cleans up and throws `kernel/cancelled`. */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Recipes shipped with the program: package name to the text of its backlot.yaml. */
  readonly shippedRecipes: ReadonlyMap<string, string>
  readonly programVersion: string
}
