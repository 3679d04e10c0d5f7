import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { readPackagePy } from './package-py.ts'
import type { Literal } from './python-literal.ts'

function valueOf(text: string): Literal | undefined | string {
  const found = readPackagePy(`x = ${text}\n`)
  return 'reason' in found ? `refused: ${found.reason}` : found.values.get('x')
}

test('a released package is read whole', () => {
  const found = readPackagePy(`# -*- coding: utf-8 -*-
name = 'usd'

version = "25.02"

requires = ['openexr-3.2',
            'openvdb-11', ]  # two

variants = [['platform-linux', 'python-3.11'],
            []]

def commands():
    text = """
unindented
"""
    env.PATH.append("{root}/bin")
# a comment at the margin
    if building: env.X = (
1)

timestamp = 1740000000
`)
  if ('reason' in found) throw new Error(found.reason)
  expect(Object.fromEntries(found.values)).toEqual({
    name: 'usd',
    version: '25.02',
    requires: ['openexr-3.2', 'openvdb-11'],
    variants: [['platform-linux', 'python-3.11'], []],
    timestamp: 1740000000,
  })
  expect(found.functions.get('commands')).toEndWith('if building: env.X = (\n1)')
})

describe('literals', () => {
  test.each([
    [`'a\\'b' "c" r'\\d'`, "a'bc\\d"],
    [`'\\x41\\u00e9\\101\\n\\q'`, 'AéA\n\\q'],
    [`'''two\nlines'''`, 'two\nlines'],
    ["('a'\n 'b')", 'ab'],
    ["('a',)", ['a']],
    ['()', []],
    ['-1.5e3', -1500],
    ['1_000', 1000],
    ['[True, False, None]', [true, false, null]],
    ["{'a', 'b'}", ['a', 'b']],
  ])('%s', (text, value) => {
    expect(valueOf(text)).toEqual(value)
  })

  test('a dictionary keeps the last of equal keys', () => {
    expect(valueOf("{'a': 1, 'a': {}}")).toEqual(new Map([['a', new Map()]]))
  })
})

describe('what needs Python is refused', () => {
  test.each([
    ["f'{y}'", "strings with 'f' need Python"],
    ["'a' % b", 'a line goes on behind a literal'],
    ["'a' + 'b'", 'a line goes on behind a literal'],
    ["'a' if b else 'c'", 'a line goes on behind a literal'],
    ["['a', b]", "'b' is not a literal"],
    ["['a' 1]", "',' is missing"],
    ['0x10', 'a number is not plain'],
    ["'\\N{BULLET}'", 'the escape \\N needs Python'],
    ["'open", 'a string has no end'],
    ['['.repeat(100), 'brackets are nested more than 64 deep'],
  ])('%s', (text, reason) => {
    expect(valueOf(text)).toBe(`refused: ${reason}`)
  })

  test.each([
    'import os\n',
    '@early()\ndef requires():\n    return []\n',
    'if 1:\n    x = 2\n',
    'with scope("config") as c:\n    c.x = 1\n',
    'x += 1\n',
    'x, y = 1, 2\n',
    'x: str = "a"\n',
    'x = 1; y = 2\n',
    'def f(a):\n    pass\n',
    '  x = 1\n',
  ])('%j', (text) => {
    expect(readPackagePy(text)).toHaveProperty('reason')
  })
})

test('lines end as they do for Python', () => {
  expect(valueOf("'''a\r\nb\rc'''")).toBe('a\nb\nc')
  expect(valueOf("'a\rb'")).toBe('refused: a string has no end')
  expect(valueOf("'a\\\r\nb'")).toBe('ab')
  expect(valueOf("'a\0'")).toBe('refused: it holds a NUL')
  expect(readPackagePy('x = 1\ry = 2\r\n# z\n')).toMatchObject({
    values: new Map([
      ['x', 1],
      ['y', 2],
    ]),
  })
})

test('the line of a refusal is told', () => {
  expect(readPackagePy('x = 1\n\nimport os\n')).toMatchObject({ line: 3 })
})

test('any text is read or refused, never thrown at', () => {
  const pieces = fc.constantFrom(
    'x',
    '=',
    ' ',
    '\n',
    "'",
    '"""',
    '[',
    ']',
    '{',
    ':',
    '\\',
    'def f():',
    '#',
    '1',
    ',',
    '\t',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      expect(readPackagePy(parts.join(''))).toBeObject()
    }),
    { numRuns: 2000 },
  )
})

test('what JSON and Python write alike is read alike', () => {
  const json = fc.oneof(
    fc.string({ unit: 'grapheme-ascii' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  fc.assert(
    fc.property(fc.array(fc.array(json)), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value))
      const read: unknown = valueOf(JSON.stringify(value, undefined, 1))
      expect(read).toEqual(plain)
    }),
  )
})

describe('a hostile text takes no longer than its length', () => {
  const long = 1_000_000
  test.each([
    ['digits', `x = ${'1'.repeat(long)}a`],
    ['digits with marks', `x = ${'1_'.repeat(long)}`],
    ['blanks', `x = [${' '.repeat(long)}`],
    ['lines', `${'\n'.repeat(long)}(`],
    ['comments', `x = [\n${'#\n'.repeat(long)}`],
    ['quotes', `x = ${"''".repeat(long)}`],
    ['backslashes', `x = '${'\\'.repeat(long)}`],
    ['brackets', '['.repeat(long)],
    ['a body', `def commands():\n${'  ('.repeat(long)}`],
    ['statements', 'x = 1\n'.repeat(long)],
  ])('%s', (_name, text) => {
    expect(readPackagePy(text)).toBeObject()
  })
})
