/**
 * Walking folders that somebody else filled.
 *
 * Invariant: links are named and never followed: `readdir` with `recursive` follows them, into
 * loops and out of the folder.
 */
import { type Dirent, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Everything below `folder`, a folder before what it holds; paths are absolute. */
export function* walk(
  folder: string,
): Generator<{ readonly path: string; readonly entry: Dirent }> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    yield { path, entry }
    if (entry.isDirectory()) yield* walk(path)
  }
}
