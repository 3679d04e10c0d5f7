/**
 * Taking views away that nobody asked for since a time, beside processes that are entering one.
 *
 * Invariant: a view stays whose note was set, and seen to be set, before the view was looked for.
 * Who sweeps takes the note first, looks at its time then, and puts it back where it is young; the
 * view leaves its place only afterwards. So whoever sets a note either comes before the look at it,
 * and keeps the view, or finds no such note, and links the view again. A view is renamed, then
 * removed.
 * Not here: which views processes use (`#app`), what is told by notes (`view-note.ts`).
 */
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Digest, systemCode, temporaryName } from '#kernel/index.ts'
import type { Store } from './store.ts'
import { holdViews, notePath, readNote } from './view-note.ts'

export interface ViewSweep {
  /** What was asked for after this stays, and what is reserved. */
  readonly oldestMs: number
  /** Keys of views that stay whatever their age: processes use them. */
  readonly wanted: ReadonlySet<string>
  readonly dryRun: boolean
}

export interface SweptViews {
  readonly removed: number
  /** Of the views that stay. */
  readonly keptLayers: ReadonlySet<Digest>
}

/** Removes old views. @throws AppError `kernel/locked` */
export async function sweepViews(store: Store, sweep: ViewSweep): Promise<SweptViews> {
  const keptLayers = new Set<Digest>()
  const gone: string[] = []
  let removed = 0
  for (const key of keysIn(join(store.home, 'views'))) {
    const note = readNote(store, key)
    if (isOld(store, key, sweep)) {
      const away = sweep.dryRun ? undefined : await takeAway(store, key, sweep)
      if (away !== undefined) gone.push(away)
      if (away !== undefined || sweep.dryRun) {
        removed += 1
        continue
      }
    }
    for (const layer of note?.layers ?? []) keptLayers.add(layer)
  }
  for (const path of gone) rmSync(path, { recursive: true, force: true })
  return { removed, keptLayers }
}

function keysIn(folder: string): string[] {
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return []
  return readdirSync(folder).filter((name) => !name.endsWith('.note'))
}

function isOld(store: Store, key: string, { wanted, oldestMs }: ViewSweep): boolean {
  const timed = [notePath(store, key), join(store.home, 'views', key)]
  const [stat] = timed.flatMap((path) => lstatSync(path, { throwIfNoEntry: false }) ?? [])
  return stat !== undefined && !wanted.has(key) && stat.mtimeMs <= oldestMs
}

/** Where the view is now; undefined when it stays. */
async function takeAway(
  store: Store,
  key: string,
  { oldestMs }: ViewSweep,
): Promise<string | undefined> {
  const path = join(store.home, 'views', key)
  const note = notePath(store, key)
  const taken = temporaryName(join(store.home, 'tmp', 'note'))
  const away = temporaryName(join(store.home, 'tmp', 'gone'))
  mkdirSync(dirname(away), { recursive: true })
  using _held = await holdViews(store)
  const hadNote = renamed(note, taken)
  const stat = lstatSync(hadNote ? taken : path, { throwIfNoEntry: false })
  const isAskedFor = stat !== undefined && stat.mtimeMs > oldestMs
  const isTaken = !isAskedFor && renamed(path, away)
  if (hadNote && isAskedFor) renameSync(taken, note)
  else rmSync(taken, { force: true })
  return isTaken ? away : undefined
}

/** False when there was nothing to rename. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}
