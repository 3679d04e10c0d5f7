import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { readElf } from './elf.ts'
import { glibcRange } from './interface.ts'

const word = 8

/**
 * A 64-bit ELF library with one segment that holds everything: strings, a dynamic section, one
 * needed version and three symbols, of which one is defined and visible.
 */
function library(runpath: string): Uint8Array {
  const names = ['', 'libmine.so.1', 'libc.so.6', runpath, 'GLIBC_2.17', 'mine', 'theirs', 'hidden']
  const strings = new TextEncoder().encode(`${names.join('\0')}\0`)
  const nameAt = (name: string) => names.slice(0, names.indexOf(name)).join('\0').length + 1
  const at = { dynamic: 0x200, verneed: 0x400, symbols: 0x500, strings: 0x600, sections: 0x900 }
  const bytes = new Uint8Array(0xa00)
  const view = new DataView(bytes.buffer)
  const u64 = (offset: number, value: number) => view.setBigUint64(offset, BigInt(value), true)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 3, true)
  view.setUint16(18, 62, true)
  u64(32, 64)
  u64(40, at.sections)
  view.setUint16(54, 56, true)
  view.setUint16(56, 2, true)
  view.setUint16(58, 64, true)
  view.setUint16(60, 1, true)
  const segment = (index: number, type: number, offset: number, size: number) => {
    view.setUint32(64 + index * 56, type, true)
    u64(64 + index * 56 + 8, offset)
    u64(64 + index * 56 + 16, offset)
    u64(64 + index * 56 + 32, size)
  }
  segment(0, 1, 0, bytes.length)
  const entries: [number, number][] = [
    [5, at.strings],
    [14, nameAt('libmine.so.1')],
    [1, nameAt('libc.so.6')],
    [29, nameAt(runpath)],
    [0x6ffffffe, at.verneed],
    [0x6fffffff, 1],
    [0, 0],
  ]
  segment(1, 2, at.dynamic, entries.length * 16)
  for (const [index, [tag, value]] of entries.entries()) {
    u64(at.dynamic + index * 16, tag)
    u64(at.dynamic + index * 16 + word, value)
  }
  view.setUint16(at.verneed + 2, 1, true)
  view.setUint32(at.verneed + 4, nameAt('libc.so.6'), true)
  view.setUint32(at.verneed + 8, 16, true)
  view.setUint32(at.verneed + 16 + 8, nameAt('GLIBC_2.17'), true)
  const symbol = (index: number, name: string, flags: { other: number; section: number }) => {
    view.setUint32(at.symbols + index * 24, nameAt(name), true)
    bytes[at.symbols + index * 24 + 4] = 1 << 4
    bytes[at.symbols + index * 24 + 5] = flags.other
    view.setUint16(at.symbols + index * 24 + 6, flags.section, true)
  }
  symbol(1, 'mine', { other: 0, section: 1 })
  symbol(2, 'theirs', { other: 0, section: 0 })
  symbol(3, 'hidden', { other: 2, section: 1 })
  view.setUint32(at.sections + 4, 11, true)
  u64(at.sections + 24, at.symbols)
  u64(at.sections + 32, 4 * 24)
  bytes.set(strings, at.strings)
  return bytes
}

test('what decides how a library loads is read', () => {
  const elf = readElf(library('/usr/local/lib'), 'lib')

  expect(elf).toEqual({
    machine: 62,
    bits: 64,
    type: 'shared',
    soname: 'libmine.so.1',
    needed: ['libc.so.6'],
    runpath: { text: '/usr/local/lib', offset: expect.any(Number) },
    wants: [{ library: 'libc.so.6', version: 'GLIBC_2.17' }],
    exported: ['mine'],
  })
})

test('what is not ELF is undefined, and what is cut short is an error with a name', () => {
  expect(readElf(new TextEncoder().encode('#!/bin/sh'), 'x')).toBeUndefined()
  expect(() => readElf(library('/a').subarray(0, 0x210), '/usr/local/lib/x.so')).toThrow(
    expect.objectContaining({
      code: 'build/bad-elf',
      message: expect.stringContaining('/usr/local/lib/x.so'),
    }),
  )
})

test('damaged files end in a value or in build/bad-elf, and end', () => {
  const good = library('/usr/local/lib')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      (changes) => {
        const bytes = Uint8Array.from(good)
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          readElf(bytes, 'x')
        } catch (error) {
          expect(error).toMatchObject({ code: 'build/bad-elf' })
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('a program of this machine is read', () => {
  const bun = readElf(readFileSync(process.execPath), process.execPath)

  expect(bun?.needed).toContain('libc.so.6')
})

test('the newest glibc that is wanted counts, numbers as numbers', () => {
  const file = { path: 'usr/local/lib/x.so', absolute: '/x', link: undefined }
  const elf = readElf(library('/a'), 'x')
  const wanting = (...versions: string[]) =>
    elf === undefined
      ? []
      : [{ file, elf: { ...elf, wants: versions.map((version) => ({ library: 'l', version })) } }]

  expect(glibcRange(wanting('GLIBC_2.4', 'GLIBC_2.17', 'GLIBC_2.2.5', 'GLIBCXX_3.4.30'))).toBe(
    '>=2.17',
  )
  expect(glibcRange(wanting('GLIBC_PRIVATE'))).toBeUndefined()
  expect(glibcRange(wanting('GLIBC_2.17', 'GLIBC_ABI_DT_RELR'))).toBe('>=2.36')
})
