import { expect, test } from 'bun:test'
import { count, cut, duration, padded, printable, short, size, width, wrapped } from './human.ts'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [12_345_678, '12.3 MB'],
  [1.1e9, '1.10 GB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(size(bytes)).toBe(text)
})

test.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [1000, '1.0 s'],
  [59_949, '59.9 s'],
  [59_950, '1 min 00 s'],
  [125_000, '2 min 05 s'],
  [3_599_400, '59 min 59 s'],
  [3_725_000, '1 h 02 min'],
])('%d milliseconds are %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text)
})

test('one is not many', () => {
  expect([count(1, 'package'), count(0, 'package'), count(2, 'is', 'are')]).toEqual([
    '1 package',
    '0 packages',
    '2 are',
  ])
})

test('a short digest is the twelve digits that tags have', () => {
  expect(short(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('0123456789ab')
})

test.each([
  ['plain', 10, 'plain'],
  ['plain', 5, 'plain'],
  ['plain', 4, 'pla…'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['\u001b[31mred\u001b[0m', 3, 'red'],
  ['x', 0, ''],
])('%j cut to %d columns is %j', (text, columns, wanted) => {
  expect(cut(text, columns)).toBe(wanted)
  expect(width(cut(text, columns))).toBeLessThanOrEqual(columns)
})

test('padding counts columns, not characters', () => {
  expect(padded('日本', 6)).toBe('日本  ')
  expect(padded('7', 3, 'left')).toBe('  7')
})

test('what moves the cursor is not printable', () => {
  expect(printable('a\tb\rc\u0007\u001b[2Kd\u009b3Je')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
})

test.each([
  ['one two three', 7, 2, ['one two', '  three']],
  ['  fix: one two', 8, 7, ['  fix:', '       one', '       two']],
  ['日本 語 a', 6, 0, ['日本', '語 a']],
  ['\u001b[1mred\u001b[22m two', 7, 0, ['\u001b[1mred\u001b[22m two']],
  ['a word-that-is-too-long b', 8, 1, ['a', ' word-that-is-too-long', ' b']],
  ['allow imath 3.2.2 and 2 more', 12, 2, ['allow', '  imath 3.2.2', '  and 2 more']],
  ['', 10, 2, ['']],
])('%j in %d columns', (text, columns, hang, lines) => {
  expect(wrapped(text, columns, hang).split('\n')).toEqual(lines)
})
