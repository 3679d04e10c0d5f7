/**
 * A view whose text files name the folder where it lies: for `path` mode, where nothing is mounted.
 *
 * Invariant: the moved view is there whole or not at all, and the view that it was made from is not
 * written to; everything that needs no rewriting is a hard link.
 */
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import {
  explained,
  readIfPresent,
  systemCode,
  temporaryName,
  throwIfCancelled,
} from '#kernel/index.ts'
import { filesIn, relocate, type RelocateReport } from './relocate.ts'

export interface MovedViewOptions {
  /** The folder that stands for the prefix: `VIEW/usr/local`. */
  readonly viewPrefix: string
  /** Where the moved view is or will be, for good: its name is written into its files. */
  readonly folder: string
  /** The prefix that the files were built for. */
  readonly prefix?: string
  readonly signal?: AbortSignal | undefined
}

export interface MovedView {
  /** What stands for the prefix. */
  readonly prefix: string
  readonly unmovable: RelocateReport['unmovable']
}

/**
 * Makes the moved view where it is not there yet.
 * @throws AppError `kernel/read-only`, `kernel/no-space`
 */
export async function movedView(options: MovedViewOptions): Promise<MovedView> {
  const { folder } = options
  const prefix = join(folder, 'prefix')
  const known = readIfPresent(join(folder, 'unmovable.json'))
  if (known !== undefined && existsSync(prefix))
    return { prefix, unmovable: parsed(Buffer.from(known).toString()) }
  const temporary = temporaryName(folder)
  try {
    link(options.viewPrefix, join(temporary, 'prefix'), options.signal)
    const { unmovable } = await relocate({
      folder: join(temporary, 'prefix'),
      from: options.prefix ?? '/usr/local',
      to: prefix,
      signal: options.signal,
    })
    writeFileSync(join(temporary, 'unmovable.json'), JSON.stringify(unmovable))
    publish(temporary, folder)
    return { prefix, unmovable }
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw explained(error, folder)
  }
}

/** Our own file, written whole; anything else in its place counts as nothing to tell. */
function parsed(text: string): RelocateReport['unmovable'] {
  const value: unknown = JSON.parse(text)
  return Array.isArray(value) ? value : []
}

/** Another process may have been faster; what it made is the same. */
function publish(temporary: string, folder: string): void {
  try {
    renameSync(temporary, folder)
  } catch (error) {
    if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error
    rmSync(temporary, { recursive: true, force: true })
  }
}

function link(from: string, to: string, signal: AbortSignal | undefined): void {
  mkdirSync(to, { recursive: true })
  for (const path of filesIn(from)) {
    throwIfCancelled(signal, 'Moving the view')
    const [source, target] = [join(from, path), join(to, path)]
    mkdirSync(dirname(target), { recursive: true })
    if (lstatSync(source).isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else linkOrCopy(source, target)
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target)
  } catch {
    copyFileSync(source, target, constants.COPYFILE_FICLONE) // Across file systems.
  }
}
