/**
 * Words that may not be in the repository: hosts of package registries, paths of one machine,
 * marks of unfinished work, references to where the text was written.
 *
 * A pattern never finds itself, because it escapes or brackets what it looks for.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from './source.ts'

const patterns: readonly (readonly [rule: string, pattern: RegExp, message: string])[] = [
  [
    'host',
    /registry\.npm|\.debian\.o|pypi\.o|python[h]osted|static\.crat|proxy\.gola|repo1?\.mav/i,
    'names the host of a package registry: ask the client that is set up',
  ],
  ['machine', /(?<![\w/.$}-])\/(?:[w]ork|[f]arm)\//, 'names a path of one machine'],
  ['unfinished', /\b(?:TO[D]O|FIX[M]E|HA[C]K)\b/, 'marks unfinished work: finish it'],
  [
    'history',
    /(?:\/\/|^\s*\*).*\b(?:issue|pull request) #?\d+/i,
    'a comment tells history: say why the code is as it is',
  ],
]

const read = /(?:\.(?:ts|mjs|js|json|md|ya?ml|sh|toml|py|cmake|txt)|^\.ci\/run|Dockerfile)$/
const exempt = /^(?:test\/data\/|docs\/formats\/fixtures\/|package-lock\.json$|LICENSE)/

/** Forbidden words in one file; files that are not text of ours have none. */
export function wordFindings(root: string, path: string): Finding[] {
  if (!read.test(path) || exempt.test(path)) return []
  const lines = readFileSync(join(root, path), 'utf8').split('\n')
  return lines.flatMap((line, index) =>
    patterns.flatMap(([rule, pattern, message]) =>
      pattern.test(line) ? [{ rule, path, line: index + 1, message }] : [],
    ),
  )
}
