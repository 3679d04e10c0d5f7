/**
 * What a build installed: listing, and the clean-up that makes it the same everywhere.
 *
 * Invariant: afterwards everything is below usr/local, and nothing is left that only makes sense
 * where it was built (libtool files, byte code, pip's notes, times in archives).
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, posix, relative, resolve } from 'node:path'
import { AppError, openFolders, walk } from '#kernel/index.ts'
import { normalizeArchive } from './ar.ts'
import { checkFileNames } from './file-names.ts'
import { keepLicenses, type LicenseSources } from './licenses.ts'

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
  for (const { path: absolute, entry } of walk(stage)) {
    if (entry.isDirectory()) continue
    const link = entry.isSymbolicLink() ? readlinkSync(absolute) : undefined
    found.push({ path: relative(stage, absolute), absolute, link })
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** What was installed, and the sources that it is of. */
interface Installed extends LicenseSources {
  /** How steps saw the stage, where not under its own path. */
  readonly seenStage?: string | undefined
}

/**
 * Cleans the stage of what must not be in a build, and adds the licence files.
 * @throws AppError `build/outside-prefix` also for links that lead out, and what is no file;
 * `build/bad-file-name`
 */
export function tidyStage(stage: string, from: Installed): { licenseFiles: string[] } {
  if (existsSync(stage)) openFolders(stage)
  const files = stagedFiles(stage)
  const outside = files.find((file) => !file.path.startsWith(`${prefix}/`))
  if (outside !== undefined)
    throw new AppError('build/outside-prefix', `/${outside.path} is outside /usr/local`, {
      hints: [
        'Install with the prefix /usr/local; steps find it in $PREFIX, the stage in $DESTDIR.',
      ],
    })
  if (files.every(isLeftover))
    throw new AppError('build/outside-prefix', `${from.name} installed no files`, {
      hints: [
        files.length === 0
          ? 'Does the last step install to $DESTDIR/usr/local?'
          : 'Byte code, .la files and notes of pip are not kept, and there is nothing else.',
      ],
    })
  checkFileNames(files)
  for (const file of files) checkKind(file)
  for (const file of files) if (isLeftover(file)) rmSync(file.absolute)
  for (const file of stagedFiles(stage)) {
    if (file.link !== undefined) {
      relinkInside([stage, from.seenStage ?? stage], file)
      continue
    }
    const mode = lstatSync(file.absolute).mode
    chmodSync(file.absolute, (mode & 0o111) === 0 ? 0o644 : 0o755)
    if (file.path.endsWith('.a')) rewriteWith(normalizeArchive, file.absolute)
    if (/\.(?:gz|tgz|svgz)$/.test(file.path)) rewriteWith(withoutGzipTime, file.absolute)
  }
  for (const file of stagedFiles(stage)) checkLink(stage, file)
  removeEmptyFolders(join(stage, prefix))
  return { licenseFiles: keepLicenses(stage, join(prefix, 'share', 'licenses'), from) }
}

/** Reading a pipe would wait for ever; a layer holds none of these. */
function checkKind({ path, absolute }: StagedFile): void {
  const stat = lstatSync(absolute)
  if (stat.isFile() || stat.isSymbolicLink()) return
  throw new AppError('build/outside-prefix', `/${path} is a pipe, a socket or a device`, {
    hints: ['A build holds files, folders and links; make others when they are used.'],
  })
}

/** Later work writes below the stage, and must not be led out of it by what a step made. */
function checkLink(stage: string, file: StagedFile): void {
  if (file.link === undefined) return
  const top = join(realpathSync(stage), prefix)
  const named = resolve(top, '..', '..', dirname(file.path), file.link)
  const end = existsSync(file.absolute) ? realpathSync(file.absolute) : named
  const isInside = (path: string) => path === top || path.startsWith(`${top}/`)
  if (!isInside(named) || !isInside(end)) throw leadsOut(file)
}

function leadsOut({ path, link = '' }: StagedFile): AppError {
  return new AppError('build/outside-prefix', `The link /${path} leads to ${link}`, {
    hints: ['Links have to stay below /usr/local.'],
  })
}

function isLeftover(file: StagedFile): boolean {
  return (
    /\.(?:la|pyc|pyo)$/.test(file.path) ||
    /\.dist-info\/(?:direct_url\.json|REQUESTED)$/.test(file.path) ||
    file.path === `${prefix}/share/info/dir`
  )
}

/** Links by absolute path would leave a view that is somewhere else; layers hold direct ones only. */
function relinkInside(stages: readonly string[], file: StagedFile): void {
  const target = file.link ?? ''
  if (!target.startsWith('/')) return isRoundabout(target) ? straighten(file, target) : undefined
  const stage = stages.find((one) => target.startsWith(`${one}/`)) ?? ''
  const inside = target.slice(stage.length)
  if (!inside.startsWith(`/${prefix}/`)) throw leadsOut(file)
  relink(file, relative(dirname(`/${file.path}`), inside))
}

/** `sub/../x`, `.//x` and `./`: goes down before it climbs, or begins with nothing. */
function isRoundabout(target: string): boolean {
  return /^\.\/(?:\/|$)|(?:^|\/)(?!\.{1,2}\/)[^/]+\/(?:\.\/)*\.\.(?:\/|$)/.test(target)
}

/** Where the system sees it, since `sub` may be a link; else as it is written. */
function straighten(file: StagedFile, target: string): void {
  const here = dirname(file.absolute)
  const written = `${here}/${target}`
  const way = existsSync(dirname(written))
    ? relative(
        realpathSync.native(here),
        join(realpathSync.native(dirname(written)), basename(target)),
      )
    : posix.normalize(target)
  relink(file, way === '' ? '.' : way)
}

function relink({ absolute }: StagedFile, target: string): void {
  rmSync(absolute)
  symlinkSync(target, absolute)
}

function rewriteWith(normalize: (bytes: Uint8Array) => boolean, path: string): void {
  const bytes = readFileSync(path)
  if (normalize(bytes)) writeFileSync(path, bytes)
}

/** Manual pages are packed by `gzip`, which writes down when. Source: RFC 1952, 2.3. */
function withoutGzipTime(bytes: Uint8Array): boolean {
  if (bytes.byteLength < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b) return false
  bytes.fill(0, 4, 8)
  return true
}

function removeEmptyFolders(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name))
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}
