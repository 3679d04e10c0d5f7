/**
 * Folders that somebody else filled: walking them, opening them, removing them.
 *
 * Invariant: links are named and never followed: `readdir` with `recursive` follows them, into
 * loops and out of the folder.
 */
import { chmodSync, type Dirent, lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from './errors.ts'

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

/** Gives the owner back what somebody took: reading, entering and changing each folder. */
export function openFolders(folder: string): void {
  const { mode } = lstatSync(folder)
  if ((mode & 0o700) !== 0o700) chmodSync(folder, (mode & 0o7777) | 0o700)
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) openFolders(join(folder, entry.name))
}

/** Removes a file or a folder with all that is in it, also what its makers made read-only. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch (error) {
    const refused = ['EACCES', 'EPERM'].includes(systemCode(error) ?? '')
    if (!refused || !lstatSync(path).isDirectory()) throw error
    openFolders(path)
    rmSync(path, { recursive: true, force: true })
  }
}
