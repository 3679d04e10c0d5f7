/**
 * The text files of a project, which anybody may have written: reading and replacing them.
 *
 * Invariant: what is read is a file, no larger than its kind may be, and UTF-8; so a pipe is not
 * waited for unless it was named, and no byte is lost when the text is written back.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { AppError, limits, systemCode, writeFileAtomic } from '#kernel/index.ts'

const kinds = {
  project: {
    bytesMax: limits.recipeBytesMax,
    code: 'model/bad-file',
    hint: 'docs/formats/backlot-yaml.md describes what is in it.',
  },
  lockfile: {
    bytesMax: limits.lockfileBytesMax,
    code: 'model/bad-lockfile',
    hint: 'Where there is none, `backlot lock` writes it anew.',
  },
} as const

/** A backlot.yaml, or a backlot.lock. */
export type TextFileKind = keyof typeof kinds

/**
 * The text of a file, without a byte order mark; undefined when there is none.
 * @throws AppError `model/bad-file`, for a lockfile `model/bad-lockfile`
 */
export function readTextFile(
  path: string,
  kind: TextFileKind,
  options: { readonly mayBePipe?: boolean } = {},
): string | undefined {
  const { bytesMax } = kinds[kind]
  const tooLarge = (size: number) =>
    unreadable(path, kind, `it has ${size} bytes, and ${bytesMax} are the most`)
  let bytes: Uint8Array
  try {
    const stats = statSync(path)
    if (stats.isDirectory()) throw unreadable(path, kind, 'it is a folder')
    const isPipe = stats.isFIFO() && options.mayBePipe === true
    if (!stats.isFile() && !isPipe) throw unreadable(path, kind, 'it is a pipe or a device')
    if (stats.size > bytesMax) throw tooLarge(stats.size)
    bytes = readFileSync(path)
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const why = refusals[code]
    throw why === undefined ? error : unreadable(path, kind, why, error)
  }
  if (bytes.byteLength > bytesMax) throw tooLarge(bytes.byteLength)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw unreadable(path, kind, 'it is not text in UTF-8', error)
  }
}

/**
 * Writes such a file whole. A link stays one, what it leads to is replaced; and what the file's
 * owner lets others do with it stays as it was.
 * @throws AppError `kernel/no-space`, `kernel/read-only`
 */
export function writeTextFile(path: string, text: string): void {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) writeFileAtomic(path, text)
  else writeFileAtomic(realpathSync(path), text, stats.mode & 0o777)
}

const refusals: Readonly<Record<string, string>> = {
  EACCES: 'it may not be read',
  EPERM: 'it may not be read',
  ELOOP: 'it is a link that leads to itself',
}

function unreadable(path: string, kind: TextFileKind, why: string, cause?: unknown): AppError {
  const { code, hint } = kinds[kind]
  return new AppError(code, `${path} cannot be read: ${why}`, {
    hints: ['Move it away or mend it, then run this again.', hint],
    cause,
  })
}
