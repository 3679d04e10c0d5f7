/** Layers made and read again: equal files, equal bytes, and what zstd, tar and the table say. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { annotationKeys, olderKeys, tocPlaces } from './chunked.ts'
import { packLayer } from './pack.ts'
import { openStore, type Store } from './store.ts'
import { storeBytes } from './test-layers.ts'
import { readTree } from './tree.ts'
import { unpackLayer } from './unpack.ts'
import { materialise } from './view.ts'

type Files = Readonly<
  Record<string, { readonly bytes?: Uint8Array; readonly link?: string; readonly x?: boolean }>
>

const epochSeconds = 1_600_000_000
const big = Buffer.alloc(9 * 1024 * 1024 + 17)
for (let index = 0; index < big.byteLength; index += 5) big.writeUInt8((index * 7919) & 255, index)

const sample: Files = {
  'bin/tool': { bytes: Buffer.from('#!/bin/sh\n'), x: true },
  'lib/libbig.so.1.2': { bytes: big },
  'lib/libbig.so': { link: 'libbig.so.1.2' },
  'lib/abs.so': { link: '/usr/local/lib/libbig.so.1.2' },
  'share/empty': { bytes: new Uint8Array() },
  'share/exact': { bytes: Buffer.alloc(512, 3) },
  [`share/${'long/'.repeat(40)}name`]: { bytes: Buffer.from('deep') },
  'share/größe': { bytes: Buffer.from('not ascii') },
}

function makeFolder(folder: string, files: Files): string {
  mkdirSync(join(folder, 'usr/local'), { recursive: true })
  for (const [name, { bytes, link, x }] of Object.entries(files)) {
    const path = join(folder, 'usr/local', name)
    mkdirSync(dirname(path), { recursive: true })
    if (link === undefined) writeFileSync(path, bytes ?? '', { mode: x === true ? 0o755 : 0o644 })
    else symlinkSync(link, path)
  }
  return folder
}

function readFolder(folder: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const item of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? item.name : `${below}/${item.name}`
    if (item.isDirectory()) Object.assign(found, { [path]: 'dir' }, readFolder(folder, path))
    else if (item.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(folder, path))}`
    else {
      const x = (statSync(join(folder, path)).mode & 0o111) === 0 ? '' : ' x'
      found[path] = `${digestOf(readFileSync(join(folder, path)))}${x}`
    }
  }
  return found
}

/** The store with the layer's files forgotten, so that unpacking reads the blob. */
function elsewhere(store: Store, home: string): Store {
  return { home, blobs: store.blobs }
}

test('a layer unpacks to what was packed, files that span pieces included', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const source = makeFolder(join(folder.path, 'source'), sample)

  const packed = await packLayer(store, source, { epochSeconds })
  const other = elsewhere(store, join(folder.path, 'other'))
  const tree = await unpackLayer(other, { ...packed.descriptor, diffId: packed.diffId })
  await materialise(other, [tree.layer], join(folder.path, 'out'), 'copy')

  expect(tree.fileList).toBe(packed.fileList)
  expect(packed.files).toBe(6)
  expect(readTree(store, tree.layer)?.entries).toEqual(tree.entries)
  expect(readFolder(join(folder.path, 'out'))).toEqual({
    ...readFolder(source),
    'usr/local/lib/abs.so': '-> libbig.so.1.2',
  })
})

test('equal files give equal layers, whatever their times, owners and masks', async () => {
  using folder = temporaryFolder()
  const first = makeFolder(join(folder.path, 'first'), sample)
  const second = makeFolder(join(folder.path, 'second'), sample)
  utimesSync(join(second, 'usr/local/share/empty'), 5, 5)
  chmodSync(join(second, 'usr/local/share/exact'), 0o400)
  chmodSync(join(second, 'usr/local/bin/tool'), 0o700)

  const one = await packLayer(openStore(join(folder.path, '1')), first, { epochSeconds })
  const two = await packLayer(openStore(join(folder.path, '2')), second, { epochSeconds })

  expect(two).toEqual(one)
})

test('more pieces than memory, packed twice at once, give the layer of one', async () => {
  using folder = temporaryFolder()
  const noise = Buffer.alloc(5 * 1024 * 1024 + 3)
  for (let at = 0; at < noise.byteLength; at += 60_000)
    crypto.getRandomValues(noise.subarray(at, at + 60_000))
  const files: Record<string, { bytes: Uint8Array }> = { 'lib/whole.a': { bytes: noise } }
  for (let index = 0; index < 40; index += 1) {
    const size = (index % 3) * 700_000 + index
    files[`lib/part-${index}.so`] = { bytes: noise.subarray(index, index + size) }
    for (let small = 0; small < 20; small += 1)
      files[`share/${index}/${small}`] = { bytes: noise.subarray(small, small + small * index) }
  }
  const source = makeFolder(join(folder.path, 'source'), files)
  const packAt = (home: string) =>
    packLayer(openStore(join(folder.path, home)), source, { epochSeconds })

  const alone = await packAt('home')

  expect(await Promise.all([packAt('left'), packAt('right')])).toEqual([alone, alone])
  const store = openStore(join(folder.path, 'home'))
  const input = { ...alone.descriptor, diffId: alone.diffId }
  const { fileList } = await unpackLayer(store, input, { isRepair: true })
  expect(fileList).toBe(alone.fileList)
})

