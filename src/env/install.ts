/**
 * Installing an environment's files into a real folder (the prefix of a container), exactly
 * removable.
 *
 * Invariant: a file that is not ours, or that somebody changed since, is never overwritten or
 * removed; all such files are found before the first change. The list of our files is on disk
 * before the first of them is. Each file is replaced by a rename.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError, explained, lock, throwIfCancelled } from '#kernel/index.ts'
import {
  emptyManifest,
  type InstalledEntry,
  type InstallManifest,
  lookAt,
  ownFolder,
  readInstalled,
  stateOf,
  writeInstalled,
} from './install-manifest.ts'
import { filesIn, relocate, type Unmovable } from './relocate.ts'

export interface InstallOptions {
  readonly name: string
  /** The folder that stands for the prefix: `VIEW/usr/local`. */
  readonly viewPrefix: string
  /** Where to, usually `/usr/local`. */
  readonly destination: string
  /** The prefix that the files were built for. */
  readonly prefix?: string
  readonly signal?: AbortSignal | undefined
}

export interface InstallReport {
  readonly destination: string
  readonly added: number
  readonly removed: number
  readonly kept: number
  /** Files of the environment, and their bytes. */
  readonly files: number
  readonly sizeBytes: number
  /** Paths relative to the destination. */
  readonly rewritten: readonly string[]
  /** Files that hold the prefix in a way that cannot be rewritten. */
  readonly unmovable: readonly Unmovable[]
  /** Paths of ours that somebody changed, which were therefore left where they are. */
  readonly left: readonly string[]
}

interface Plan {
  readonly options: InstallOptions
  readonly before: InstallManifest
  /** Paths in the view with their states there. */
  readonly wanted: ReadonlyMap<string, string>
  /** Those of the wanted that may not be there as they should be. */
  readonly change: readonly string[]
}

/**
 * Makes the destination hold exactly this environment's files beside what is not ours.
 * @throws AppError `env/foreign-file`, `env/bad-manifest`, `kernel/read-only`, `kernel/no-space`
 */
export async function installView(options: InstallOptions): Promise<InstallReport> {
  const { destination } = options
  if (readInstalled(destination) === undefined) checkUntouched(options)
  try {
    mkdirSync(join(destination, ownFolder), { recursive: true })
    using _lock = await lock(join(destination, ownFolder, 'lock.db'), 60_000)
    const plan = planOf(options)
    checkForeign(plan)
    const stage = join(destination, ownFolder, 'stage')
    rmSync(stage, { recursive: true, force: true })
    try {
      return await carryOut(plan, stage)
    } finally {
      rmSync(stage, { recursive: true, force: true })
    }
  } catch (error) {
    throw explained(error, destination)
  }
}

function planOf(options: InstallOptions): Plan {
  const before = readInstalled(options.destination) ?? emptyManifest
  const known = new Map(before.entries.map((entry) => [entry.path, entry]))
  const wanted = new Map<string, string>()
  for (const path of filesIn(options.viewPrefix)) {
    throwIfCancelled(options.signal, 'Installing')
    const state = stateOf(join(options.viewPrefix, path))
    if (state !== undefined) wanted.set(path, state)
  }
  const change = [...wanted.keys()].filter((path) => {
    const entry = known.get(path)
    // What was rewritten names the folder, which may have been moved since.
    const sure =
      entry?.states.length === 1 &&
      entry.source === wanted.get(path) &&
      entry.source === entry.states[0]
    return !sure || stateOf(join(options.destination, path)) !== entry.source
  })
  return { options, before, wanted, change }
}

/** Where nothing is ours, whatever is in the way is foreign; found out without making a folder. */
function checkUntouched({ viewPrefix, destination }: InstallOptions): void {
  const inTheWay = filesIn(viewPrefix).filter(
    (path) =>
      lookAt(join(destination, path)) !== undefined || isBlocked(destination, path, new Map()),
  )
  if (inTheWay.length > 0) throw foreignFiles(destination, inTheWay)
}

function foreignFiles(destination: string, paths: readonly string[]): AppError {
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : ''
  return new AppError(
    'env/foreign-file',
    `${destination} holds files that Backlot did not install or that were changed since: ${paths.slice(0, 5).join(', ')}${more}`,
    { hints: ['Move them away, or install into another folder: `backlot install FOLDER`.'] },
  )
}

/** Everything in the way that is not ours, before anything is changed. */
function checkForeign({ options, before, change }: Plan): void {
  const known = new Map(before.entries.map((entry) => [entry.path, entry]))
  const foreign = change.filter((path) => {
    const there = stateOf(join(options.destination, path))
    if (there === undefined) return isBlocked(options.destination, path, known)
    return known.get(path)?.states.includes(there) !== true
  })
  if (foreign.length > 0) throw foreignFiles(options.destination, foreign)
}

/** Whether a file that is not ours lies where the path needs a folder. */
function isBlocked(
  destination: string,
  path: string,
  known: ReadonlyMap<string, InstalledEntry>,
): boolean {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    const full = join(destination, folder)
    const there = stateOf(full)
    if (there === undefined) continue
    if (there.startsWith('link:') && statSync(full, { throwIfNoEntry: false })?.isDirectory())
      return false // Some distributions have lib64 as a link to lib.
    return there !== 'folder' && known.get(folder)?.states.includes(there) !== true
  }
  return false
}

