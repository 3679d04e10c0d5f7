/**
 * Which names the files of a build may have: those that every system can hold, and tell apart.
 *
 * Not here: layers of others, which the store refuses by rules of its own (`#store`).
 */
import { posix } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { foldCase } from '#store/index.ts'

/** Two of these paths, or of the folders that they lie in, that differ only in case. */
export function caseClash(paths: Iterable<string>): readonly [string, string] | undefined {
  const spelled = new Map<string, string>()
  for (const path of paths)
    for (let part = path; part !== '.'; part = posix.dirname(part)) {
      const key = foldCase(part)
      const other = spelled.get(key)
      if (other === undefined) spelled.set(key, part)
      else if (other !== part) return [other, part]
    }
  return undefined
}

/** @throws AppError `build/bad-file-name` for the first of these relative paths that is unusable */
export function checkFileNames(paths: readonly string[]): void {
  for (const path of paths) {
    if (path.includes('\uFFFD')) throw badFileName(`${shown(path)} has a name that is not UTF-8`)
    // oxlint-disable-next-line no-control-regex -- these are what no name may hold
    if (/[\u0000-\u001f\u007f\\]/.test(path))
      throw badFileName(`${shown(path)} has a control character or a backslash in its name`)
  }
  const clash = caseClash(paths)
  if (clash !== undefined)
    throw badFileName(`${clash.map(shown).join(' and ')} differ only in case`)
}

function shown(path: string): string {
  return JSON.stringify(`/${path}`)
}

function badFileName(message: string): AppError {
  return new AppError('build/bad-file-name', message, {
    hints: ['Rename or remove it in a step: not every system could hold these files.'],
  })
}
