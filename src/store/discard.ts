/** Clearing up after a failure, without hiding the failure behind another. */
import { rmSync } from 'node:fs'

/** Removes a file or folder if it can; collection sweeps what stays. */
export function discard(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch {
    // The disk that failed the work may fail this too; the name is a temporary one.
  }
}
