/**
 * Checking every byte of a store, and moving away what is damaged so that it is fetched again.
 *
 * Invariant: nothing is deleted: what is wrong goes to `HOME/corrupt`, under its name.
 */
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Bytes, type Digest, digestParts, explained, measure } from '#kernel/index.ts'
import { blobPath } from './disk-blobs.ts'
import { fileBelow } from './files.ts'
import type { Store } from './store.ts'
import { readTree, treeLayer, treePath } from './tree.ts'
import { notePath, readNote } from './view-note.ts'

export interface VerifyReport {
  readonly blobs: number
  readonly files: number
  readonly corruptBlobs: readonly Digest[]
  /** Names below HOME/files. */
  readonly corruptFiles: readonly string[]
  /** Keys of views that lost files; the files of the others are checked as files. */
  readonly brokenViews: readonly string[]
  /** What `repair` moved to the folder `corrupt`, and views and trees that it removed. */
  readonly moved: readonly string[]
}

/**
 * Hashes every blob and file. With `repair`, moves wrong ones away, with the views that hold them.
 * @throws AppError `kernel/read-only`
 */
export async function verifyStore(
  store: Store,
  options: { readonly repair: boolean },
): Promise<VerifyReport> {
  const corruptBlobs: Digest[] = []
  const corruptFiles: string[] = []
  let blobs = 0
  let files = 0
  for await (const { digest } of store.blobs.list()) {
    blobs += 1
    const { digest: actual } = await measure(bytesOf(blobPath(store.home, digest)), digest)
    if (actual !== digest) corruptBlobs.push(digest)
  }
  for (const below of fileNames(store)) {
    files += 1
    if (!(await isFileRight(store, below))) corruptFiles.push(below)
  }
  const brokenViews = viewKeys(store).filter((key) => hasLostFiles(store, key))
  const damage = { blobs: corruptBlobs, files: new Set(corruptFiles), views: brokenViews }
  const moved = options.repair ? repair(store, damage) : []
  return { blobs, files, corruptBlobs, corruptFiles, brokenViews, moved }
}

function fileNames(store: Store): string[] {
  const files = join(store.home, 'files')
  if (lstatSync(files, { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(files).flatMap((folder) =>
    readdirSync(join(files, folder)).map((name) => `${folder}/${name}`),
  )
}

async function isFileRight(store: Store, below: string): Promise<boolean> {
  const path = join(store.home, 'files', below)
  const isExecutable = below.endsWith('x')
  const want = `sha256:${below.replace('/', '').replace(/x$/, '')}`
  const mode = lstatSync(path).mode & 0o111
  const { digest } = await measure(bytesOf(path), 'sha256:')
  return digest === want && (mode !== 0) === isExecutable
}

/** Whether a file that the view's layers hold is not in it. What cannot be known is not told. */
function hasLostFiles(store: Store, key: string): boolean {
  const folder = join(store.home, 'views', key)
  const entries = (readNote(store, key)?.layers ?? []).flatMap(
    (layer) => readTree(store, layer)?.entries ?? [],
  )
  return entries.some((entry) => {
    const stat = lstatSync(join(folder, entry.path), { throwIfNoEntry: false })
    return stat === undefined || (entry.type === 'file' && stat.size !== entry.size)
  })
}

function bytesOf(path: string): Bytes {
  return Bun.file(path).stream()
}

function repair(
  store: Store,
  damage: {
    readonly blobs: readonly Digest[]
    readonly files: ReadonlySet<string>
    readonly views: readonly string[]
  },
): readonly string[] {
  const { blobs, files, views } = damage
  const moved: string[] = []
  try {
    if (blobs.length + files.size > 0) mkdirSync(join(store.home, 'corrupt'), { recursive: true })
    for (const digest of blobs) {
      renameSync(blobPath(store.home, digest), join(store.home, 'corrupt', digestParts(digest).hex))
      moved.push(digest)
    }
    const layers = files.size === 0 ? new Set<Digest>() : layersWith(store, files)
    for (const key of new Set([...views, ...viewsWith(store, layers)])) {
      rmSync(notePath(store, key), { force: true })
      rmSync(join(store.home, 'views', key), { recursive: true, force: true })
      moved.push(`view ${key}`)
    }
    for (const layer of layers) {
      rmSync(treePath(store, layer), { force: true }) // It is unpacked again from its blob.
      moved.push(`tree ${layer}`)
    }
    for (const below of files) {
      const away = join(store.home, 'corrupt', `file-${below.replace('/', '')}`)
      renameSync(join(store.home, 'files', below), away)
      moved.push(`file ${basename(away).slice(5)}`)
    }
  } catch (error) {
    throw explained(error, store.home)
  }
  return moved
}

function layersWith(store: Store, files: ReadonlySet<string>): Set<Digest> {
  const layers = new Set<Digest>()
  const folder = join(store.home, 'trees')
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return layers
  for (const name of readdirSync(folder)) {
    const layer = treeLayer(name)
    const entries = layer === undefined ? [] : (readTree(store, layer)?.entries ?? [])
    if (
      layer !== undefined &&
      entries.some((entry) => entry.type === 'file' && files.has(fileBelow(entry)))
    )
      layers.add(layer)
  }
  return layers
}

function viewsWith(store: Store, layers: ReadonlySet<Digest>): string[] {
  return viewKeys(store).filter((key) =>
    (readNote(store, key)?.layers ?? []).some((layer) => layers.has(layer)),
  )
}

function viewKeys(store: Store): string[] {
  const folder = join(store.home, 'views')
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(folder).filter((name) => !name.endsWith('.note'))
}
