/**
 * The licence files of the sources, kept in the build at share/licenses/NAME.
 *
 * Invariant: what is kept are files of the sources themselves; a link that leads out of them is
 * not followed.
 * Source: the names that SPDX's and REUSE's tools look for.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const fileName =
  /^(?:(?:[a-z0-9.]+[-_.])?(?:un)?licen[cs]es?|copying|copyright|notice|authors|patents)(?:[-_.].*)?$/i
const folderName = /^(?:licen[cs]es?|legal)$/i
const codeName = /\.(?:c|cc|cpp|h|hpp|cmake|js|py|sh|in|rb|pl)$/i
const keptMax = 500

export interface LicenseSources {
  readonly source: string
  readonly name: string
  /** Folders of the sources that are a project of their own, relative: what `into` names. */
  readonly projects?: readonly string[] | undefined
}

/**
 * Copies licence files into `folder` of the stage: from the top of the sources and of each project
 * in them, and from folders named LICENSES; where there are none, from one folder further down.
 * @returns Their paths relative to the stage.
 */
export function keepLicenses(stage: string, folder: string, from: LicenseSources): string[] {
  const root = realpathSync(from.source)
  const tops = [...new Set(['.', ...(from.projects ?? [])])]
  const found = tops.flatMap((top) => licensesIn(root, top))
  const chosen =
    found.length > 0 ? found : foldersOf(root, '.').flatMap((below) => licensesIn(root, below))
  return [...new Set(chosen)]
    .sort()
    .slice(0, keptMax)
    .map((path) => {
      const kept = join(folder, from.name, path)
      mkdirSync(join(stage, dirname(kept)), { recursive: true })
      copyFileSync(join(root, path), join(stage, kept))
      chmodSync(join(stage, kept), 0o644)
      return kept
    })
}

/** Relative to the root of the sources. */
function licensesIn(root: string, top: string): string[] {
  return namesIn(root, top).flatMap((name) => {
    const path = join(top, name)
    if (fileName.test(name) && !codeName.test(name) && isFileOf(root, path)) return [path]
    return folderName.test(name) ? filesBelow(root, path) : []
  })
}

function filesBelow(root: string, top: string): string[] {
  const files = namesIn(root, top).map((name) => join(top, name))
  return files.filter((path) => !codeName.test(path) && isFileOf(root, path))
}

function foldersOf(root: string, top: string): string[] {
  return namesIn(root, top)
    .map((name) => join(top, name))
    .filter((path) => statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true)
}

function namesIn(root: string, top: string): string[] {
  const folder = resolve(root, top)
  if (!existsSync(folder) || !isInside(root, realpathSync(folder))) return []
  return statSync(folder).isDirectory() ? readdirSync(folder).sort() : []
}

function isFileOf(root: string, path: string): boolean {
  const absolute = join(root, path)
  if (statSync(absolute, { throwIfNoEntry: false })?.isFile() !== true) return false
  return isInside(root, realpathSync(absolute))
}

function isInside(root: string, path: string): boolean {
  return path === root || (path.startsWith(root + sep) && !relative(root, path).startsWith('..'))
}
