/**
 * What Backlot needs from this machine, what is there, and the line that installs what is not.
 *
 * Gives data; the CLI prints it.
 */
import type { Distribution } from './distribution.ts'

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'missing' | 'limited'
  /** What needs it: `builds`, `environments`, `images`, … */
  readonly purpose: string
  /** Whether something central does not work without it. */
  readonly required: boolean
  /** Version or finding, one line. */
  readonly found: string
  readonly hint?: string
}

export interface DoctorOptions {
  readonly env: Readonly<Record<string, string>>
  readonly home: string
  readonly distribution?: Distribution
}

/** All checks in a fixed order. Never fails because something is missing. */
export function runDoctor(options: DoctorOptions): Promise<readonly Check[]> {
  throw new Error(`not yet ${options.home}`)
}
