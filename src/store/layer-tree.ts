/**
 * The tree that a layer's entries make, entry by entry, refusing what does not fit into one tree.
 *
 * Invariant: every parent of an accepted entry is a folder (never a link or a file), no path comes
 * twice, no two paths of one folder differ only in case or Unicode form.
 */
import { refused, shown } from './errors.ts'
import { caseClash, foldCase } from './name-case.ts'
import { checkTarget } from './safe-path.ts'
import type { TreeEntry } from './tree.ts'

export interface TreeBuilder {
  /** @throws AppError `store/layer-duplicate`, `…-case-clash`, `…-through-link`, `…-link-escape` */
  add(entry: TreeEntry): void
  /** Whether a hard link may point here; the file it means. */
  file(path: string): Extract<TreeEntry, { type: 'file' }> | undefined
  /** All entries, folders that were only implied included, sorted. */
  finish(): TreeEntry[]
}

/** Starts an empty tree whose links must stay below `prefix`. */
export function layerTree({ prefix }: { readonly prefix: string }): TreeBuilder {
  const entries = new Map<string, TreeEntry>()
  const folded = new Map<string, string>()
  const implied = new Set<string>()

  const put = (entry: TreeEntry): void => {
    const fold = foldCase(entry.path)
    const other = folded.get(fold)
    if (other !== undefined && other !== entry.path) throw caseClash(other, entry.path)
    folded.set(fold, entry.path)
    entries.set(entry.path, entry)
  }
  const needParent = (path: string): void => {
    const slash = path.lastIndexOf('/')
    if (slash < 0) return
    const parent = path.slice(0, slash)
    const found = entries.get(parent)
    if (found?.type === 'dir') return
    if (found !== undefined)
      throw refused(
        'store/layer-through-link',
        `${shown(path)} lies below ${shown(parent)}, which is a ${found.type}`,
      )
    needParent(parent)
    put({ type: 'dir', path: parent })
    implied.add(parent)
  }
  return {
    add: (entry) => {
      if (implied.has(entry.path) && entry.type === 'dir') return void implied.delete(entry.path)
      if (entries.has(entry.path))
        throw refused('store/layer-duplicate', `${shown(entry.path)} is in it twice`)
      if (entry.type === 'symlink') checkTarget(entry.path, entry.target, prefix)
      needParent(entry.path)
      put(entry)
    },
    file: (path) => {
      const entry = entries.get(path)
      return entry?.type === 'file' ? entry : undefined
    },
    finish: () => sortedEntries([...entries.values()]),
  }
}

/** Entries in the order of a walk: folders before what they hold, siblings by code units. */
function sortedEntries(entries: TreeEntry[]): TreeEntry[] {
  const keyed = entries.map((entry) => ({ key: entry.path.replaceAll('/', '\0'), entry }))
  keyed.sort((a, b) => (a.key < b.key ? -1 : 1))
  return keyed.map(({ entry }) => entry)
}
