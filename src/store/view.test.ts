/** Views, collection and verification of a store that several packages share. */
import { expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type Digest, fixedClock, one, temporaryFolder } from '#kernel/index.ts'
import { collect } from './collect.ts'
import { packLayer } from './pack.ts'
import { openStore, type Store } from './store.ts'
import { hasTree, readTreeState, writeTree } from './tree.ts'
import { unpackLayer } from './unpack.ts'
import { verifyStore } from './verify.ts'
import { notePath } from './view-note.ts'
import { linkView, materialise } from './view.ts'

const epochSeconds = 1_600_000_000
const dayMs = 24 * 60 * 60 * 1000
const tomorrow = fixedClock(Date.now() + dayMs)

/** Packs a package whose files have the given texts; a text that starts with `->` is a link. */
async function layerOf(store: Store, files: Readonly<Record<string, string>>): Promise<Digest> {
  using folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder.path, 'usr/local', name)
    mkdirSync(dirname(path), { recursive: true })
    if (text.startsWith('->')) symlinkSync(text.slice(2), path)
    else writeFileSync(path, text, { mode: name.startsWith('bin/') ? 0o755 : 0o644 })
  }
  return (await packLayer(store, folder.path, { epochSeconds })).descriptor.digest
}

const label = (layer: Digest): string => `build ${layer.slice(7, 11)}`

test('a view merges folders, shares equal files, keeps links, and is made once', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const a = await layerOf(store, { 'lib/a.so': 'a', 'share/licence': 'same', 'lib/l': '->a.so' })
  const b = await layerOf(store, { 'lib/b.so': 'b', 'share/licence': 'same', 'bin/b': 'run' })

  const view = await linkView(store, [a, b])
  const again = await linkView(store, [b, a, a])

  const at = (name: string): string => join(view.path, 'usr/local', name)
  expect(again).toEqual(view)
  expect(readdirSync(at('lib')).sort()).toEqual(['a.so', 'b.so', 'l'])
  expect(readlinkSync(at('lib/l'))).toBe('a.so')
  expect(statSync(at('lib/a.so')).mode & 0o777).toBe(0o444)
  expect(statSync(at('bin/b')).mode & 0o777).toBe(0o555)
  expect(statSync(at('share/licence')).nlink).toBe(2)
  expect(readdirSync(join(store.home, 'tmp'))).toEqual([])
})

const collisions: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
  ['content', { 'lib/x': 'one' }, { 'lib/x': 'two' }],
  ['a file and a link', { 'lib/x': 'one' }, { 'lib/x': '->y' }],
  ['links', { 'lib/x': '->z' }, { 'lib/x': '->y' }],
  ['a folder and a link', { 'lib/x/file': '1' }, { 'lib/x': '->y' }],
]

test.each(collisions)(
  'builds that differ in %s at one path do not share a view',
  async (_, a, b) => {
    using folder = temporaryFolder()
    const store = openStore(folder.path)
    const layers = [await layerOf(store, a), await layerOf(store, b)]

    const error: unknown = await linkView(store, layers, { label }).catch(
      (thrown: unknown) => thrown,
    )

    expect(error).toMatchObject({ code: 'store/view-collision' })
    for (const layer of layers) expect(String(error)).toContain(label(layer))
    expect(String(error)).toContain('usr/local/lib/x')
    expect(existsSync(join(store.home, 'views'))).toBe(false)
  },
)

test('a file that the store lost is unpacked again while a view is made', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const layer = await layerOf(store, { 'lib/a': 'a', 'lib/b': 'b' })
  const size = (await store.blobs.size(layer)) ?? 0
  await unpackLayer(store, { digest: layer, size })
  rmSync(join(store.home, 'files'), { recursive: true })

  const view = await linkView(store, [layer])

  expect(readFileSync(join(view.path, 'usr/local/lib/b'), 'utf8')).toBe('b')
})

test('after a boot, files that were cut short are unpacked again, once', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const layer = await layerOf(store, { 'lib/a': 'content' })
  const view = await linkView(store, [layer])
  const tree = readTreeState(store, layer)?.tree
  if (tree === undefined) throw new Error('no tree')
  writeTree(store, tree, 'boot before')
  writeFileSync(notePath(store, view.key), `boot before\n${layer}\n`)
  const path = join(view.path, 'usr/local/lib/a')
  chmodSync(path, 0o644)
  writeFileSync(path, '')

  expect(await linkView(store, [layer])).toEqual(view)

  expect(readFileSync(path, 'utf8')).toBe('content')
  writeTree(store, tree, 'boot before')
  await linkView(store, [layer])
  await unpackLayer(store, { digest: layer, size: 0 })
  expect(readTreeState(store, layer)?.state).toBe('durable')
})

