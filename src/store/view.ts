/**
 * Views: the trees of several builds linked into one folder.
 *
 * Invariant: `HOME/views/KEY` is complete or absent: it is made under a temporary name and renamed.
 * Two builds may bring the same path only with the same content; folders merge; links are kept, and
 * nothing is ever written below one. The key names the layers, whatever their order.
 * Not here: mounting a view (`#env`), sweeping old ones (`collect.ts`).
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AppError,
  type Digest,
  digestOf,
  digestParts,
  explained,
  systemCode,
  temporaryName,
} from '#kernel/index.ts'
import { discard } from './discard.ts'
import { fileBelow, filesComplete } from './files.ts'
import { ask, workerCount } from './layer-pool.ts'
import { copyFile, linkOrCopy } from './link-job.ts'
import type { Store } from './store.ts'
import { type LayerTree, readTreeState, type TreeEntry } from './tree.ts'
import { unpackLayer } from './unpack.ts'
import { holdViews, isViewWhole, noteView, notePath } from './view-note.ts'

export interface View {
  /** The folder that holds usr/local/…; complete, or absent. */
  readonly path: string
  readonly key: string
  /** The file whose time reserves it. */
  readonly note: string
}

export interface ViewOptions {
  /** How a layer is called in errors, e.g. `imath 3.1.6`; its digest when absent. */
  readonly label?: (layer: Digest) => string
  readonly signal?: AbortSignal | undefined
}

interface Placed {
  readonly entry: TreeEntry
  readonly layer: Digest
}

/** Where the view of these layers lies or would lie. */
export function viewOf(store: Store, layers: readonly Digest[]): View {
  const names = [...new Set(layers)].sort()
  const key = digestParts(digestOf(`backlot-view 1\n${names.join('\n')}`)).hex.slice(0, 32)
  return { key, path: join(store.home, 'views', key), note: notePath(store, key) }
}

/**
 * The view of these layers, made when it is not there yet; what is not unpacked is unpacked.
 * @throws AppError `store/view-collision`, `store/blob-unknown`, `kernel/no-space`
 */
export async function linkView(
  store: Store,
  layers: readonly Digest[],
  options: ViewOptions = {},
): Promise<View> {
  const view = viewOf(store, layers)
  if (await isWhole(store, view, layers)) return view
  const trees = await treesOf(store, layers, options)
  const placed = merge(trees, options.label)
  const folder = temporaryName(join(store.home, 'tmp', 'view'))
  try {
    mkdirSync(folder, { recursive: true })
    await fill(store, { placed, trees, folder, mode: 'hardlink' }, options)
    using _held = await holdViews(store)
    noteView(store, view.key, layers)
    publishView(folder, view.path)
  } catch (error) {
    discard(folder)
    throw explained(error, view.path)
  }
  return view
}

async function isWhole(store: Store, view: View, layers: readonly Digest[]): Promise<boolean> {
  using _held = await holdViews(store)
  return isViewWhole(store, view, layers)
}

/**
 * The files of these layers in any folder, which must be absent or empty.
 *
 * `hardlink` shares the store's read-only files (and copies where links cannot go); `copy` gives
 * files of their own, writable by their owner.
 * @throws AppError `store/view-occupied`, `store/view-collision`, `kernel/no-space`
 */
export async function materialise(
  store: Store,
  layers: readonly Digest[],
  folder: string,
  mode: 'hardlink' | 'copy',
  options: ViewOptions = {},
): Promise<void> {
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new AppError('store/view-occupied', `The folder ${folder} is not empty`, {
      hints: ['Give a folder that does not exist, or empty it first.'],
    })
  const trees = await treesOf(store, layers, options)
  const placed = merge(trees, options.label)
  const temporary = temporaryName(folder)
  try {
    mkdirSync(temporary, { recursive: true })
    await fill(store, { placed, trees, folder: temporary, mode }, options)
    rmSync(folder, { recursive: true, force: true })
    renameSync(temporary, folder)
  } catch (error) {
    discard(temporary)
    throw explained(error, folder)
  }
}

/** Unpacks what is not unpacked, or what lost files to a crash. */
async function treesOf(
  store: Store,
  layers: readonly Digest[],
  options: ViewOptions,
): Promise<LayerTree[]> {
  const trees: LayerTree[] = []
  for (const digest of new Set(layers)) {
    const found = readTreeState(store, digest)
    const isThere = found !== undefined && filesComplete(store, found)
    trees.push(isThere ? found.tree : await unpackAgain(store, digest, options))
  }
  return trees
}

