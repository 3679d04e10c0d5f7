/**
 * Notes beside views: `HOME/views/KEY.note` tells of which layers a view is, in which boot it was
 * made, and (by its time) when it was last asked for, or until when it is reserved.
 *
 * Invariant: whoever could set the note's time, and finds the view after that, keeps it
 * (`sweep-views.ts`), so that a process can enter a view without a lock. Making views and taking
 * them away excludes each other by `HOME/views.lock`.
 */
import { lstatSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  AppError,
  type Digest,
  isDigest,
  lock,
  readIfPresent,
  reserveView,
  temporaryName,
} from '#kernel/index.ts'
import { bootId } from './boot.ts'
import { readTree } from './tree.ts'
import type { Store } from './store.ts'

export interface ViewNote {
  readonly state: string
  readonly layers: readonly Digest[]
}

/** What the note of a view says; undefined when there is none. */
export function readNote(store: Store, key: string): ViewNote | undefined {
  const bytes = readIfPresent(notePath(store, key))
  if (bytes === undefined) return undefined
  const [state = '', ...layers] = new TextDecoder().decode(bytes).trim().split('\n')
  return layers.every(isDigest) ? { state, layers } : undefined
}

/** Writes the note of a view that is about to be published. */
export function noteView(store: Store, key: string, layers: readonly Digest[]): void {
  writeNote(store, key, { state: bootId(), layers: [...new Set(layers)].sort() })
}

/** Where the note of a view lies. */
export function notePath(store: Store, key: string): string {
  return join(store.home, 'views', `${key}.note`)
}

/** Whether a view is there and can be relied on; a view of another boot is looked at, once. */
export function isViewWhole(
  store: Store,
  view: { readonly path: string; readonly key: string },
  layers: readonly Digest[],
): boolean {
  if (lstatSync(view.path, { throwIfNoEntry: false }) === undefined) return false
  const note = readNote(store, view.key)
  const isKnown = note !== undefined && (note.state === 'durable' || note.state === bootId())
  if (!isKnown && !hasAllFiles(store, view.path, layers)) {
    rmSync(view.path, { recursive: true, force: true })
    return false
  }
  try {
    if (isKnown) touch(notePath(store, view.key))
    else writeNote(store, view.key, { state: 'durable', layers: [...new Set(layers)].sort() })
  } catch {
    return true // A read-only store: nothing collects it either.
  }
  return true
}

/** A time in the future is somebody's reservation. */
function touch(path: string): void {
  const now = new Date()
  if (lstatSync(path).mtimeMs < now.getTime()) utimesSync(path, now, now)
}

/**
 * Has collections leave a view alone that this process, which is at work, has just asked for. They
 * take notes away for a moment to look at them; a note's time that is set then would be lost.
 */
export async function reserveLinkedView(
  store: Store,
  view: { readonly note: string },
): Promise<void> {
  using _held = await holdViews(store)
  reserveView(view)
}

/** Nobody makes or takes away a view until this is disposed. On a read-only home nobody does. */
export async function holdViews(store: Store): Promise<Disposable> {
  try {
    return await lock(join(store.home, 'views.lock'))
  } catch (error) {
    if (error instanceof AppError && error.code === 'kernel/read-only') return nothing
    throw error
  }
}

const nothing: Disposable = { [Symbol.dispose]: () => undefined }

function hasAllFiles(store: Store, path: string, layers: readonly Digest[]): boolean {
  return layers.every((layer) =>
    readTree(store, layer)?.entries.every((entry) => {
      const stat = lstatSync(`${path}/${entry.path}`, { throwIfNoEntry: false })
      return entry.type === 'file' ? stat?.size === entry.size : stat !== undefined
    }),
  )
}

function writeNote(store: Store, key: string, note: ViewNote): void {
  const path = notePath(store, key)
  const temporary = temporaryName(join(store.home, 'tmp', 'note'))
  mkdirSync(dirname(path), { recursive: true })
  mkdirSync(dirname(temporary), { recursive: true })
  writeFileSync(temporary, `${note.state}\n${note.layers.join('\n')}\n`, { flag: 'wx' })
  renameSync(temporary, path)
}
