/**
 * Trees: what a layer holds, remembered as `HOME/trees/ALGORITHM-HEX`.
 *
 * Invariant: a tree that is read hashes to its `fileList`, so a torn file counts as absent. A tree
 * can always be made again from its blob. Format: docs/formats/store.md, "Trees".
 * Not here: checks of hostile layers (`layer-tree.ts`, `unpack.ts`).
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type Digest,
  digester,
  digestOf,
  explained,
  isDigest,
  readIfPresent,
  temporaryName,
} from '#kernel/index.ts'
import { discard } from './discard.ts'
import type { Store } from './store.ts'

/** An OCI descriptor of a layer. */
export interface LayerDescriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

export interface PackedLayer {
  readonly descriptor: LayerDescriptor
  /** Digest of the layer's uncompressed tar. */
  readonly diffId: Digest
  /** Digest of the tree: equal for equal files, whatever the times and the compression. */
  readonly fileList: Digest
  readonly files: number
  /** Unpacked bytes of all files. */
  readonly sizeBytes: number
}

/** One path of a layer; `path` is relative (usr/local/…), without a trailing slash. */
export type TreeEntry =
  | { readonly type: 'dir'; readonly path: string }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly type: 'file'
      readonly path: string
      readonly size: number
      readonly digest: Digest
      readonly executable: boolean
    }

/** The entries of a layer, sorted by path; a hard link in the tar is a file of the same digest. */
export interface LayerTree {
  readonly layer: Digest
  readonly diffId: Digest
  readonly fileList: Digest
  readonly entries: readonly TreeEntry[]
}

/**
 * How sure it is that the tree's files are on disk. `packed`: only the blob is. Else the boot in
 * which they were written: after another boot their sizes are checked once, then it is `durable`.
 */
export type TreeState = 'packed' | 'durable' | `boot ${string}`

/** Whether the layer has been unpacked here. */
export function hasTree(store: Store, layer: Digest): boolean {
  const found = readTreeState(store, layer)
  return found !== undefined && found.state !== 'packed'
}

/** What the layer holds, or undefined where it was neither packed nor unpacked. */
export function readTree(store: Store, layer: Digest): LayerTree | undefined {
  return readTreeState(store, layer)?.tree
}

/** The tree and how sure its files are. */
export function readTreeState(
  store: Store,
  layer: Digest,
): { tree: LayerTree; state: TreeState } | undefined {
  const bytes = readIfPresent(treePath(store, layer))
  if (bytes === undefined) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lineEnd = text.indexOf(10)
  const [magic, diffId = '', fileList = '', state = ''] = text
    .toString('utf8', 0, Math.max(lineEnd, 0))
    .split('\t')
  const body = text.subarray(lineEnd + 1)
  if (magic !== 'backlot-tree 1' || !isDigest(diffId) || !isDigest(fileList)) return undefined
  if (digestOf(body) !== fileList || !isState(state)) return undefined
  const entries = parseBody(body.toString('utf8'))
  return { tree: { layer, diffId, fileList, entries }, state }
}

/** The text of a tree, made while its entries come. */
export interface TreeText {
  add(entries: readonly TreeEntry[]): void
  /** The text so far, and its digest. */
  finish(): { readonly parts: readonly Uint8Array[]; readonly fileList: Digest }
}

export function treeText(): TreeText {
  const parts: Uint8Array[] = []
  const hasher = digester()
  return {
    add: (entries) => {
      const part = Buffer.from(entries.map(line).join(''))
      hasher.update(part)
      parts.push(part)
    },
    finish: () => ({ parts, fileList: hasher.digest() }),
  }
}

/** Remembers a tree. It is not synced: a torn one is seen and made again. */
export function writeTree(
  store: Store,
  made: Omit<LayerTree, 'fileList'>,
  state: TreeState,
): LayerTree {
  const text = treeText()
  text.add(made.entries)
  return { ...made, fileList: writeTreeText(store, { ...made, text }, state) }
}

/** Remembers a tree by its text; gives the digest of that. */
export function writeTreeText(
  store: Store,
  made: Pick<LayerTree, 'layer' | 'diffId'> & { readonly text: TreeText },
  state: TreeState,
): Digest {
  const { parts, fileList } = made.text.finish()
  const path = treePath(store, made.layer)
  const temporary = temporaryName(join(store.home, 'tmp', 'tree'))
  const head = Buffer.from(`backlot-tree 1\t${made.diffId}\t${fileList}\t${state}\n`)
  try {
    mkdirSync(dirname(temporary), { recursive: true })
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(temporary, Buffer.concat([head, ...parts]), { flag: 'wx' })
    renameSync(temporary, path)
  } catch (error) {
    discard(temporary)
    throw explained(error, path)
  }
  return fileList
}

/** The layer whose tree a file of HOME/trees is. */
export function treeLayer(name: string): Digest | undefined {
  const layer = name.replace('-', ':')
  return isDigest(layer) ? layer : undefined
}

/** The file of a tree. */
export function treePath(store: Store, layer: Digest): string {
  return join(store.home, 'trees', layer.replace(':', '-'))
}

function isState(text: string): text is TreeState {
  return text === 'packed' || text === 'durable' || text.startsWith('boot ')
}

function line(entry: TreeEntry): string {
  switch (entry.type) {
    case 'dir':
      return `d\t${entry.path}\n`
    case 'symlink':
      return `l\t${entry.path}\t${entry.target}\n`
    case 'file':
      return `${entry.executable ? 'x' : 'f'}\t${entry.path}\t${entry.size}\t${entry.digest}\n`
  }
}

function parseBody(body: string): TreeEntry[] {
  const entries: TreeEntry[] = []
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf('\n', start)
    const kind = body[start]
    const pathEnd = kind === 'd' ? end : body.indexOf('\t', start + 2)
    const path = body.slice(start + 2, pathEnd)
    const more = pathEnd + 1
    start = end + 1
    if (kind === 'd') entries.push({ type: 'dir', path })
    else if (kind === 'l') entries.push({ type: 'symlink', path, target: body.slice(more, end) })
    else {
      const sizeEnd = body.indexOf('\t', more)
      entries.push({
        type: 'file',
        path,
        size: Number(body.slice(more, sizeEnd)),
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the body is checked
        digest: body.slice(sizeEnd + 1, end) as Digest,
        executable: kind === 'x',
      })
    }
  }
  return entries
}