test('materialise puts files anywhere, by copy or link, and never over others', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const layer = await layerOf(store, { 'bin/tool': 'run', 'lib/a': 'a' })
  const copy = join(folder.path, 'copy')
  const link = join(folder.path, 'link')

  await materialise(store, [layer], copy, 'copy')
  await materialise(store, [layer], link, 'hardlink')

  expect(statSync(join(copy, 'usr/local/bin/tool')).mode & 0o777).toBe(0o755)
  expect(statSync(join(copy, 'usr/local/lib/a')).nlink).toBe(1)
  expect(statSync(join(link, 'usr/local/lib/a')).nlink).toBe(2)
  await expect(materialise(store, [layer], copy, 'copy')).rejects.toMatchObject({
    code: 'store/view-occupied',
  })
})

test.if(existsSync('/dev/shm'))('links across file systems become copies', async () => {
  using folder = temporaryFolder()
  using other = temporaryFolder('/dev/shm')
  const store = openStore(folder.path)
  const layer = await layerOf(store, { 'bin/tool': 'run' })
  const path = join(other.path, 'out')

  await materialise(store, [layer], path, 'hardlink')

  const stat = statSync(join(path, 'usr/local/bin/tool'))
  expect([stat.mode & 0o777, stat.nlink]).toEqual([0o555, 1])
})

test('collection keeps what roots and views reach, and what is young', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const rooted = await layerOf(store, { 'lib/a': 'rooted', shared: 'shared' })
  const viewed = await layerOf(store, { 'lib/b': 'viewed' })
  const lost = await layerOf(store, { 'lib/c': 'lost', shared: 'shared' })
  const { key } = await linkView(store, [viewed])
  const old = await linkView(store, [lost])
  await linkView(store, [rooted])
  writeFileSync(join(store.home, 'tmp', '.tmp-blob-1-1-dead'), 'half')
  const options = { graceMs: 1000, clock: tomorrow, views: [key] }

  const young = await collect(store, [], { ...options, graceMs: 2 * dayMs })
  const dry = await collect(store, [rooted], { ...options, dryRun: true })
  const swept = await collect(store, [rooted], options)

  expect(young).toMatchObject({ removedBlobs: 0, removedFiles: 0, removedViews: 0 })
  expect(dry).toEqual(swept)
  expect(swept).toMatchObject({
    removedBlobs: 1,
    keptBlobs: 2,
    removedViews: 2,
    removedTemporary: 1,
  })
  expect(await store.blobs.size(lost)).toBeUndefined()
  expect([rooted, viewed, lost].map((layer) => hasTree(store, layer))).toEqual([true, true, false])
  expect(existsSync(old.path)).toBe(false)
  const view = await linkView(store, [rooted, viewed])
  expect(readFileSync(join(view.path, 'usr/local/shared'), 'utf8')).toBe('shared')
  expect(await verifyStore(store, { repair: false })).toMatchObject({ blobs: 2, files: 3 })
})

test('a blob that is written again is spared by collection', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const bytes = Buffer.from('again')
  const { digest } = await store.blobs.write(one(bytes), { maxBytes: 9 })
  utimesSync(store.blobs.pathOf?.(digest) ?? '', 5, 5)
  await store.blobs.write(one(bytes), { maxBytes: 9, digest })

  await collect(store, [], { graceMs: 60_000, clock: fixedClock(Date.now()) })

  expect(await store.blobs.size(digest)).toBe(5)
})

test('verify names damaged blobs and files; repair moves them so that they come back', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const layer = await layerOf(store, { 'lib/a': 'content', 'lib/b': 'other' })
  const { digest } = await store.blobs.write(one(Buffer.from('manifest')), { maxBytes: 9 })
  const view = await linkView(store, [layer])
  const file = join(view.path, 'usr/local/lib/a')
  chmodSync(file, 0o644)
  writeFileSync(file, 'cOntent')
  writeFileSync(store.blobs.pathOf?.(digest) ?? '', 'mAnifest')

  const found = await verifyStore(store, { repair: false })
  const repaired = await verifyStore(store, { repair: true })

  expect(found).toMatchObject({ corruptBlobs: [digest], moved: [] })
  expect(found.corruptFiles).toHaveLength(1)
  expect(repaired.moved).toHaveLength(4)
  expect(await store.blobs.size(digest)).toBeUndefined()
  await linkView(store, [layer])
  expect(readFileSync(file, 'utf8')).toBe('content')
  expect(await verifyStore(store, { repair: false })).toMatchObject({
    corruptBlobs: [],
    corruptFiles: [],
  })
  expect(lstatSync(join(store.home, 'corrupt')).isDirectory()).toBe(true)
})
