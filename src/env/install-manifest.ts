/**
 * The list of what an install put into a folder, kept beside the files.
 *
 * Invariant: whatever lies in the folder and is not in the list is not ours. While an install
 * runs, the list names the old and the new content of each path, so that a crash at any moment
 * leaves nothing that the next install or removal does not know.
 * Not here: copying and removing (`install.ts`).
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs'
import { z } from 'zod'
import { AppError, systemCode, writeFileAtomic } from '#kernel/index.ts'

/** One file or link. `states`: what it may hold, as `stateOf` tells it; two while a run replaces it. */
const Entry = z.strictObject({
  path: z.string().min(1),
  states: z.array(z.string()).min(1),
  /** The content that it was made from, before its prefix was rewritten. */
  source: z.string(),
})

const Manifest = z.strictObject({
  format: z.literal(1),
  name: z.string(),
  entries: z.array(Entry),
  /** Folders that we made, parents first. */
  folders: z.array(z.string()),
})

export type InstalledEntry = Readonly<z.infer<typeof Entry>>
export type InstallManifest = Readonly<z.infer<typeof Manifest>>

export const emptyManifest: InstallManifest = { format: 1, name: '', entries: [], folders: [] }

/** The folder in the destination that holds the list, a lock and files on their way. */
export const ownFolder = '.backlot'

const manifestPath = (destination: string): string => `${destination}/${ownFolder}/installed.json`
const paths = /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))/

/** @throws AppError `env/bad-manifest` */
export function readInstalled(destination: string): InstallManifest | undefined {
  const path = manifestPath(destination)
  try {
    const manifest = Manifest.parse(JSON.parse(readFileSync(path, 'utf8')))
    const all = [...manifest.folders, ...manifest.entries.map((entry) => entry.path)]
    if (!all.every((one) => paths.test(one))) throw new TypeError('a path leaves the folder')
    return manifest
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR') return undefined
    throw new AppError('env/bad-manifest', `${path} cannot be read, so nothing was changed`, {
      hints: ['Restore the file, or remove it and the files of the environment by hand.'],
      cause,
    })
  }
}

/** Writes the list, durable on return. @throws AppError `kernel/read-only`, `kernel/no-space` */
export function writeInstalled(destination: string, manifest: InstallManifest): void {
  writeFileAtomic(manifestPath(destination), `${JSON.stringify(manifest)}\n`)
}

/**
 * What a path holds, as text that is equal for equal content: `file:MODE:SHA256`, `link:TARGET`,
 * `folder` or `other`; undefined where there is nothing.
 */
export function stateOf(path: string): string | undefined {
  const found = lookAt(path)
  if (found === undefined) return undefined
  if (found.isSymbolicLink()) return `link:${readlinkSync(path)}`
  if (found.isDirectory()) return 'folder'
  if (!found.isFile()) return 'other'
  return `file:${(found.mode & 0o111) === 0 ? '644' : '755'}:${hashOf(path)}`
}

/** Like lstat, undefined also where the path goes through a file. */
export function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function hashOf(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024)
    for (let at = 0; ; ) {
      const read = readSync(file, buffer, 0, buffer.byteLength, at)
      if (read === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, read))
      at += read
    }
  } finally {
    closeSync(file)
  }
}
