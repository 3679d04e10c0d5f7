/**
 * pkg-config for builds without a sandbox, whose dependencies lie in a view and say /usr/local.
 *
 * Its own `--define-prefix` is not enough: folders that a file has in full stay as they are.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { which } from '#kernel/index.ts'
import { visiblePath } from './toolchain.ts'

export interface MovedPkgConfig {
  /** Where the program is put. */
  readonly folder: string
  /** What stands for /usr/local. */
  readonly prefix: string
  /** The host's `PATH`. */
  readonly hostPath: string
}

/** Makes the program; gives its folder, or undefined where the host has no pkg-config. */
export function movedPkgConfig(moved: MovedPkgConfig): string | undefined {
  const { folder, prefix, hostPath } = moved
  const program = which('pkg-config', visiblePath(hostPath))
  if (program === undefined) return undefined
  const replacement = prefix.replaceAll(/[\\&#]/g, '\\$&').replaceAll("'", "'\\''")
  mkdirSync(folder, { recursive: true })
  const script = `#!/bin/sh
said=$('${program}' "$@") || exit
if [ -n "$said" ]; then
  printf '%s\\n' "$said" | sed -E 's#(^|[ =,"]|-[ILF])/usr/local(/|$)#\\1${replacement}\\2#g'
fi
`
  writeFileSync(join(folder, 'pkg-config'), script, { mode: 0o755 })
  return folder
}
