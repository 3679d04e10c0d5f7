/**
 * Versions, as keys that sort as the versions do.
 *
 * Invariant: for versions a and b, `a.key < b.key` (plain JavaScript string order) exactly when a
 * sorts before b; equal keys mean equal versions, whatever separators their texts have.
 * Rez's scheme: tokens of letters, digits and `_` between single `.` or `-`; a token is runs of
 * letters (ASCII order) and of digits (numeric, more zero-padding first), letters before digits, a
 * prefix before what is longer. Native: the same, but a token that starts with a pre-release word
 * sorts before the end of the version. Source: rez 3.4 `rez/version`, docs/formats/versions.md.
 * Not here: ranges.
 */
import { AppError } from '#kernel/index.ts'

export type Scheme = 'native' | 'rez'

export interface Version {
  /** As it was written. */
  readonly text: string
  /** Sorts as the version does, whatever the scheme. */
  readonly key: string
}

const versionLengthMax = 200
const tokenSeparator = /[.-]/
const tokenPattern = /^[A-Za-z0-9_]+$/
const runPattern = /[0-9]+|[A-Za-z_]+/g
const prereleaseWords: ReadonlySet<string> = new Set(['alpha', 'beta', 'dev', 'pre', 'rc'])

// One character each, in the order that the comparison needs at the place where each occurs:
// at the start of a token: pre-release < end of version < letters < digits;
// after a run of digits: padding < end of token < letters < padding of zero.
const marks = {
  prerelease: ' ',
  padding: ' ',
  versionEnd: '!',
  tokenEnd: '"',
  letters: '#',
  digits: '$',
  zeroPadding: '%',
} as const

/** The version of a text. @throws AppError `model/bad-version` */
export function parseVersion(text: string, scheme: Scheme = 'native'): Version {
  if (text.length > versionLengthMax) throw badVersion(text, `more than ${versionLengthMax} long`)
  if (text === '') {
    if (scheme === 'native') throw badVersion(text, 'empty')
    return { text, key: marks.versionEnd }
  }
  let key = ''
  for (const [index, token] of text.split(tokenSeparator).entries()) {
    if (!tokenPattern.test(token))
      throw badVersion(text, token === '' ? 'a part of it is empty' : `it holds '${token}'`)
    key += tokenKey(token, scheme === 'native', index > 0)
  }
  return { text, key: key + marks.versionEnd }
}

/** Whether the text is a version of the scheme. */
export function isVersion(text: string, scheme: Scheme = 'native'): boolean {
  if (text === '') return scheme === 'rez'
  return (
    text.length <= versionLengthMax &&
    text.split(tokenSeparator).every((token) => tokenPattern.test(token))
  )
}

/** -1, 0 or 1 as `a` sorts before, with or after `b`. */
export function compareVersions(a: Version, b: Version): -1 | 0 | 1 {
  if (a.key === b.key) return 0
  return a.key < b.key ? -1 : 1
}

/** Whether a pre-release word makes this version sort before its release. */
export function isPrerelease(version: Version): boolean {
  return version.key.includes(marks.tokenEnd + marks.prerelease)
}

/**
 * The smallest version above all that start with this one: `3` gives `3_`, the exclusive upper
 * bound of the range `3`. The empty version has none.
 */
export function nextVersion(version: Version): Version | undefined {
  if (version.key === marks.versionEnd) return undefined
  const open = version.key.slice(0, -2)
  const ended = marks.tokenEnd + marks.versionEnd
  // A run of letters grows by `_`; after digits, `_` is a run of its own.
  const run = /[A-Za-z_]$/.test(version.text) ? '_' : `${marks.letters}_`
  return { text: `${version.text}_`, key: open + run + ended }
}

/** The key of the version that a version's first tokens make: of 1.2.3 the first 2 are 1.2. */
export function keyOfHead(key: string, tokens: number): string {
  return tokensOf(key).slice(0, tokens).join('') + marks.versionEnd
}

/** The key of the version that is left when a version's first tokens are taken away. */
export function keyOfTail(key: string, tokens: number): string {
  return tokensOf(key).slice(tokens).join('') + marks.versionEnd
}

function tokensOf(key: string): string[] {
  return key.slice(0, -1).match(/[^"]*"/g) ?? []
}

function tokenKey(token: string, native: boolean, follows: boolean): string {
  let key = ''
  let opened = follows
  for (const run of token.match(runPattern) ?? []) {
    if (run.charCodeAt(0) <= 57) {
      key += digitsKey(run)
      opened = true
      continue
    }
    const word = run.toLowerCase()
    if (native && opened && prereleaseWords.has(word.replace(/_+$/, ''))) {
      // `0rc1` reads as `0-rc1`: the word starts a token of its own.
      if (key !== '') key += marks.tokenEnd
      key += marks.prerelease + marks.letters + word
    } else {
      key += marks.letters + run
    }
  }
  return key + marks.tokenEnd
}

/** The number of digits before them makes numeric order string order. */
function digitsKey(run: string): string {
  const digits = run.replace(/^0+/, '')
  const padding = run.length - digits.length
  const start = marks.digits + String.fromCharCode(48 + digits.length) + digits
  if (digits !== '') return start + marks.padding.repeat(padding)
  return start + marks.zeroPadding.repeat(padding - 1)
}

function badVersion(text: string, why: string): AppError {
  return new AppError('model/bad-version', `'${text.slice(0, 120)}' is not a version: ${why}`, {
    hints: ["Versions are letters, digits and '_' between single '.' or '-': 3.1.6, 2.1.0-rc1."],
  })
}
