import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { movedView } from './moved-view.ts'

function makeView(folder: string): string {
  const view = join(folder, 'view')
  mkdirSync(join(view, 'lib/pkgconfig'), { recursive: true })
  writeFileSync(join(view, 'lib/pkgconfig/x.pc'), 'prefix=/usr/local\n')
  writeFileSync(join(view, 'lib/libx.so.1'), Buffer.from('\x7fELF\0/usr/local/share/x\0'))
  symlinkSync('libx.so.1', join(view, 'lib/libx.so'))
  return view
}

test('text names the new place, the rest is shared, the view stays as it was', async () => {
  using root = temporaryFolder()
  const viewPrefix = makeView(root.path)
  const folder = join(root.path, 'moved/key')
  const { prefix, unmovable } = await movedView({ viewPrefix, folder })
  expect(readFileSync(join(prefix, 'lib/pkgconfig/x.pc'), 'utf8')).toBe(`prefix=${prefix}\n`)
  expect(readFileSync(join(viewPrefix, 'lib/pkgconfig/x.pc'), 'utf8')).toBe('prefix=/usr/local\n')
  const inode = (at: string) => statSync(join(at, 'lib/libx.so')).ino
  expect(inode(prefix)).toBe(inode(viewPrefix))
  expect(unmovable).toEqual([{ path: 'lib/libx.so.1', found: ['/usr/local/share/x'] }])
})

test('a second time, and two at once, give the same and leave nothing else', async () => {
  using root = temporaryFolder()
  const viewPrefix = makeView(root.path)
  const folder = join(root.path, 'moved/key')
  const both = await Promise.all([
    movedView({ viewPrefix, folder }),
    movedView({ viewPrefix, folder }),
  ])
  expect(await movedView({ viewPrefix, folder })).toEqual(both[0])
  expect(both[1]).toEqual(both[0])
  expect(readdirSync(join(root.path, 'moved'))).toEqual(['key'])
})