test('property: any tree of files comes back, seen with its digest', async () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,3}$/)
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const content = fc.record({ bytes: fc.uint8Array({ maxLength: 2000 }), x: fc.boolean() })
  const files = fc.dictionary(path, content, { maxKeys: 30 }).map((tree) => {
    const paths = Object.keys(tree)
    const leaves = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)))
    return Object.fromEntries(
      leaves.map((leaf) => [leaf, tree[leaf] ?? { bytes: new Uint8Array() }]),
    )
  })
  await fc.assert(
    fc.asyncProperty(files, async (tree) => {
      using folder = temporaryFolder()
      const store = openStore(join(folder.path, 'home'))
      const source = makeFolder(join(folder.path, 'source'), tree)
      const packed = await packLayer(store, source, { epochSeconds })
      const other = elsewhere(store, join(folder.path, 'other'))
      const unpacked = await unpackLayer(other, { ...packed.descriptor, diffId: packed.diffId })
      await materialise(other, [unpacked.layer], join(folder.path, 'out'), 'hardlink')
      expect(unpacked.fileList).toBe(packed.fileList)
      expect(readFolder(join(folder.path, 'out'))).toEqual(readFolder(source))
    }),
    { numRuns: 25 },
  )
}, 60_000)

test('a folder that leads elsewhere or holds a pipe is not packed; no blob is left', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const pack = (name: string, files: Files) =>
    packLayer(store, makeFolder(join(folder.path, name), files), { epochSeconds })

  await expect(pack('a', { x: { link: '/etc/passwd' } })).rejects.toMatchObject({
    code: 'store/pack-link-escape',
  })
  await expect(pack('b', { x: { link: '../../../etc' } })).rejects.toMatchObject({
    code: 'store/pack-link-escape',
  })
  await expect(pack('c', { README: { bytes: big }, readme: { bytes: big } })).rejects.toMatchObject(
    {
      code: 'store/layer-case-clash',
    },
  )
  const pipe = makeFolder(join(folder.path, 'd'), {})
  Bun.spawnSync(['mkfifo', join(pipe, 'usr/local/pipe')])
  await expect(packLayer(store, pipe, { epochSeconds })).rejects.toMatchObject({
    code: 'store/pack-special-file',
  })
  expect(await Array.fromAsync(store.blobs.list())).toEqual([])
  expect(readdirSync(join(store.home, 'tmp'))).toEqual([])
})

test('the table of contents finds every file, and a table that lies is refused', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const source = makeFolder(join(folder.path, 'source'), sample)
  const { descriptor, diffId } = await packLayer(store, source, { epochSeconds })
  const blob = readFileSync(store.blobs.pathOf?.(descriptor.digest) ?? '')
  const place = tocPlaces(descriptor.annotations)[0]
  if (place === undefined || place === 'bad') throw new Error('no table')
  const text = Bun.zstdDecompressSync(blob.subarray(place.offset, place.offset + place.length))
  const toc: { entries: Record<string, string | number>[] } = JSON.parse(text.toString())

  for (const entry of toc.entries.filter(
    ({ type, size }) => type === 'reg' && size !== undefined,
  )) {
    const bytes = Bun.zstdDecompressSync(
      blob.subarray(Number(entry['offset']), Number(entry['endOffset'])),
    )
    expect<string>(digestOf(bytes)).toBe(`${entry['digest']}`)
  }
  expect(toc.entries.map((entry) => entry['name'])).toContain('usr/local/lib/libbig.so.1.2')

  const [first, ...others] = toc.entries
  const extra = JSON.stringify({ type: 'reg', name: 'etc/passwd' })
  const lies = [
    JSON.stringify({ ...toc, entries: others }),
    JSON.stringify({ ...toc, entries: [...others, first] }),
    JSON.stringify({ ...toc, entries: [...toc.entries, { type: 'chunk', name: 'etc/passwd' }] }),
    JSON.stringify({ ...toc, entries: [{ ...first, Mode: 0o777 }, ...others] }),
    JSON.stringify({ ...toc, entries: [{ ...first, devMajor: 1 }, ...others] }),
    JSON.stringify({ ...toc, Entries: [] }),
    text.toString().replace('"entries":[', `"entries":[${extra}],"entries":[`),
  ]
  for (const lie of lies)
    for (const { tocChecksum, tocPosition } of [annotationKeys, olderKeys]) {
      const frame = Bun.zstdCompressSync(lie)
      const head = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
      head.writeUInt32LE(frame.byteLength, 4)
      const lying = await storeBytes(store, Buffer.concat([blob, head, frame]))
      const size = Buffer.byteLength(lie)
      const annotations = {
        [tocChecksum]: digestOf(frame),
        [tocPosition]: `${blob.byteLength + 8}:${frame.byteLength}:${size}:1`,
      }
      await expect(unpackLayer(store, { ...lying, annotations, diffId })).rejects.toMatchObject({
        code: 'store/layer-toc-mismatch',
      })
    }
})

