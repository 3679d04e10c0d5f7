/**
 * Unpacking source archives that nobody vouches for.
 *
 * Invariant: nothing is written outside the folder: every path is checked before it is used, links
 * are made last and must stay inside, and devices are refused. On an error the folder is removed.
 * Not here: reading the formats (`tar.ts`, `zip.ts`); layers of builds (`#store`).
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { AppError, explained, run, systemCode, which } from '#kernel/index.ts'
import { caseClash } from './file-names.ts'
import { type ArchiveEntry, beginsAsTar, readTar } from './tar.ts'
import { isZip, readZip } from './zip.ts'

const unpackedBytesMax = 4 * 1024 ** 3 - 1
const entriesMax = 500_000

export interface UnpackOptions {
  /** What messages call the archive; the file itself may be named by its hash. */
  readonly name?: string | undefined
  /** Leading path components to drop, as with `tar --strip-components`. */
  readonly strip: number
  /** `PATH` to find `xz` and `bzip2` on. */
  readonly path: string
  readonly signal?: AbortSignal | undefined
  /** The most that it may take when it is unpacked; just below 4 GiB when absent. */
  readonly sizeBytesMax?: number
}

/**
 * Unpacks an archive (tar, tar.gz, tar.xz, tar.bz2, tar.zst, zip) into a new or existing folder.
 * @returns The newest modification time in it, seconds since 1970, for `SOURCE_DATE_EPOCH`.
 * @throws AppError `build/bad-archive`
 */
export async function unpackArchive(
  archive: string,
  folder: string,
  options: UnpackOptions,
): Promise<{ newestSeconds: number; files: number }> {
  const name = options.name ?? basename(archive)
  const entries = await entriesOf(archive, { ...options, name })
  try {
    const result = extract(entries, folder)
    checkLinks(name, folder, entries)
    return result
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    if (['EISDIR', 'ENOTDIR', 'EEXIST', 'ERR_FS_EISDIR'].includes(systemCode(error) ?? ''))
      throw bad(name, "two of its entries are in each other's way", error)
    if (systemCode(error) === 'ENAMETOOLONG') throw bad(name, 'a name in it is too long', error)
    throw explained(error, folder)
  }
}

/** Links through links may still lead out, which names alone do not tell. */
function checkLinks(name: string, folder: string, entries: readonly ArchiveEntry[]): void {
  const root = realpathSync(folder)
  for (const entry of entries) {
    const path = join(folder, entry.path)
    if (entry.type !== 'symlink' || !existsSync(path)) continue
    const end = realpathSync(path)
    if (end !== root && !end.startsWith(`${root}/`))
      throw bad(name, `the link '${entry.path}' leads out of the folder`)
  }
}

function* checkedEntries(
  name: string,
  entries: Iterable<ArchiveEntry>,
  strip: number,
): Generator<ArchiveEntry> {
  const links = new Set<string>()
  const filesSeen = new Set<string>()
  let count = 0
  for (const entry of entries) {
    count += 1
    if (count > entriesMax) throw bad(name, `it has more than ${entriesMax} entries`)
    const path = stripped(name, entry.path, strip)
    if (path === undefined) continue
    for (let parent = posix.dirname(path); parent !== '.'; parent = posix.dirname(parent))
      if (links.has(parent)) throw bad(name, `'${path}' goes through the link '${parent}'`)
    if (entry.type === 'other') throw bad(name, `'${path}' is a device, a pipe or unknown`)
    if (entry.type === 'symlink') {
      checkLink(name, path, entry.target)
      links.add(path)
    } else links.delete(path)
    const target = entry.type === 'hardlink' ? stripped(name, entry.target, strip) : entry.target
    if (entry.type === 'file') filesSeen.add(path)
    if (target === undefined || (entry.type === 'hardlink' && !filesSeen.has(target)))
      throw bad(name, `'${path}' is a link to '${entry.target}'`)
    yield { ...entry, path, target }
  }
}

function stripped(name: string, path: string, strip: number): string | undefined {
  if (path.includes('\0') || path.includes('\\'))
    throw bad(name, 'a name in it has a NUL or a backslash')
  if (path.startsWith('/')) throw bad(name, `'${path}' is an absolute path`)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw bad(name, `'${path}' leaves the folder`)
  const rest = parts.slice(strip)
  return rest.length === 0 ? undefined : rest.join('/')
}

function checkLink(name: string, path: string, target: string): void {
  const end = posix.normalize(posix.join(posix.dirname(path), target))
  if (target.startsWith('/') || end === '..' || end.startsWith('../'))
    throw bad(name, `the link '${path}' leads out of the folder, to '${target}'`)
}

