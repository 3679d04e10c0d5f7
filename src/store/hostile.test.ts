/** Layers that must be refused: each with its own code, nothing written, nothing left behind. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { type ErrorCode, temporaryFolder } from '#kernel/index.ts'
import { openStore } from './store.ts'
import { storeBytes, type TestEntry, testLayer, testPax, testTar } from './test-layers.ts'
import { hasTree } from './tree.ts'
import { unpackLayer, type UnpackOptions } from './unpack.ts'

const file = (name: string, body = 'x'): TestEntry => ({ name, body })
const link = (name: string, target: string): TestEntry => ({ name, kind: '2', target })
const hard = (name: string, target: string): TestEntry => ({ name, kind: '1', target })
const long = 'n'.repeat(256)

const cases: readonly (readonly [string, ErrorCode, readonly TestEntry[]])[] = [
  ['an absolute path', 'store/layer-absolute-path', [file('/usr/local/a')]],
  ['a path that climbs', 'store/layer-parent-path', [file('usr/local/../../etc/passwd')]],
  ['a path that only climbs', 'store/layer-parent-path', [file('../x')]],
  [
    'a climbing path in a pax header',
    'store/layer-parent-path',
    [testPax({ path: 'usr/local/../../x' }), file('usr/local/a')],
  ],
  ['a NUL in a pax name', 'store/layer-bad-name', [testPax({ path: 'usr/local/a\0b' }), file('a')]],
  ['a line feed in a name', 'store/layer-bad-name', [file('usr/local/a\nb')]],
  ['a backslash in a name', 'store/layer-bad-name', [file('usr/local/..\\b')]],
  ['an empty name', 'store/layer-bad-name', [file('')]],
  ['an empty part of a path', 'store/layer-bad-name', [file('usr/local//a')]],
  ['a dot inside a path', 'store/layer-bad-name', [file('usr/local/./a')]],
  [
    'a part that is too long',
    'store/layer-bad-name',
    [testPax({ path: `usr/local/${long}` }), file('a')],
  ],
  [
    'a path that is too long',
    'store/layer-bad-name',
    [testPax({ path: `usr/local/${'ab/'.repeat(1400)}c` }), file('a')],
  ],
  ['a file in the place of the prefix', 'store/layer-outside-prefix', [file('usr/local')]],
  ['a file in the place of its parent', 'store/layer-outside-prefix', [file('usr')]],
  [
    'two names for one entry, of which docker takes the first',
    'store/layer-corrupt',
    [
      { name: '././@LongLink', kind: 'L', body: 'etc/passwd\0' },
      testPax({ path: 'usr/local/a' }),
      file('a'),
    ],
  ],
  [
    'two pax headers for one entry',
    'store/layer-corrupt',
    [testPax({ path: 'usr/local/a' }), testPax({ comment: '' }), file('etc/passwd')],
  ],
  [
    'a global header between a pax header and its entry',
    'store/layer-corrupt',
    [testPax({ path: 'usr/local/a' }), testPax({ comment: '' }, 'g'), file('etc/passwd')],
  ],
  [
    'a folder that is opaque by an attribute',
    'store/layer-whiteout',
    [testPax({ 'SCHILY.xattr.trusted.overlay.opaque': 'y' }), file('usr/local/a')],
  ],
  [
    'capabilities as libarchive writes them',
    'store/layer-setuid',
    [testPax({ 'LIBARCHIVE.xattr.security.capability': 'AQ' }), file('usr/local/a')],
  ],
  [
    'names that differ in case, of which one has no capital',
    'store/layer-case-clash',
    [file('usr/local/\u00df'), file('usr/local/\u1e9e')],
  ],
  ['a root that is a file', 'store/layer-bad-name', [file('.')]],
  ['a file outside of the prefix', 'store/layer-outside-prefix', [file('etc/passwd')]],
  ['a file beside the prefix', 'store/layer-outside-prefix', [file('usr/locale')]],
  ['an absolute symlink', 'store/layer-link-escape', [link('usr/local/a', '/etc/passwd')]],
  ['a symlink that climbs out', 'store/layer-link-escape', [link('usr/local/a', '../../etc')]],
  ['a symlink that climbs late', 'store/layer-link-escape', [link('usr/local/b/a', 'c/../../..')]],
  [
    'a symlink that climbs out and comes back',
    'store/layer-link-escape',
    [link('usr/local/a', '../../usr/local/b')],
  ],
  [
    'a symlink that climbs from what may be a link',
    'store/layer-link-escape',
    [link('usr/local/b/a', 'c/../d')],
  ],
  ['a symlink to nothing', 'store/layer-bad-name', [link('usr/local/a', '')]],
  ['a hard link that climbs out', 'store/layer-link-escape', [hard('usr/local/a', '../../etc/x')]],
  ['a hard link out of the prefix', 'store/layer-link-escape', [hard('usr/local/a', 'etc/x')]],
  ['a hard link to nothing', 'store/layer-dangling-link', [hard('usr/local/a', 'usr/local/b')]],
  [
    'a hard link to a symlink',
    'store/layer-dangling-link',
    [link('usr/local/b', 'c'), hard('usr/local/a', 'usr/local/b')],
  ],
  [
    'writing through a symlink',
    'store/layer-through-link',
    [link('usr/local/lib', 'share'), file('usr/local/lib/a')],
  ],
  [
    'writing below a file',
    'store/layer-through-link',
    [file('usr/local/lib'), file('usr/local/lib/a')],
  ],
  [
    'a symlink over a folder',
    'store/layer-duplicate',
    [file('usr/local/lib/a'), link('usr/local/lib', 'share')],
  ],
  ['a character device', 'store/layer-device', [{ name: 'usr/local/null', kind: '3' }]],
  ['a block device', 'store/layer-device', [{ name: 'usr/local/disk', kind: '4' }]],
  ['a pipe', 'store/layer-device', [{ name: 'usr/local/pipe', kind: '6' }]],
  ['setuid', 'store/layer-setuid', [{ name: 'usr/local/su', mode: 0o4755, body: 'x' }]],
  ['setgid', 'store/layer-setuid', [{ name: 'usr/local/sg', mode: 0o2755, body: 'x' }]],
  [
    'capabilities',
    'store/layer-setuid',
    [testPax({ 'SCHILY.xattr.security.capability': 'x' }), file('usr/local/a')],
  ],
  [
    'names that differ in case',
    'store/layer-case-clash',
    [file('usr/local/Readme'), file('usr/local/README')],
  ],
  [
    'folders that differ in case',
    'store/layer-case-clash',
    [file('usr/local/Lib/a'), file('usr/local/lib/b')],
  ],
  [
    'names that differ in Unicode form',
    'store/layer-case-clash',
    [file('usr/local/\u00e9'), file('usr/local/e\u0301')],
  ],
  ['a path twice', 'store/layer-duplicate', [file('usr/local/a'), file('usr/local/a', 'y')]],
  ['a whiteout', 'store/layer-whiteout', [file('usr/local/.wh.a', '')]],
  ['an opaque folder', 'store/layer-whiteout', [file('usr/local/.wh..wh..opq', '')]],
  ['a sparse file', 'store/layer-unsupported', [{ name: 'usr/local/a', kind: 'S' }]],
  [
    'a sparse file by pax',
    'store/layer-unsupported',
    [testPax({ 'GNU.sparse.major': '1' }), file('usr/local/a')],
  ],
  [
    'a global header',
    'store/layer-unsupported',
    [testPax({ path: 'usr/local/a' }, 'g'), file('usr/local/b')],
  ],
  [
    'a folder with content',
    'store/layer-corrupt',
    [{ name: 'usr/local/a/', kind: '5', body: 'x' }],
  ],
  [
    'a broken pax header',
    'store/layer-corrupt',
    [{ name: 'pax', kind: 'x', body: '99 path=a\n' }, file('usr/local/a')],
  ],
]

const temporaryNames = (home: string): string[] =>
  existsSync(join(home, 'tmp')) ? readdirSync(join(home, 'tmp')) : []

async function refusal(bytes: Uint8Array, options: UnpackOptions = {}, isTar = true) {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const layer = await (isTar ? testLayer(store, bytes) : storeBytes(store, bytes))
  const before = readdirSync(folder.path)
  const error: unknown = await unpackLayer(store, layer, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  return {
    error,
    left: [
      ...temporaryNames(store.home),
      ...(existsSync(join(store.home, 'files')) ? ['files'] : []),
    ],
    escaped: readdirSync(folder.path).length - before.length,
    hasTree: hasTree(store, layer.digest),
  }
}

const clean = { left: [], escaped: 0, hasTree: false }

describe('a layer is refused and leaves nothing', () => {
  for (const [what, code, entries] of cases)
    test(what, async () => {
      const honest = file('usr/local/honest', 'written before the refusal')

      const result = await refusal(testTar([honest, ...entries]))

      expect(result).toMatchObject({ ...clean, error: { code } })
    })

  test('bytes in a name that are not UTF-8', async () => {
    const tar = testTar([file('usr/local/aaaa')])
    tar[10] = 0xff
    const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    const old = tar.subarray(148, 156).reduce((total, byte) => total + byte, 0)
    tar.write(`${(sum - old + 256).toString(8).padStart(6, '0')}\0 `, 148)

    expect(await refusal(tar)).toMatchObject({ ...clean, error: { code: 'store/layer-bad-name' } })
  })

  test('too many entries', async () => {
    const entries = Array.from({ length: 60 }, (_, index) => file(`usr/local/${index}`))

    const result = await refusal(testTar(entries), { limits: { entriesMax: 50 } })

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-too-many' } })
  })

  test('more bytes than the limit', async () => {
    const tar = testTar([{ name: 'usr/local/a', body: Buffer.alloc(100_000, 1) }])

    const result = await refusal(tar, { limits: { unpackedBytesMax: 50_000 } })

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-bomb' } })
  })

  test('a bomb: far more bytes than it has itself', async () => {
    const tar = testTar([{ name: 'usr/local/a', body: Buffer.alloc(80 * 1024 * 1024) }])

    const result = await refusal(tar, { limits: { ratioMax: 100 } })

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-bomb' } })
  })

  test('a frame that holds more than its header promises', async () => {
    const frame = Buffer.from(
      Bun.zstdCompressSync(testTar([file('usr/local/a', 'x'.repeat(2000))])),
    )
    const isSingle = ((frame[4] ?? 0) & 0x20) !== 0
    frame.writeUInt16LE(500, isSingle ? 5 : 6)

    expect(await refusal(frame, {}, false)).toMatchObject({
      ...clean,
      error: { code: expect.stringMatching(/^store\/layer-(?:bomb|corrupt)$/) },
    })
  })

  test('a tar without an end', async () => {
    const result = await refusal(testTar([file('usr/local/a')], false))

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-truncated' } })
  })

  test('a tar that ends inside a file', async () => {
    const tar = testTar([{ name: 'usr/local/a', body: 'x', size: 5_000_000 }])

    expect(await refusal(tar)).toMatchObject({ ...clean, error: { code: 'store/layer-truncated' } })
  })

  test('a zstd frame that is cut', async () => {
    const frame = Bun.zstdCompressSync(testTar([file('usr/local/a', 'x'.repeat(4000))]))

    const result = await refusal(frame.subarray(0, -3), {}, false)

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-truncated' } })
  })

  test('a damaged frame that does not promise its size', async () => {
    const frame = zstdCompressSync(testTar([file('usr/local/a', 'x'.repeat(4000))]), {
      params: { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 1 },
    })
    frame.writeUInt8(frame.readUInt8(frame.byteLength - 1) ^ 1, frame.byteLength - 1)

    const result = await refusal(frame, {}, false)

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-corrupt' } })
  })

  test('content after the end of the tar', async () => {
    const tar = Buffer.concat([testTar([file('usr/local/a')]), testTar([file('usr/local/b')])])

    expect(await refusal(tar)).toMatchObject({ ...clean, error: { code: 'store/layer-corrupt' } })
  })

  test('a header with a wrong checksum', async () => {
    const tar = testTar([file('usr/local/a')])
    tar[0] = 0x76

    expect(await refusal(tar)).toMatchObject({ ...clean, error: { code: 'store/layer-corrupt' } })
  })

  test('what is not zstd', async () => {
    const result = await refusal(Buffer.from('PK\x03\x04 this is a zip'), {}, false)

    expect(result).toMatchObject({ ...clean, error: { code: 'store/layer-corrupt' } })
  })
})

test('hard links, long names, implied folders and inner links are accepted', async () => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  const deep = `usr/local/${'d/'.repeat(60)}file`
  const tar = testTar([
    { name: './', kind: '5' },
    { name: 'usr/', kind: '5', mode: 0o755 },
    { name: 'usr/local/bin/tool', mode: 0o755, body: 'tool' },
    hard('usr/local/bin/same', 'usr/local/bin/tool'),
    link('usr/local/lib', 'bin/../bin'.slice(7)),
    testPax({ path: deep }),
    file('short'),
    { name: '././@LongLink', kind: 'L', body: `usr/local/${'g'.repeat(120)}\0` },
    file('short'),
  ])

  const tree = await unpackLayer(store, await testLayer(store, tar))

  const tool = { type: 'file', size: 4, executable: true }
  expect(tree.entries).toContainEqual(
    expect.objectContaining({ ...tool, path: 'usr/local/bin/same' }),
  )
  expect(tree.entries).toContainEqual({ type: 'symlink', path: 'usr/local/lib', target: 'bin' })
  expect(tree.entries).toContainEqual({ type: 'dir', path: 'usr/local/bin' })
  expect(tree.entries.map((entry) => entry.path)).toContain(deep)
})
