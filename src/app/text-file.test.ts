import { expect, test } from 'bun:test'
import {
  chmodSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { readTextFile, writeTextFile } from './text-file.ts'

test('a link stays one, and the file keeps its mode', () => {
  using folder = temporaryFolder()
  const [file, link] = [join(folder.path, 'real.yaml'), join(folder.path, 'backlot.yaml')]
  writeFileSync(file, 'old')
  chmodSync(file, 0o664)
  symlinkSync('real.yaml', link)

  writeTextFile(link, 'new')

  expect(readlinkSync(link)).toBe('real.yaml')
  expect(readFileSync(file, 'utf8')).toBe('new')
  expect(statSync(file).mode & 0o777).toBe(0o664)
  expect(readTextFile(link, 'project')).toBe('new')
})

test('a new file is made, also where a link leads to none', () => {
  using folder = temporaryFolder()
  const link = join(folder.path, 'backlot.lock')
  symlinkSync('gone', link)

  writeTextFile(link, '{}')

  expect(readFileSync(link, 'utf8')).toBe('{}')
})