async function unpackAgain(store: Store, digest: Digest, options: ViewOptions): Promise<LayerTree> {
  const size = (await store.blobs.size(digest)) ?? 0
  return unpackLayer(
    store,
    { digest, size },
    { signal: options.signal, isRepair: true, prefix: '' },
  )
}

/** One entry for every path. @throws AppError `store/view-collision` */
function merge(trees: readonly LayerTree[], label: ViewOptions['label']): Map<string, Placed> {
  const placed = new Map<string, Placed>()
  for (const { layer, entries } of trees)
    for (const entry of entries) {
      const other = placed.get(entry.path)
      if (other === undefined) placed.set(entry.path, { entry, layer })
      else if (entry.type !== 'dir' || other.entry.type !== 'dir')
        if (!isEqual(entry, other.entry)) throw collision(other, { entry, layer }, label)
    }
  return placed
}

function isEqual(a: TreeEntry, b: TreeEntry): boolean {
  if (a.type === 'file' && b.type === 'file')
    return a.digest === b.digest && a.executable === b.executable
  return a.type === 'symlink' && b.type === 'symlink' && a.target === b.target
}

function collision(a: Placed, b: Placed, label: ViewOptions['label']): AppError {
  const name = label ?? String
  const difference = a.entry.type === b.entry.type ? 'different content' : 'different kinds'
  return new AppError(
    'store/view-collision',
    `${name(a.layer)} and ${name(b.layer)} both bring ${a.entry.path}, with ${difference}`,
    { hints: [`Remove one of the two, or build one without ${a.entry.path}.`] },
  )
}

interface Filling {
  readonly placed: ReadonlyMap<string, Placed>
  readonly trees: readonly LayerTree[]
  readonly folder: string
  readonly mode: 'hardlink' | 'copy'
}

async function fill(store: Store, filling: Filling, options: ViewOptions): Promise<void> {
  const files: Extract<TreeEntry, { type: 'file' }>[] = []
  // Nothing is a tree too: its prefix can be mounted like any other.
  if (filling.placed.size === 0) mkdirSync(join(filling.folder, 'usr/local'), { recursive: true })
  for (const { entry } of filling.placed.values())
    if (entry.type === 'dir') mkdirSync(`${filling.folder}/${entry.path}`)
    else if (entry.type === 'file') files.push(entry)
  if (!(await placeFiles(store, files, filling))) {
    for (const { layer } of filling.trees) await unpackAgain(store, layer, options)
    for (const { path } of files) rmSync(`${filling.folder}/${path}`, { force: true })
    if (!(await placeFiles(store, files, filling)))
      throw new TypeError(`Files vanish from ${store.home} while they are linked`)
  }
  for (const { entry } of filling.placed.values())
    if (entry.type === 'symlink') symlinkSync(entry.target, `${filling.folder}/${entry.path}`)
}

/** False when the file store lacks some of them. */
async function placeFiles(
  store: Store,
  files: readonly Extract<TreeEntry, { type: 'file' }>[],
  { folder, mode }: Filling,
): Promise<boolean> {
  const from = join(store.home, 'files')
  if (mode === 'copy')
    return files.every((entry) =>
      copyFile(
        `${from}/${fileBelow(entry)}`,
        `${folder}/${entry.path}`,
        entry.executable ? 0o755 : 0o644,
      ),
    )
  const count = files.length < 2000 ? 1 : workerCount()
  const share = Math.ceil(files.length / count)
  const asked = Array.from({ length: count - 1 }, (_, index) => {
    const theirs = files.slice((index + 1) * share, (index + 2) * share)
    const pairs = theirs.map((entry) => `${fileBelow(entry)}\n${entry.path}\n`).join('')
    return ask(index, { kind: 'link', from, to: folder, pairs })
  })
  const own = files
    .slice(0, share)
    .filter((entry) => !linkOrCopy(`${from}/${fileBelow(entry)}`, `${folder}/${entry.path}`))
  const answers = await Promise.all(asked)
  return own.length === 0 && answers.every(({ missing }) => missing === 0)
}

function publishView(folder: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  chmodSync(folder, 0o755)
  try {
    renameSync(folder, path)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    rmSync(folder, { recursive: true, force: true }) // Another Backlot was first, with the same.
  }
}
