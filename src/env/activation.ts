/**
 * From a view to a way into it: variables and, where the machine allows, a mount over the prefix.
 *
 * Invariant: the result is data; nothing is run and nothing is written here. The view is mounted
 * read-only in a namespace of its own, which ends with the last process in it.
 * Not here: becoming the child (`#kernel` launch), and shells (`shell.ts`).
 */
import type { LaunchInput, LaunchRecord } from '#kernel/index.ts'
import type { NamespaceSupport } from './namespaces.ts'

/**
 * `mount`: the view is seen at the prefix. `path`: variables point into the view where it lies.
 * `in-place`: the files are in the prefix already (`install` in a container).
 */
export type ActivationMode = 'mount' | 'path' | 'in-place'

export interface ActivateOptions {
  /** Name of the environment, shown by prompts. */
  readonly name: string
  /** The folder that stands for the prefix: `VIEW/usr/local`. */
  readonly viewPrefix: string
  readonly namespaces: NamespaceSupport
  /** Default: `mount` when namespaces are available, else `path`. */
  readonly mode?: ActivationMode
  readonly prefix?: string
  /** The user's variables; `${prefix}` in them is replaced. */
  readonly variables?: Readonly<Record<string, string>>
  /** Let commands write over the view; what they write is gone when the last of them ends. */
  readonly scratch?: boolean
  readonly inputs?: readonly LaunchInput[]
}

export interface Activation {
  readonly mode: ActivationMode
  /** Where the files are seen by a command. */
  readonly prefix: string
  readonly record: LaunchRecord
  /** What the user should know, for example that the view could not be mounted and why. */
  readonly notices: readonly { readonly text: string; readonly hints: readonly string[] }[]
}

/**
 * Plans how to enter an environment.
 * @throws AppError `env/no-namespaces` when `mount` or a scratch layer was asked for and is refused.
 */
export function activate(options: ActivateOptions): Activation {
  throw new Error(`not yet ${options.name}`)
}