async function carryOut(plan: Plan, stage: string): Promise<InstallReport> {
  const { options, before, wanted, change } = plan
  for (const path of change) copy(join(options.viewPrefix, path), join(stage, path))
  mkdirSync(stage, { recursive: true })
  const moved = await relocate({
    folder: stage,
    from: options.prefix ?? '/usr/local',
    to: options.destination,
    signal: options.signal,
  })
  const known = new Map(before.entries.map((entry) => [entry.path, entry]))
  const after: InstalledEntry[] = [...wanted].map(([path, source]) => {
    const staged = stateOf(join(stage, path)) ?? known.get(path)?.states[0] ?? source
    return { path, states: [staged], source }
  })
  const late = change.filter(
    (path) => stateOf(join(stage, path)) !== stateOf(join(options.destination, path)),
  )
  const folders = newFolders(plan)
  const both = unionOf(after, before.entries)
  writeInstalled(options.destination, { format: 1, name: options.name, entries: both, folders })
  const stale = before.entries.filter((entry) => !wanted.has(entry.path))
  const left = removeEntries(options.destination, stale)
  for (const path of late) {
    mkdirSync(dirname(join(options.destination, path)), { recursive: true })
    renameSync(join(stage, path), join(options.destination, path))
  }
  const kept = removeFolders(options.destination, folders)
  writeInstalled(options.destination, {
    format: 1,
    name: options.name,
    entries: after,
    folders: kept,
  })
  return reportOf(plan, { moved, added: late.length, removed: stale.length - left.length, left })
}

function reportOf(
  { options, wanted }: Plan,
  outcome: {
    readonly added: number
    readonly moved: Pick<InstallReport, 'rewritten' | 'unmovable'>
    readonly removed: number
    readonly left: readonly string[]
  },
): InstallReport {
  const sizes = [...wanted.keys()].map((path) => lstatSync(join(options.viewPrefix, path)).size)
  return {
    destination: options.destination,
    added: outcome.added,
    removed: outcome.removed,
    kept: wanted.size - outcome.added,
    files: wanted.size,
    sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
    rewritten: outcome.moved.rewritten,
    unmovable: outcome.moved.unmovable,
    left: outcome.left,
  }
}

/** A copy that shares the bytes where the file system can, with the mode of an installed file. */
function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  const found = lstatSync(from)
  if (found.isSymbolicLink()) {
    symlinkSync(readlinkSync(from), to)
    return
  }
  copyFileSync(from, to, constants.COPYFILE_FICLONE)
  chmodSync(to, (found.mode & 0o111) === 0 ? 0o644 : 0o755)
}

/** Both lists as one: a path in both may hold either content. */
function unionOf(
  after: readonly InstalledEntry[],
  before: readonly InstalledEntry[],
): InstalledEntry[] {
  const all = new Map(after.map((entry) => [entry.path, entry]))
  for (const entry of before) {
    const states = new Set([...(all.get(entry.path)?.states ?? []), ...entry.states])
    all.set(entry.path, { ...(all.get(entry.path) ?? entry), states: [...states] })
  }
  return [...all.values()]
}

/** The folders that we made or are about to make, parents first. */
function newFolders({ options, before, wanted }: Plan): string[] {
  const ours = new Set(before.folders)
  for (const path of wanted.keys())
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      if (ours.has(folder)) continue
      if (lookAt(join(options.destination, folder)) === undefined) ours.add(folder)
    }
  return [...ours].sort()
}

/** Removes files that hold what we put there; gives the paths of those that do not. */
function removeEntries(destination: string, entries: readonly InstalledEntry[]): string[] {
  return entries.flatMap(({ path, states }) => {
    const there = stateOf(join(destination, path))
    if (there === undefined) return []
    if (!states.includes(there)) return [path]
    rmSync(join(destination, path))
    return []
  })
}

/** Removes folders of ours that are empty now; gives those that stay. */
function removeFolders(destination: string, folders: readonly string[]): string[] {
  return folders
    .toReversed()
    .filter((folder) => {
      try {
        rmdirSync(join(destination, folder))
        return false
      } catch {
        return lookAt(join(destination, folder)) !== undefined
      }
    })
    .toReversed()
}

/**
 * Removes what `installView` put there and nothing else; undefined when it put nothing there.
 * @throws AppError `env/bad-manifest`, `kernel/read-only`
 */
export async function uninstall(destination: string): Promise<InstallReport | undefined> {
  if (readInstalled(destination) === undefined) return undefined
  try {
    const left = await removeLocked(destination)
    return left
  } catch (error) {
    throw explained(error, destination)
  }
}

async function removeLocked(destination: string): Promise<InstallReport> {
  using _lock = await lock(join(destination, ownFolder, 'lock.db'), 60_000)
  const before = readInstalled(destination) ?? emptyManifest
  const left = removeEntries(destination, before.entries)
  removeFolders(destination, before.folders)
  rmSync(join(destination, ownFolder), { recursive: true, force: true })
  const removed = before.entries.length - left.length
  const none = { added: 0, kept: 0, files: 0, sizeBytes: 0, rewritten: [], unmovable: [] }
  return { destination, removed, left, ...none }
}
