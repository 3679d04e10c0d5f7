/**
 * Collection: mark and sweep of blobs, trees, files, views and temporary names.
 *
 * Invariant: what a root, a kept view or something younger than `graceMs` needs is never removed.
 * Sweeping races with writers without locks: a writer that meets a blob freshens its time, and a
 * blob is swept by renaming it and looking at its time once more. A file that an unpacking meets
 * may go; the tree that lost it is unpacked again when it is linked (`view.ts`).
 * Not here: which roots there are (tags, lockfiles: the callers know).
 */
import { linkSync, lstatSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { type Clock, type Digest, explained, lock } from '#kernel/index.ts'
import { blobPath } from './disk-blobs.ts'
import { fileBelow } from './files.ts'
import type { Store } from './store.ts'
import { sweepViews } from './sweep-views.ts'
import { readTree, treeLayer, treePath } from './tree.ts'

export interface CollectOptions {
  /** What is younger than this stays, reached or not. */
  readonly graceMs: number
  readonly dryRun?: boolean
  readonly clock: Clock
  /** Keys of views to keep besides those that were asked for within the grace. */
  readonly views?: Iterable<string>
}

export interface CollectReport {
  readonly keptBlobs: number
  readonly removedBlobs: number
  readonly removedFiles: number
  readonly removedViews: number
  readonly removedTemporary: number
  readonly freedBytes: number
}

interface Sweep {
  readonly store: Store
  readonly dryRun: boolean
  readonly oldestMs: number
  keptBlobs: number
  removedBlobs: number
  removedFiles: number
  removedViews: number
  removedTemporary: number
  freedBytes: number
}

/**
 * Removes what `roots` (every blob to keep: manifests, configs, layers) does not name.
 * Layers of kept views are roots too.
 * @throws AppError `kernel/locked`, `kernel/read-only`
 */
export async function collect(
  store: Store,
  roots: Iterable<Digest>,
  options: CollectOptions,
): Promise<CollectReport> {
  using _held = await lock(join(store.home, 'collect.lock'))
  const sweep: Sweep = {
    store,
    dryRun: options.dryRun ?? false,
    oldestMs: options.clock.nowMs() - options.graceMs,
    keptBlobs: 0,
    removedBlobs: 0,
    removedFiles: 0,
    removedViews: 0,
    removedTemporary: 0,
    freedBytes: 0,
  }
  const kept = new Set(roots)
  try {
    const wanted = new Set(options.views)
    const views = await sweepViews(store, {
      oldestMs: sweep.oldestMs,
      wanted,
      dryRun: sweep.dryRun,
    })
    sweep.removedViews = views.removed
    for (const layer of views.keptLayers) kept.add(layer)
    await sweepBlobs(sweep, kept)
    sweepFiles(sweep, sweepTrees(sweep, kept))
    sweepTemporary(sweep)
  } catch (error) {
    throw explained(error, store.home)
  }
  const { store: _store, dryRun: _dryRun, oldestMs: _oldestMs, ...report } = sweep
  return report
}

async function sweepBlobs(sweep: Sweep, kept: ReadonlySet<Digest>): Promise<void> {
  for await (const blob of sweep.store.blobs.list()) {
    if (kept.has(blob.digest) || blob.modifiedMs > sweep.oldestMs) sweep.keptBlobs += 1
    else if (sweep.dryRun || sweepBlob(sweep, blob.digest)) {
      sweep.removedBlobs += 1
      sweep.freedBytes += blob.sizeBytes
    } else sweep.keptBlobs += 1
  }
}

function sweepBlob(sweep: Sweep, digest: Digest): boolean {
  const path = blobPath(sweep.store.home, digest)
  const away = `${path}.gone`
  renameSync(path, away)
  const wasFreshened = isYoung(sweep, statOf(away))
  if (wasFreshened && statOf(path) === undefined) linkSync(away, path)
  rmSync(away, { force: true })
  return !wasFreshened
}

/** Removes trees of layers that are gone; gives the files that the others need. */
function sweepTrees(sweep: Sweep, kept: ReadonlySet<Digest>): Set<string> {
  const needed = new Set<string>()
  const { store } = sweep
  for (const name of names(join(store.home, 'trees'))) {
    const layer = treeLayer(name)
    if (layer === undefined) continue
    const isKept = kept.has(layer) || isYoung(sweep, statOf(treePath(store, layer)))
    if (isKept) {
      for (const entry of readTree(store, layer)?.entries ?? [])
        if (entry.type === 'file') needed.add(fileBelow(entry))
    } else if (!sweep.dryRun) rmSync(treePath(store, layer), { force: true })
  }
  return needed
}

function sweepFiles(sweep: Sweep, needed: ReadonlySet<string>): void {
  const files = join(sweep.store.home, 'files')
  for (const folder of names(files))
    for (const name of names(join(files, folder))) {
      const below = `${folder}/${name}`
      if (needed.has(below)) continue
      const path = join(files, below)
      const stat = statOf(path)
      if (stat === undefined || isYoung(sweep, stat)) continue
      sweep.removedFiles += 1
      sweep.freedBytes += stat.size
      if (!sweep.dryRun) rmSync(path, { force: true })
    }
}

function sweepTemporary(sweep: Sweep): void {
  const folder = join(sweep.store.home, 'tmp')
  for (const name of names(folder)) {
    const path = join(folder, name)
    const stat = statOf(path)
    if (stat === undefined || isYoung(sweep, stat)) continue
    sweep.removedTemporary += 1
    if (stat.isFile()) sweep.freedBytes += stat.size
    if (!sweep.dryRun) rmSync(path, { recursive: true, force: true })
  }
  for (const algorithm of ['sha256', 'sha512'])
    for (const name of names(join(sweep.store.home, 'blobs', algorithm)))
      if (name.endsWith('.gone') && !sweep.dryRun)
        rmSync(join(sweep.store.home, 'blobs', algorithm, name), { force: true })
}

function isYoung(sweep: Sweep, stat: Stats | undefined): boolean {
  return stat !== undefined && stat.mtimeMs > sweep.oldestMs
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function names(folder: string): string[] {
  return statOf(folder)?.isDirectory() === true ? readdirSync(folder) : []
}
