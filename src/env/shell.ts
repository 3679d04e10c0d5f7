/**
 * An interactive shell in an environment, with the user's own start-up files and a prompt that
 * names the environment.
 *
 * Invariant: no file of the user is written. Start-up files of ours lie in a folder of Backlot's
 * and source the user's first.
 */
import type { Activation } from './activation.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

export interface ShellOptions {
  readonly activation: Activation
  /** Name shown in the prompt. */
  readonly name: string
  readonly shell: Shell
  /** Path of the shell's program. */
  readonly program: string
  /** Where our start-up files are written, once per content. */
  readonly folder: string
}

/** The shell that a program path or a name means; undefined when it is not one we know. */
export function parseShell(text: string): Shell | undefined {
  const name = text.slice(text.lastIndexOf('/') + 1)
  return name === 'bash' || name === 'zsh' || name === 'fish' ? name : undefined
}

/** The command that starts the shell, and the variables it needs beyond the activation's. */
export function shellCommand(options: ShellOptions): {
  readonly argv: readonly string[]
  readonly set: Readonly<Record<string, string>>
} {
  throw new Error(`not yet ${options.name}`)
}
