/**
 * What this machine is, as virtual packages that the solver can require: `__glibc`, `__cuda`, …
 *
 * Overrides replace a detected fact, or remove it when empty, so that tests and cross-target
 * locks do not depend on the machine: `BACKLOT_OVERRIDE_GLIBC=2.17`.
 * Source: conda's virtual packages for the names; psABI x86-64 levels for `__archspec`.
 */
import type { HostFact } from '#model/index.ts'

export interface HostOptions {
  /** Environment variables; those named BACKLOT_OVERRIDE_* count, and PATH finds programs. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The facts of this machine, by name, in alphabetical order. Never fails: what is unknown is absent. */
export function detectHost(options: HostOptions): Promise<readonly HostFact[]> {
  throw new Error(`not yet ${Object.keys(options).length}`)
}
