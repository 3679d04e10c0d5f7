/**
 * Reading the text files of a project, which anybody may have written.
 *
 * Invariant: what is read is a file, no larger than its kind may be, and UTF-8; so a pipe is not
 * waited for, and no byte is lost when the text is written back.
 */
import { readFileSync, statSync } from 'node:fs'
import { AppError, systemCode } from '#kernel/index.ts'

/**
 * The text of a file, without a byte order mark; undefined when there is none.
 * @throws AppError `model/bad-file`, for a lockfile `model/bad-lockfile`
 */
export function readTextFile(path: string, bytesMax: number): string | undefined {
  let bytes: Uint8Array
  try {
    const stats = statSync(path)
    if (stats.isDirectory()) throw unreadable(path, 'it is a folder')
    if (!stats.isFile()) throw unreadable(path, 'it is a pipe or a device')
    if (stats.size > bytesMax)
      throw unreadable(path, `it has ${stats.size} bytes, and ${bytesMax} are the most`)
    bytes = readFileSync(path)
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const why = refusals[code]
    throw why === undefined ? error : unreadable(path, why, error)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw unreadable(path, 'it is not text in UTF-8', error)
  }
}

const refusals: Readonly<Record<string, string>> = {
  EACCES: 'it may not be read',
  EPERM: 'it may not be read',
  ELOOP: 'it is a link that leads to itself',
}

function unreadable(path: string, why: string, cause?: unknown): AppError {
  const isLock = path.endsWith('.lock')
  const code = isLock ? 'model/bad-lockfile' : 'model/bad-file'
  return new AppError(code, `${path} cannot be read: ${why}`, {
    hints: [
      'Move it away or mend it, then run this again.',
      isLock
        ? 'Where there is none, `backlot lock` writes it anew.'
        : 'docs/formats/backlot-yaml.md describes what is in it.',
    ],
    cause,
  })
}
