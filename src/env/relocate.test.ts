import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { relocate } from './relocate.ts'

function write(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

const move = { from: '/usr/local', to: '/studio/env one' }

describe('relocate', () => {
  test.each([
    ['prefix=/usr/local\n', 'prefix=/studio/env one\n'],
    ['#!/usr/local/bin/python3\n', '#!/studio/env one/bin/python3\n'],
    ['Cflags: -I/usr/local/include', 'Cflags: -I/studio/env one/include'],
    ['set(X "/usr/local/lib;/usr/local")', 'set(X "/studio/env one/lib;/studio/env one")'],
    [
      '-L/usr/local/lib -Wl,-rpath,/usr/local/lib',
      '-L/studio/env one/lib -Wl,-rpath,/studio/env one/lib',
    ],
    ['/opt/usr/local/x /usr/local2 /usr/local-old', undefined],
    ['${DESTDIR}/usr/local/x $/usr/local', undefined],
    ['é /usr/local/é', 'é /studio/env one/é'],
  ])('text %p', async (before, after) => {
    using folder = temporaryFolder()
    write(folder.path, { 'lib/a.txt': before })
    const report = await relocate({ folder: folder.path, ...move })
    expect(readFileSync(join(folder.path, 'lib/a.txt'), 'utf8')).toBe(after ?? before)
    expect(report.rewritten).toEqual(after === undefined ? [] : ['lib/a.txt'])
  })

  test('binaries are named with what they hold, and left as they are', async () => {
    using folder = temporaryFolder()
    const binary = Buffer.from('\x7fELF\0\0/usr/local/share/ocio\0/usr/local2\0more')
    write(folder.path, {
      'lib/libx.so': binary,
      'lib/liby.so': Buffer.from('\x7fELF\0/usr/local2\0'),
    })
    const report = await relocate({ folder: folder.path, ...move })
    expect(report.unmovable).toEqual([{ path: 'lib/libx.so', found: ['/usr/local/share/ocio'] }])
    expect(readFileSync(join(folder.path, 'lib/libx.so')).equals(binary)).toBe(true)
  })

  test.each([
    ['/studio/env one', '/studio/env one'],
    ['/studio/é', undefined],
    [`/${'deep/'.repeat(60)}`, `/${'deep/'.repeat(60)}`],
    ['/two\nlines', '/two\nlines'],
  ])('a script whose first line the system cannot read at %p is named', async (to, told) => {
    using folder = temporaryFolder()
    write(folder.path, { 'bin/a': '#!/usr/local/bin/py -E\n', 'bin/b': '#!/bin/sh\n/usr/local\n' })
    const report = await relocate({ folder: folder.path, from: '/usr/local', to })
    expect(report.rewritten).toEqual(['bin/a', 'bin/b'])
    const found = [`#!${told}/bin/py -E`]
    expect(report.unmovable).toEqual(told === undefined ? [] : [{ path: 'bin/a', found }])
  })

  test('a prefix across the border of two chunks is found', async () => {
    using folder = temporaryFolder()
    const bytes = Buffer.alloc(4 * 1024 * 1024 + 100)
    bytes.write('/usr/local/lib\0', 4 * 1024 * 1024 - 5)
    write(folder.path, { 'big.bin': bytes })
    const report = await relocate({ folder: folder.path, ...move })
    expect(report.unmovable).toEqual([{ path: 'big.bin', found: ['/usr/local/lib'] }])
  })

  test('a hard link is replaced, its other name keeps the old text; the mode stays', async () => {
    using folder = temporaryFolder()
    using store = temporaryFolder()
    write(store.path, { blob: '#!/usr/local/bin/sh\n' })
    chmodSync(join(store.path, 'blob'), 0o755)
    mkdirSync(join(folder.path, 'bin'))
    linkSync(join(store.path, 'blob'), join(folder.path, 'bin/tool'))
    await relocate({ folder: folder.path, ...move })
    expect(readFileSync(join(store.path, 'blob'), 'utf8')).toBe('#!/usr/local/bin/sh\n')
    expect(readFileSync(join(folder.path, 'bin/tool'), 'utf8')).toBe('#!/studio/env one/bin/sh\n')
    expect(statSync(join(folder.path, 'bin/tool')).mode & 0o777).toBe(0o755)
  })

  test('absolute links into the prefix move, others stay', async () => {
    using folder = temporaryFolder()
    symlinkSync('/usr/local/lib/libx.so.1', join(folder.path, 'libx.so'))
    symlinkSync('libx.so', join(folder.path, 'liby.so'))
    symlinkSync('/usr/lib/z', join(folder.path, 'z'))
    const report = await relocate({ folder: folder.path, ...move })
    expect(report.rewritten).toEqual(['libx.so'])
    expect(readlinkSync(join(folder.path, 'libx.so'))).toBe('/studio/env one/lib/libx.so.1')
  })

  test('to the same place nothing is read', async () => {
    const report = await relocate({ folder: '/nowhere', from: '/usr/local', to: '/usr/local' })
    expect(report).toEqual({ rewritten: [], unmovable: [] })
  })
})
