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

/**
 * @param files Paths relative to the stage, and where those lead that are links.
 * @throws AppError `build/bad-file-name` for the first one that is unusable
 */
export function checkFileNames(
  files: readonly { readonly path: string; readonly link?: string | undefined }[],
): void {
  for (const { path, link = '' } of files) {
    const name = `${path}${link}`
    const what = link === '' ? shown(path) : `${shown(path)} (a link to ${JSON.stringify(link)})`
    if (name.includes('\uFFFD')) throw badFileName(`${what} has a name that is not UTF-8`)
    // oxlint-disable-next-line no-control-regex -- these are what no name may hold
    if (/[\u0000-\u001f\u007f\\]/.test(name))
      throw badFileName(`${what} has a control character or a backslash in its name`)
    if (/(?:^|\/)\.wh\./.test(path))
      throw badFileName(`${what} begins with \`.wh.\`, which removes files of other layers`)
  }
  const clash = caseClash(files.map(({ path }) => path))
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