test('a damaged blob and a wrong diff ID are told apart', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const source = makeFolder(join(folder.path, 'source'), { a: { bytes: big } })
  const { descriptor } = await packLayer(store, source, { epochSeconds })

  await expect(
    unpackLayer(store, { ...descriptor, diffId: digestOf('other') }),
  ).rejects.toMatchObject({ code: 'store/diff-id-mismatch' })

  const path = store.blobs.pathOf?.(descriptor.digest) ?? ''
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000)
  writeFileSync(path, bytes)
  await expect(unpackLayer(store, descriptor)).rejects.toMatchObject({
    code: 'store/digest-mismatch',
  })
  expect(readdirSync(join(store.home, 'tmp'))).toEqual([])
})

test('a blob that was replaced by another good layer is none', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const pack = (name: string) =>
    packLayer(store, makeFolder(join(folder.path, name), { [name]: {} }), { epochSeconds })
  const [wanted, other] = [await pack('wanted'), await pack('other')]
  const path = store.blobs.pathOf?.(wanted.descriptor.digest) ?? ''
  chmodSync(path, 0o644)
  writeFileSync(path, readFileSync(store.blobs.pathOf?.(other.descriptor.digest) ?? ''))

  const { digest, size } = wanted.descriptor
  for (const layer of [wanted.descriptor, { digest, size }])
    await expect(unpackLayer(store, layer)).rejects.toMatchObject({
      code: 'store/digest-mismatch',
    })
})

test('packing and unpacking stop when they are told to, and leave nothing', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const source = makeFolder(join(folder.path, 'source'), sample)
  const signal = AbortSignal.abort()

  await expect(packLayer(store, source, { epochSeconds, signal })).rejects.toMatchObject({
    code: 'kernel/cancelled',
  })
  const { descriptor } = await packLayer(store, source, { epochSeconds })
  await expect(unpackLayer(store, descriptor, { signal })).rejects.toMatchObject({
    code: 'kernel/cancelled',
  })
  expect(readdirSync(join(store.home, 'tmp'))).toEqual([])
})

outside(['zstd', 'tar'])('zstd and tar read a layer as it was packed', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const source = makeFolder(join(folder.path, 'source'), sample)
  const { descriptor } = await packLayer(store, source, { epochSeconds })
  const path = store.blobs.pathOf?.(descriptor.digest) ?? ''
  mkdirSync(join(folder.path, 'out'))

  const line = `zstd -dc '${path}' | tar -C '${join(folder.path, 'out')}' -xf -`
  const done = Bun.spawnSync(['sh', '-c', line])

  expect(done.stderr.toString()).toBe('')
  expect(readFolder(join(folder.path, 'out'))).toEqual({
    ...readFolder(source),
    'usr/local/lib/abs.so': '-> libbig.so.1.2',
  })
  expect(statSync(join(folder.path, 'out/usr/local/bin/tool')).mtimeMs).toBe(epochSeconds * 1000)
})

outside(['zstd', 'tar'])(
  'a layer that tar and zstd made is unpacked, one long frame too',
  async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const source = makeFolder(join(folder.path, 'source'), {
      ...sample,
      'lib/abs.so': { link: 'x' },
    })
    const tar = join(folder.path, 'layer.tar')
    Bun.spawnSync(['tar', '--format=gnu', '-C', source, '-cf', tar, 'usr'])
    Bun.spawnSync(['sh', '-c', `zstd -q < '${tar}' > '${tar}.zst'`])
    const layer = await storeBytes(store, readFileSync(`${tar}.zst`))

    const tree = await unpackLayer(store, { ...layer, diffId: digestOf(readFileSync(tar)) })
    await materialise(store, [tree.layer], join(folder.path, 'out'), 'copy')

    expect(readFolder(join(folder.path, 'out'))).toEqual(readFolder(source))
  },
)
