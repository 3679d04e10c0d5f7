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
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { AppError } from '#kernel/index.ts'

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
 * @throws AppError `build/bad-file-name`
 */
export function keepLicenses(stage: string, folder: string, from: LicenseSources): string[] {
  const root = realpathSync(from.source)
  const tops = [...new Set(['.', ...(from.projects ?? [])])]
  const found = tops.flatMap((top) => licensesIn(root, top))
  const chosen =
    found.length > 0 ? found : foldersOf(root, '.').flatMap((below) => licensesIn(root, below))
  const own = join(folder, from.name)
  for (const way of [folder, own]) checkWay(stage, way)
  return [...new Set(chosen)]
    .sort()
    .slice(0, keptMax)
    .map((path) => {
      const kept = join(own, path)
      mkdirSync(join(stage, dirname(kept)), { recursive: true })
      copyFileSync(join(root, path), join(stage, kept))
      chmodSync(join(stage, kept), 0o644)
      return kept
    })
}

/** Licence files go into a folder, where some packages install one file. */
function checkWay(stage: string, path: string): void {
  const there = lstatSync(join(stage, path), { throwIfNoEntry: false })
  const end = statSync(join(stage, path), { throwIfNoEntry: false })
  if (there === undefined || end?.isDirectory() === true) return
  throw new AppError('build/bad-file-name', `/${path} is no folder`, {
    hints: ['Backlot keeps the licence files of the sources there: install yours into it.'],
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
