/** What was written once stays readable: the fixtures of docs/formats. */
import { expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDigest, one, temporaryFolder } from '#kernel/index.ts'
import { openStore } from './store.ts'
import { readTree, treePath } from './tree.ts'
import { unpackLayer } from './unpack.ts'

const fixtures = join(import.meta.dir, '../../docs/formats/fixtures')

function descriptor() {
  const layer = JSON.parse(readFileSync(join(fixtures, 'layer-1.json'), 'utf8'))
  if (!isDigest(layer.digest)) throw new TypeError('no digest')
  return { ...layer, digest: layer.digest }
}

test('layer 1 is unpacked to tree 1', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const bytes = readFileSync(join(fixtures, 'layer-1.tar.zst'))
  await store.blobs.write(one(bytes), { maxBytes: bytes.byteLength })
  const layer = descriptor()

  await unpackLayer(store, layer)

  const made = readFileSync(treePath(store, layer.digest), 'utf8')
  const kept = readFileSync(join(fixtures, 'tree-1.txt'), 'utf8')
  expect(made.replace(/\tboot \S+\n/, '\tdurable\n')).toBe(kept)
})

test('tree 1 is read', () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const { digest } = descriptor()
  mkdirSync(join(folder.path, 'trees'))
  copyFileSync(join(fixtures, 'tree-1.txt'), treePath(store, digest))

  const paths = readTree(store, digest)?.entries.map(({ type, path }) => `${type} ${path}`)

  expect(paths).toEqual([
    'dir usr',
    'dir usr/local',
    'dir usr/local/bin',
    'file usr/local/bin/hello',
    'dir usr/local/lib',
    'dir usr/local/lib/empty',
    'file usr/local/lib/größe.txt',
    'symlink usr/local/lib/libone.so',
    'file usr/local/lib/libone.so.1',
    'file usr/local/lib/none',
  ])
})