function extract(entries: readonly ArchiveEntry[], folder: string) {
  mkdirSync(folder, { recursive: true })
  let newestSeconds = 0
  let files = 0
  const symlinks: ArchiveEntry[] = []
  for (const entry of entries) {
    const path = join(folder, entry.path)
    if (entry.type === 'dir') mkdirSync(path, { recursive: true })
    else if (entry.type === 'file') {
      mkdirSync(dirname(path), { recursive: true })
      rmSync(path, { force: true }) // A later entry of the same name wins, as with tar.
      writeFileSync(path, entry.read())
      chmodSync(path, entry.executable ? 0o755 : 0o644)
      utimesSync(path, entry.modifiedSeconds, entry.modifiedSeconds)
      newestSeconds = Math.max(newestSeconds, entry.modifiedSeconds)
      files += 1
    } else if (entry.type === 'hardlink') {
      mkdirSync(dirname(path), { recursive: true })
      rmSync(path, { force: true })
      linkSync(join(folder, entry.target), path)
    } else symlinks.push(entry)
  }
  for (const entry of symlinks) {
    const path = join(folder, entry.path)
    mkdirSync(dirname(path), { recursive: true })
    rmSync(path, { force: true })
    symlinkSync(entry.target, path)
  }
  return { newestSeconds, files }
}

async function entriesOf(archive: string, options: Named): Promise<ArchiveEntry[]> {
  const bytes = readFileSync(archive)
  const { name, strip, sizeBytesMax = unpackedBytesMax } = options
  const zipped = isZip(bytes)
  const found = zipped
    ? readZip(bytes, { sizeBytesMax, entriesMax }, (why) => bad(name, why))
    : readTar(await decompressed(archive, bytes, { ...options, sizeBytesMax }), name)
  const entries = [...checkedEntries(name, found, strip)]
  if (zipped) checkClashes(name, entries)
  if (entries.every(({ type }) => type === 'dir'))
    throw bad(name, strip === 0 ? 'it holds no file' : `no file is left with \`strip: ${strip}\``)
  return entries
}

/**
 * In a zip, which has no order, a name may be there once; and it comes from systems that do not
 * tell case apart: what would be one file there and two here is refused.
 */
function checkClashes(name: string, entries: readonly ArchiveEntry[]): void {
  const seen = new Set<string>()
  for (const { path, type } of entries) {
    if (type !== 'dir' && seen.has(path)) throw bad(name, `'${path}' is in it twice`)
    if (type !== 'dir') seen.add(path)
  }
  const clash = caseClash(entries.map(({ path }) => path))
  if (clash !== undefined) throw bad(name, `'${clash.join("' and '")}' differ only in case`)
}

type Named = UnpackOptions & { readonly name: string }
type Limited = Named & Required<Pick<UnpackOptions, 'sizeBytesMax'>>

async function decompressed(archive: string, bytes: Buffer, options: Limited): Promise<Uint8Array> {
  const { name } = options
  const starts = (...magic: number[]) => magic.every((byte, at) => bytes[at] === byte)
  const atOnce = { maxOutputLength: options.sizeBytesMax, chunkSize: 1024 * 1024 }
  try {
    if (starts(0x1f, 0x8b)) return gunzipSync(bytes, atOnce)
    if (starts(0x28, 0xb5, 0x2f, 0xfd)) return zstdDecompressSync(bytes, atOnce)
    if (starts(0xfd, 0x37, 0x7a, 0x58)) return await piped('xz', archive, options)
    if (starts(0x42, 0x5a, 0x68)) return await piped('bzip2', archive, options)
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(options)
    const told = explained(error, archive)
    if (told instanceof AppError && told.code !== 'kernel/program-failed') throw told
    throw bad(name, 'it is damaged or cut short', error)
  }
  if (beginsAsTar(bytes)) return bytes
  throw bad(name, 'it is neither a tar archive (plain, gzip, xz, bzip2 or zstd) nor a zip')
}

/** Counts blocks of 512 bytes, one more than there may be: who writes on is ended. */
const limitedPipe = 'ulimit -f "$3" && exec "$4" -dc < "$1" > "$2"'

/** By way of a file beside the archive, because captured output is text. */
async function piped(program: string, archive: string, options: Limited): Promise<Uint8Array> {
  if (which(program, options.path) === undefined)
    throw new AppError('kernel/program-missing', `Cannot run ${program}: it was not found`, {
      hints: [`Install ${program}, which unpacks ${options.name}.`],
    })
  const out = `${archive}.${process.pid}.tar`
  const blocks = String(Math.ceil(options.sizeBytesMax / 512) + 1)
  const env = { PATH: options.path, LC_ALL: 'C' }
  try {
    writeFileSync(out, '')
    const argv = ['/bin/sh', '-c', limitedPipe, 'sh', archive, out, blocks, program]
    const { exitCode, stderr } = await run(argv, { env, signal: options.signal })
    if (statSync(out).size > options.sizeBytesMax) throw tooLarge(options)
    if (exitCode === 0) return readFileSync(out)
    if (stderr.includes('No space left on device'))
      throw explained(Object.assign(new Error(stderr), { code: 'ENOSPC' }), out)
    throw new AppError('kernel/program-failed', `${program} ended with ${exitCode}: ${stderr}`)
  } finally {
    rmSync(out, { force: true })
  }
}

function tooLarge({ name, sizeBytesMax }: Limited): AppError {
  return bad(name, `it unpacks to more than ${sizeBytesMax} B`)
}

function bad(name: string, why: string, cause?: unknown): AppError {
  return new AppError('build/bad-archive', `Source archive ${name} was refused: ${why}`, {
    hints: ['Look into the archive by hand, and mend the recipe or take another source.'],
    cause,
  })
}
