/**
 * The lists of files that pip leaves with each Python package (`NAME.dist-info/RECORD`).
 *
 * Invariant: afterwards a list names what is installed, where it is, with its hash and size: byte
 * code and notes that were removed are not in it, and a library whose search path was written over
 * has the hash that it has now.
 * Source: PEP 376 and the packaging specification "Recording installed projects".
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import type { StagedFile } from './stage.ts'

/** Programs and data are not where pip was told to install; it counts from there. */
const moved = /^(?:\.\.\/)+(bin|etc|include|share)\//

/** Mends the lists of these files, which are all that is installed. */
export function settleRecords(files: readonly StagedFile[]): void {
  const installed = new Map(files.map((file) => [file.path, file]))
  for (const { path, absolute } of files) {
    if (!path.endsWith('.dist-info/RECORD')) continue
    const site = posix.dirname(posix.dirname(path))
    const lines = readFileSync(absolute, 'utf8').split(/\r?\n/)
    const kept = lines.flatMap((line) => settled(line, site, installed))
    writeFileSync(absolute, `${kept.join('\n')}\n`)
  }
}

/** `PATH,sha256=HASH,SIZE`; the list itself has neither hash nor size. */
function settled(
  line: string,
  site: string,
  installed: ReadonlyMap<string, StagedFile>,
): readonly string[] {
  const [, written = '', hash = ''] = /^(.*),([^,]*),[^,]*$/.exec(line) ?? []
  const isQuoted = written.startsWith('"')
  const name = isQuoted ? written.slice(1, -1).replaceAll('""', '"') : written
  const path = name.replace(moved, '../../../$1/')
  const file = installed.get(posix.join(site, path))
  if (name === '' || file === undefined) return []
  const shown = isQuoted ? `"${path.replaceAll('"', '""')}"` : path
  if (hash === '' || file.link !== undefined) return [`${shown},,`]
  const bytes = readFileSync(file.absolute)
  const digest = new Bun.CryptoHasher('sha256').update(bytes).digest('base64url')
  return [`${shown},sha256=${digest},${bytes.byteLength}`]
}
