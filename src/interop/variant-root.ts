/**
 * Where a variant's files lie: base, sub-folder, root.
 *
 * Source: rez 3.4 `package_resources.py` (`VariantResourceHelper`), `filesystem.py`.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { formatRequirement, parseRequirement } from '#model/index.ts'

/** The folder of a package; a combined file has none. */
export function packageBase(repository: string, file: string): string | undefined {
  const end = file.lastIndexOf('/')
  return end < 0 ? undefined : join(repository, file.slice(0, end))
}

/** Sub-folder of a variant below its base: one folder for each of its requirements. */
export function plainSubpath(requires: readonly string[]): string {
  return requires.map(canonical).join('/')
}

/** Sub-folder of a hashed variant: its short link where there is one, else the hash. */
export function hashedSubpath(base: string | undefined, requires: readonly string[]): string {
  const list = `[${requires.map((text) => pythonText(canonical(text))).join(', ')}]`
  const hash = createHash('sha1').update(list).digest('hex')
  const link = base === undefined ? undefined : shortLink(base, hash)
  return link === undefined ? hash : `${linkFolder}/${link}`
}

const linkFolder = '_v'

function shortLink(base: string, hash: string): string | undefined {
  const folder = join(base, linkFolder)
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isSymbolicLink())
      .find(({ name }) => resolve(folder, readlinkSync(join(folder, name))) === join(base, hash))
      ?.name
  } catch {
    return undefined // No links, or none that may be looked at.
  }
}

function canonical(text: string): string {
  return formatRequirement(parseRequirement(text, 'rez'), 'rez')
}

/** Python's `repr` of a text that is a requirement: no quotes, no control characters. */
function pythonText(text: string): string {
  return `'${text}'`
}
