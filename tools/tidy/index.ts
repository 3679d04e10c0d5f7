/**
 * The house rules, checked: floors, doors, sizes, headers, names, words.
 *
 * Not here: formatting, lint and types, which have programs of their own.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importFindings, isTest, roomOf } from './floors.ts'
import { shapeFindings } from './shape.ts'
import { type Finding, filesBelow, parseSource } from './source.ts'
import { wordFindings } from './words.ts'

export { floors } from './floors.ts'
export type { Finding } from './source.ts'

const checked = /^(?:src|test|tools|bench)\/.*\.[cm]?[jt]sx?$/
const exempt = /^test\/data\//

/** All broken rules of the repository at `root`, by path and line. */
export function tidy(root: string): Finding[] {
  const paths = filesBelow(root)
  const files = paths
    .filter((path) => checked.test(path) && !exempt.test(path))
    .map((path) => parseSource(root, path))
  return [
    ...importFindings(files, dependencies(root)),
    ...files.flatMap(shapeFindings),
    ...roomsWithoutTests(paths),
    ...paths.flatMap((path) => wordFindings(root, path)),
  ].sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line)
}

/** One line as editors understand it. */
export function formatFinding({ path, line, rule, message }: Finding): string {
  return `${path}:${line}: ${rule}: ${message}`
}

function dependencies(root: string): Set<string> {
  const text = readFileSync(join(root, 'package.json'), 'utf8')
  const parsed: unknown = JSON.parse(text)
  if (typeof parsed !== 'object' || parsed === null || !('dependencies' in parsed)) return new Set()
  return new Set(Object.keys(parsed.dependencies ?? {}))
}

/** A room that has code has a test beside it. */
function roomsWithoutTests(paths: readonly string[]): Finding[] {
  const rooms = new Set(paths.flatMap((path) => roomOf(path) ?? []))
  rooms.delete('main')
  return [...rooms].flatMap((room) => {
    const own = paths.filter((path) => roomOf(path) === room)
    if (own.some(isTest)) return []
    return [{ rule: 'test', path: own[0] ?? room, line: 1, message: `${room} has no test` }]
  })
}
