/**
 * Whether the files that a tree names are in the store.
 *
 * Files are not synced when they are written; their blob is. So after another boot the sizes of a
 * tree's files are checked once: a file system in order never shows more of a file than reached
 * the disk. What is wrong is unpacked again. Format: docs/formats/store.md, "Crashes".
 */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { digestParts, systemCode } from '#kernel/index.ts'
import { bootId } from './boot.ts'
import type { Store } from './store.ts'
import { type LayerTree, type TreeEntry, type TreeState, writeTree } from './tree.ts'
import { fileName } from './unpack-job.ts'

export interface FileStates {
  readonly tree: LayerTree
  readonly state: TreeState
}

/** Where a file of a tree lies, relative to HOME/files. */
export function fileBelow(entry: Extract<TreeEntry, { type: 'file' }>): string {
  return fileName('', digestParts(entry.digest).hex, entry.executable).slice(1)
}

/** Whether the tree's files can be relied on; after another boot they are looked at, once. */
export function filesComplete(store: Store, { tree, state }: FileStates): boolean {
  if (state === 'packed') return false
  if (state === 'durable' || state === bootId()) return true
  const files = join(store.home, 'files')
  for (const entry of tree.entries) {
    if (entry.type !== 'file') continue
    const stat = lstatSync(`${files}/${fileBelow(entry)}`, { throwIfNoEntry: false })
    if (stat?.size !== entry.size) return false
  }
  try {
    writeTree(store, tree, 'durable')
  } catch (error) {
    if (systemCode(error) === undefined) return true // Read-only: it is looked at again next time.
  }
  return true
}
