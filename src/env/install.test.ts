import { describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError, temporaryFolder } from '#kernel/index.ts'
import { installView, uninstall } from './install.ts'
import { emptyManifest, readInstalled, stateOf, writeInstalled } from './install-manifest.ts'

function write(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content, { mode: path.startsWith('bin/') ? 0o755 : 0o644 })
  }
  return folder
}

/** The code of the error that a promise ends with. */
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : error),
  )

const everything = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()

const one = { 'bin/tool': 'v1', 'lib/a/b.so': 'b1', 'lib/pc': 'prefix=/usr/local\n' }
const two = { 'bin/tool': 'v2', 'lib/c.so': 'c', 'lib/pc/x': 'a folder now' }

describe('install', () => {
  test('into a prefix that others use too, and out again without a trace', async () => {
    using root = temporaryFolder()
    const viewPrefix = write(join(root.path, 'view'), one)
    symlinkSync('b.so', join(viewPrefix, 'lib/a/link.so'))
    const destination = write(join(root.path, 'prefix'), { 'bin/theirs': 'x', 'lib/theirs': 'y' })
    const before = everything(destination)
    const report = await installView({ name: 'default', viewPrefix, destination })
    expect(report).toMatchObject({ added: 4, removed: 0, kept: 0, rewritten: ['lib/pc'] })
    expect(readFileSync(join(destination, 'lib/pc'), 'utf8')).toBe(`prefix=${destination}\n`)
    expect(readlinkSync(join(destination, 'lib/a/link.so'))).toBe('b.so')
    expect(statSync(join(destination, 'bin/tool')).mode & 0o777).toBe(0o755)
    expect(await uninstall(destination)).toMatchObject({ removed: 4, left: [] })
    expect(everything(destination)).toEqual(before)
    expect(await uninstall(destination)).toBeUndefined()
  })

  test('again: nothing is written; another environment: exactly its files', async () => {
    using root = temporaryFolder()
    const destination = join(root.path, 'prefix')
    const first = write(join(root.path, 'one'), one)
    await installView({ name: 'a', viewPrefix: first, destination })
    const inode = statSync(join(destination, 'bin/tool')).ino
    const again = await installView({ name: 'a', viewPrefix: first, destination })
    expect(again).toMatchObject({ added: 0, removed: 0, kept: 3 })
    expect(statSync(join(destination, 'bin/tool')).ino).toBe(inode)
    const second = write(join(root.path, 'two'), two)
    const report = await installView({ name: 'b', viewPrefix: second, destination })
    expect(report).toMatchObject({ added: 3, removed: 2, kept: 0 })
    expect(everything(destination).filter((path) => !path.startsWith('.backlot'))).toEqual([
      'bin',
      'bin/tool',
      'lib',
      'lib/c.so',
      'lib/pc',
      'lib/pc/x',
    ])
  })

  test('into a prefix that was moved: what names the old folder is made anew', async () => {
    using root = temporaryFolder()
    const viewPrefix = write(join(root.path, 'view'), one)
    const [old, destination] = [join(root.path, 'old'), join(root.path, 'new')]
    await installView({ name: 'a', viewPrefix, destination: old })
    renameSync(old, destination)
    const report = await installView({ name: 'a', viewPrefix, destination })
    expect(report).toMatchObject({ added: 1, removed: 0, kept: 2 })
    expect(readFileSync(join(destination, 'lib/pc'), 'utf8')).toBe(`prefix=${destination}\n`)
    writeFileSync(join(destination, 'lib/pc'), 'mine')
    expect(await codeOf(installView({ name: 'a', viewPrefix, destination }))).toBe(
      'env/foreign-file',
    )
  })

  test.each([
    ['a file of the same name', { 'bin/tool': 'mine' }],
    ['a file where a folder has to be', { lib: 'mine' }],
  ])('%s is never overwritten, and nothing else is written', async (_name, theirs) => {
    using root = temporaryFolder()
    const destination = write(join(root.path, 'prefix'), theirs)
    const before = everything(destination)
    const viewPrefix = write(join(root.path, 'view'), one)
    const install = installView({ name: 'a', viewPrefix, destination })
    expect(await codeOf(install)).toBe('env/foreign-file')
    for (const [path, content] of Object.entries(theirs))
      expect(readFileSync(join(destination, path), 'utf8')).toBe(content)
    expect(everything(destination)).toEqual(before)
  })

  test('a file of ours that somebody changed stays', async () => {
    using root = temporaryFolder()
    const destination = join(root.path, 'prefix')
    const viewPrefix = write(join(root.path, 'view'), one)
    await installView({ name: 'a', viewPrefix, destination })
    writeFileSync(join(destination, 'bin/tool'), 'edited')
    writeFileSync(join(viewPrefix, 'bin/tool'), 'newer')
    const install = installView({ name: 'a', viewPrefix, destination })
    expect(await codeOf(install)).toBe('env/foreign-file')
    expect(await uninstall(destination)).toMatchObject({ removed: 2, left: ['bin/tool'] })
    expect(readFileSync(join(destination, 'bin/tool'), 'utf8')).toBe('edited')
  })

  test('a run that died half-way is completed by the next', async () => {
    using root = temporaryFolder()
    const destination = join(root.path, 'prefix')
    const viewPrefix = write(join(root.path, 'view'), one)
    await installView({ name: 'a', viewPrefix, destination })
    const done = readInstalled(destination) ?? emptyManifest
    // As a crash leaves it: the list allows both contents, one file is new, one is missing.
    const entries = done.entries.map((entry) => ({ ...entry, states: [...entry.states, 'file:x'] }))
    writeInstalled(destination, { ...done, entries })
    rmSync(join(destination, 'lib/a/b.so'))
    write(join(destination, '.backlot/stage'), { half: 'h' })
    await installView({ name: 'a', viewPrefix, destination })
    expect(readInstalled(destination)).toEqual(done)
    expect(stateOf(join(destination, 'lib/a/b.so'))).toBe(stateOf(join(viewPrefix, 'lib/a/b.so')))
    expect(existsSync(join(destination, '.backlot/stage'))).toBe(false)
  })

  test.each(['{', '{"format":1}', '{"format":1,"name":"","entries":[],"folders":["../x"]}'])(
    'a list that cannot be trusted (%s) stops everything',
    async (text) => {
      using root = temporaryFolder()
      const destination = write(join(root.path, 'prefix'), { '.backlot/installed.json': text })
      expect(await codeOf(uninstall(destination))).toBe('env/bad-manifest')
    },
  )
})
