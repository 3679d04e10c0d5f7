/**
 * Digests of source folders that the user works in, without reading unchanged files again.
 *
 * Invariant: a file counts as unchanged when size, inode, change and modification time are the
 * same and none of them is so recent that a later write could have kept it (git's racy index).
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import {
  AppError,
  type Digest,
  digestOf,
  isDigest,
  messageOf,
  readIfPresent,
  rememberFile,
  systemCode,
} from '#kernel/index.ts'
import { type SourceFilter, sourceFilter } from './fetch-other.ts'

const racyMs = 2000

/** Path → stamp and digest. */
const Remembered = z.record(z.string(), z.tuple([z.string(), z.custom<Digest>(isText)]))
type Remembered = z.infer<typeof Remembered>

function isText(value: unknown): boolean {
  return typeof value === 'string' && isDigest(value)
}

/**
 * The digest of a folder's names, modes and contents; what was read is kept in `home`.
 * @throws AppError `build/source-missing` for what cannot be read or is no file, folder or link
 */
export function treeDigest(folder: string, home: string): Digest {
  const top = readable(folder, () => realpathSync(folder))
  const memory = join(
    home,
    'cache',
    'trees',
    `${new Bun.CryptoHasher('sha256').update(folder).digest('hex')}.json`,
  )
  const before = remembered(memory)
  const after: Remembered = {}
  const startedMs = Date.now()
  const lines: string[] = []
  let changed = false
  for (const path of names(top, '', sourceFilter(home))) {
    const absolute = join(top, path)
    const stat = readable(absolute, () => lstatSync(absolute))
    if (stat.isSymbolicLink()) {
      lines.push(`link ${path} ${readlinkSync(absolute)}`)
      continue
    }
    if (!stat.isFile()) throw unusable(absolute, 'it is a pipe, a socket or a device')
    const stamp = `${stat.size} ${stat.ino} ${stat.mtimeMs} ${stat.ctimeMs}`
    const known = before[path]
    const fresh = () => digestOf(readFileSync(absolute))
    const digest = known?.[0] === stamp ? known[1] : readable(absolute, fresh)
    changed ||= known?.[0] !== stamp
    if (startedMs - stat.ctimeMs > racyMs) after[path] = [stamp, digest]
    lines.push(`${(stat.mode & 0o111) === 0 ? 'file' : 'program'} ${path} ${digest}`)
  }
  if (changed) rememberFile(memory, JSON.stringify(after))
  return digestOf(lines.join('\n'))
}

function readable<Found>(path: string, read: () => Found): Found {
  try {
    return read()
  } catch (error) {
    const why = path.includes('\uFFFD')
      ? 'its name is not UTF-8'
      : (systemCode(error) ?? messageOf(error))
    throw unusable(path, why, error)
  }
}

function unusable(path: string, why: string, cause?: unknown): AppError {
  return new AppError('build/source-missing', `${path} cannot be a source: ${why}`, {
    hints: ['Mend it or move it out of the folder that `path:` names, then run this again.'],
    cause,
  })
}

function names(folder: string, under: string, counts: SourceFilter): string[] {
  const inside = join(folder, under)
  return readable(inside, () => readdirSync(inside, { withFileTypes: true }))
    .filter((entry) => counts(inside, entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = under === '' ? entry.name : `${under}/${entry.name}`
      return entry.isDirectory() ? names(folder, path, counts) : [path]
    })
}

function remembered(memory: string): Remembered {
  const bytes = readIfPresent(memory)
  if (bytes === undefined) return {}
  try {
    return Remembered.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return {} // Damaged: that only costs reading the files again.
  }
}
