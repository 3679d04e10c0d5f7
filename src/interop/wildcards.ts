/**
 * Wildcards in requirements: `boost-1.*` becomes the newest 1.x there is, with as many parts as
 * were written; `**` stands for all parts.
 *
 * Invariant: what has no wildcard stays as it is. A wildcard that does not end a version, or stands
 * for a part of a token, is left, and is no requirement then.
 * Source: rez 3.4 `package_py_utils.py`, `expand_requirement`.
 */
import { parseRange, type VersionSet } from '#model/index.ts'

/** The newest version of a package in a set, as text; undefined when there is none. */
export type Latest = (name: string, versions: VersionSet) => string | undefined

const wildVersion =
  /(?<![A-Za-z0-9_.*-])((?:[A-Za-z0-9_]+[.-])*)(\*\*|\*(?:[.-]\*)*)(?![A-Za-z0-9_*]|[.-][A-Za-z0-9_*])/g
const tokens = /[A-Za-z0-9_]+/g

export function hasWildcard(requirement: string): boolean {
  return requirement.includes('*')
}

/** The requirement with its wildcards replaced. @throws AppError `model/bad-range` */
export function expandWildcards(requirement: string, latest: Latest): string {
  const [, head = '', name = '', separator = '', range = ''] =
    /^([!~]?)([^-@#=<>]*)([-@#]?)(.*)$/s.exec(requirement.trim()) ?? []
  const expanded = range.replaceAll(wildVersion, (_all, prefix: string, wild: string) => {
    const start = prefix.replace(/[.-]$/, '')
    const found = latest(name, parseRange(start, 'rez'))
    if (found === undefined) return start
    if (wild === '**') return found
    const parts = (prefix.match(tokens)?.length ?? 0) + wild.split('*').length - 1
    return firstTokens(found, parts)
  })
  return expanded === '' ? head + name : head + name + separator + expanded
}

function firstTokens(version: string, count: number): string {
  const all = [...version.matchAll(tokens)]
  const last = all[count - 1] ?? all.at(-1)
  return last === undefined ? version : version.slice(0, last.index + last[0].length)
}
