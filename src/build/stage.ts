/**
 * What a build installed: listing, and the clean-up that makes it the same everywhere.
 *
 * Invariant: afterwards everything is below usr/local, and nothing is left that only makes sense
 * where it was built (libtool files, byte code, pip's notes, times in archives).
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { normalizeArchive } from './ar.ts'

/** A file or link of the stage. */
export interface StagedFile {
  /** Relative to the stage: `usr/local/…`. */
  readonly path: string
  readonly absolute: string
  /** Where a symbolic link leads; undefined for a file. */
  readonly link: string | undefined
}

export const prefix = 'usr/local'

/** All files and links, sorted by path. */
export function stagedFiles(stage: string): StagedFile[] {
  const found: StagedFile[] = []
  if (!existsSync(stage)) return found
  for (const entry of readdirSync(stage, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) continue
    const absolute = join(entry.parentPath, entry.name)
    const link = entry.isSymbolicLink() ? readlinkSync(absolute) : undefined
    found.push({ path: relative(stage, absolute), absolute, link })
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/**
 * Cleans the stage of what must not be in a build, and adds the licence files.
 * @throws AppError `build/outside-prefix`
 */
export function tidyStage(
  stage: string,
  from: { readonly source: string; readonly name: string },
): { licenseFiles: string[] } {
  const files = stagedFiles(stage)
  const outside = files.find((file) => !file.path.startsWith(`${prefix}/`))
  if (outside !== undefined)
    throw new AppError('build/outside-prefix', `/${outside.path} is outside /usr/local`, {
      hints: [
        'Install with the prefix /usr/local; steps find it in $PREFIX, the stage in $DESTDIR.',
      ],
    })
  if (files.length === 0)
    throw new AppError('build/outside-prefix', `${from.name} installed no files`, {
      hints: ['Does the last step install to $DESTDIR/usr/local?'],
    })
  for (const file of files) if (isLeftover(file)) rmSync(file.absolute)
  for (const file of stagedFiles(stage)) {
    if (file.link !== undefined) {
      relinkInside(stage, file)
      continue
    }
    if (file.path.endsWith('.a')) normalizeArchiveFile(file.absolute)
    if (file.path.endsWith('.dist-info/RECORD')) withoutLeftovers(file.absolute)
    const mode = lstatSync(file.absolute).mode
    chmodSync(file.absolute, (mode & 0o111) === 0 ? 0o644 : 0o755)
  }
  removeEmptyFolders(join(stage, prefix))
  return { licenseFiles: keepLicenses(stage, from) }
}

function isLeftover(file: StagedFile): boolean {
  return (
    /\.(?:la|pyc|pyo)$/.test(file.path) ||
    /\.dist-info\/(?:direct_url\.json|REQUESTED)$/.test(file.path) ||
    file.path === `${prefix}/share/info/dir`
  )
}

/** Links by absolute path would leave a view that is somewhere else. */
function relinkInside(stage: string, file: StagedFile): void {
  const target = file.link ?? ''
  if (!target.startsWith('/')) return
  const inside = target.startsWith(`${stage}/`) ? target.slice(stage.length) : target
  if (!inside.startsWith(`/${prefix}/`))
    throw new AppError('build/outside-prefix', `The link /${file.path} leads to ${target}`, {
      hints: ['Links have to stay below /usr/local.'],
    })
  rmSync(file.absolute)
  const to = relative(dirname(`/${file.path}`), inside)
  symlinkSync(to, file.absolute)
}

function normalizeArchiveFile(path: string): void {
  const bytes = readFileSync(path)
  if (normalizeArchive(bytes)) writeFileSync(path, bytes)
}

/** pip lists what it installed; the lines of what was removed go too. */
function withoutLeftovers(record: string): void {
  const kept = readFileSync(record, 'utf8')
    .split('\n')
    .filter((line) => !/direct_url\.json,|\/REQUESTED,|\.pyc,/.test(line))
    .map((line) => line.replace(/^(?:\.\.\/)*bin\//, '../../../bin/'))
  writeFileSync(record, kept.join('\n'))
}

function removeEmptyFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name))
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

const licenseName = /^(?:licen[cs]es?|copying|copyright|notice|authors|patents)(?:[.-].*)?$/i

/** Copies LICENSE, COPYING and their like from the top of the sources. */
function keepLicenses(
  stage: string,
  from: { readonly source: string; readonly name: string },
): string[] {
  const folder = join(prefix, 'share', 'licenses', from.name)
  const kept: string[] = []
  for (const name of readdirSync(from.source).sort()) {
    const path = join(from.source, name)
    if (!licenseName.test(name) || !lstatSync(path).isFile()) continue
    mkdirSync(join(stage, folder), { recursive: true })
    copyFileSync(path, join(stage, folder, basename(name)))
    chmodSync(join(stage, folder, basename(name)), 0o644)
    kept.push(join(folder, basename(name)))
  }
  return kept
}
