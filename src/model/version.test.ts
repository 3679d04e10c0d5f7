import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { anyVersionOf, runs, versionText } from './versions.fixture.ts'
import {
  compareVersions,
  isPrerelease,
  isVersion,
  nextVersion,
  parseVersion,
  type Scheme,
} from './version.ts'

const schemes: readonly Scheme[] = ['native', 'rez']
const words = new Set(['alpha', 'beta', 'dev', 'pre', 'rc'])

type Run = { readonly digits: string } | { readonly letters: string }
interface Token {
  readonly early: boolean
  readonly runs: readonly Run[]
}

/** The rules of docs/formats/versions.md, applied token by token, without keys. */
function tokensOf(text: string, scheme: Scheme): readonly Token[] {
  const tokens: Token[] = []
  for (const part of text.split(/[.-]/)) {
    let current: Run[] = []
    let early = false
    for (const [piece] of part.matchAll(/[0-9]+|[A-Za-z_]+/g)) {
      const isDigits = /^[0-9]/.test(piece)
      const isWord = !isDigits && words.has(piece.toLowerCase().replace(/_+$/, ''))
      const follows = tokens.length > 0 || current.length > 0
      if (scheme === 'native' && isWord && follows) {
        if (current.length > 0) tokens.push({ early, runs: current })
        current = [{ letters: piece.toLowerCase() }]
        early = true
      } else current.push(isDigits ? { digits: piece } : { letters: piece })
    }
    tokens.push({ early, runs: current })
  }
  return tokens
}

function compareRuns(a: Run, b: Run): number {
  if ('letters' in a || 'letters' in b) {
    if (!('letters' in a)) return 1
    if (!('letters' in b)) return -1
    return a.letters === b.letters ? 0 : a.letters < b.letters ? -1 : 1
  }
  const [left, right] = [BigInt(a.digits), BigInt(b.digits)]
  if (left !== right) return left < right ? -1 : 1
  return a.digits === b.digits ? 0 : a.digits < b.digits ? -1 : 1
}

function compareTexts(a: string, b: string, scheme: Scheme): number {
  const [left, right] = [tokensOf(a, scheme), tokensOf(b, scheme)]
  for (let index = 0; ; index += 1) {
    const [one, other] = [left[index], right[index]]
    if (!one || !other) {
      const longer = one ?? other
      if (!longer) return 0
      return (longer.early ? -1 : 1) * (one ? 1 : -1)
    }
    if (one.early !== other.early) return one.early ? -1 : 1
    for (let at = 0; at < Math.max(one.runs.length, other.runs.length); at += 1) {
      const [x, y] = [one.runs[at], other.runs[at]]
      if (!x || !y) return x ? 1 : -1
      const order = compareRuns(x, y)
      if (order !== 0) return order
    }
  }
}

describe.each(schemes)('versions, %s', (scheme) => {
  test('keys sort as a comparison token by token does', () => {
    const property = fc.property(versionText, versionText, (a, b) => {
      const [left, right] = [parseVersion(a, scheme), parseVersion(b, scheme)]
      expect(`${compareVersions(left, right)}`).toBe(`${Math.sign(compareTexts(a, b, scheme))}`)
    })
    fc.assert(property, { ...runs, numRuns: 4000 })
  })

  test('the order is total', () => {
    const version = anyVersionOf(scheme)
    const property = fc.property(version, version, version, (a, b, c) => {
      expect(compareVersions(a, b) + compareVersions(b, a)).toBe(0)
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        expect(compareVersions(a, c)).not.toBe(1)
    })
    fc.assert(property, runs)
  })

  test('separators do not matter', () => {
    const property = fc.property(versionText, (text) => {
      const dotted = parseVersion(text.replaceAll('-', '.'), scheme)
      expect(compareVersions(parseVersion(text, scheme), dotted)).toBe(0)
    })
    fc.assert(property, runs)
  })

  test('next is above the version and all that start with it, and below what is not', () => {
    const property = fc.property(versionText, versionText, (text, more) => {
      const version = parseVersion(text, scheme)
      const next = nextVersion(version)
      const below = parseVersion(`${text}.${more}`, scheme)
      expect(next && compareVersions(version, next)).toBe(-1)
      expect(next && compareVersions(below, next)).toBe(-1)
      expect(next?.key).toBe(parseVersion(`${text}_`, scheme).key)
    })
    fc.assert(property, runs)
  })
})

test('native pre-releases come before their release and after what came before it', () => {
  const sorted = [
    '2.0.9',
    '2.1',
    '2.1.0-alpha',
    '2.1.0-beta.1',
    '2.1.0-beta.2',
    '2.1.0-dev3',
    '2.1.0-pre',
    '2.1.0-rc1-dev2',
    '2.1.0-rc1',
    '2.1.0-rc2',
    '2.1.0-rc10',
    '2.1.0',
    '2.1.0-hotfix',
    '2.1.0.1',
    '2.1.0a',
    '2.1.1-rc1',
    '2.1.1',
  ]
  const versions = sorted.toReversed().map((text) => parseVersion(text))
  expect(versions.sort(compareVersions).map(({ text }) => text)).toEqual(sorted)
})

test.each([
  ['2.1.0-rc1', true],
  ['2.1.0rc1', true],
  ['1.0-BETA', true],
  ['3.0.dev', true],
  ['3.1.6', false],
  ['rc1', false],
  ['2.1.0-release', false],
  ['1.1.1w', false],
  ['2024b', false],
])('native %s is a pre-release: %p', (text, expected) => {
  expect(isPrerelease(parseVersion(text))).toBe(expected)
})

test('the scheme of Rez knows no pre-releases', () => {
  expect(isPrerelease(parseVersion('2.1.0-rc1', 'rez'))).toBe(false)
})

test.each([
  ['', 'empty'],
  ['1..2', 'empty'],
  ['.1', 'empty'],
  ['1-', 'empty'],
  ['1.0+cu118', '0+cu118'],
  ['1 0', '1 0'],
  ['1.0\n', 'it holds'],
  ['1.é', 'é'],
  ['1'.repeat(201), '200'],
])('%p is not a version', (text, why) => {
  expect(() => parseVersion(text)).toThrow(why)
  expect(isVersion(text)).toBe(false)
})

test('numbers of any length are compared as numbers', () => {
  const long = `1${'0'.repeat(150)}`
  expect(compareVersions(parseVersion(long), parseVersion('9'.repeat(150)))).toBe(1)
})
