import { expect, test } from 'bun:test'
import { existsSync, lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { unpackArchive } from './archive.ts'

interface Member {
  readonly name: string
  readonly type?: string
  readonly body?: string
  readonly target?: string
  readonly mode?: number
  readonly seconds?: number
  /** The twelve bytes of the time, instead of `seconds`. */
  readonly time?: readonly number[]
}

function header(member: Member, size: number): Uint8Array {
  const bytes = new Uint8Array(512)
  const put = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at)
  put(0, member.name)
  put(100, `${(member.mode ?? 0o644).toString(8).padStart(7, '0')}\0`)
  put(124, `${size.toString(8).padStart(11, '0')}\0`)
  put(136, `${(member.seconds ?? 0).toString(8).padStart(11, '0')}\0`)
  bytes.set(member.time ?? [], 136)
  put(156, member.type ?? '0')
  put(157, member.target ?? '')
  put(257, 'ustar\u000000')
  seal(bytes)
  return bytes
}

/** Writes the checksum of a header, which counts its own place as blanks. */
function seal(block: Uint8Array): void {
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
}

function tar(members: readonly Member[]): Uint8Array {
  const parts = members.flatMap((member) => {
    const body = new TextEncoder().encode(member.body ?? '')
    const padding = new Uint8Array((512 - (body.length % 512)) % 512)
    return [header(member, body.length), body, padding]
  })
  return Buffer.concat([...parts, new Uint8Array(1024)])
}

async function unpack(bytes: Uint8Array, strip = 0) {
  const folder = temporaryFolder()
  writeFileSync(join(folder.path, 'a.tar'), bytes)
  const to = join(folder.path, 'out')
  const archive = join(folder.path, 'a.tar')
  const result = await unpackArchive(archive, to, { strip, path: '/usr/bin' }).catch(
    (error: unknown) => {
      folder[Symbol.dispose]()
      throw error
    },
  )
  return { ...result, to, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

test('files, folders and links come out, stripped, with the newest time', async () => {
  const members: Member[] = [
    { name: 'top/', type: '5' },
    { name: 'top/run.sh', body: 'x', mode: 0o755, seconds: 1000 },
    { name: 'top/deep/readme', body: 'hello', seconds: 2000 },
    { name: 'top/link', type: '2', target: 'deep/readme' },
    { name: 'top/hard', type: '1', target: 'top/run.sh' },
  ]

  using out = await unpack(gzipSync(tar(members)), 1)

  expect(out.newestSeconds).toBe(2000)
  expect(readFileSync(join(out.to, 'link'), 'utf8')).toBe('hello')
  expect(statSync(join(out.to, 'run.sh')).mode & 0o777).toBe(0o755)
  expect(readFileSync(join(out.to, 'hard'), 'utf8')).toBe('x')
  expect(lstatSync(join(out.to, 'deep')).isDirectory()).toBe(true)
})

test('an archive of the oldest form, which has no magic, comes out', async () => {
  const bytes = tar([{ name: 'top/file', body: 'old' }])
  bytes.fill(0, 257, 265)
  seal(bytes.subarray(0, 512))

  using out = await unpack(bytes, 1)

  expect(readFileSync(join(out.to, 'file'), 'utf8')).toBe('old')
})

const hostile: readonly (readonly [what: string, members: readonly Member[]])[] = [
  ['a path that climbs', [{ name: '../evil', body: 'x' }]],
  ['a path that climbs later', [{ name: 'a/../../evil', body: 'x' }]],
  ['an absolute path', [{ name: '/tmp/evil', body: 'x' }]],
  ['a link that leads out', [{ name: 'l', type: '2', target: '../..' }]],
  ['an absolute link', [{ name: 'l', type: '2', target: '/etc' }]],
  [
    'a file through a link',
    [
      { name: 'l', type: '2', target: 'd' },
      { name: 'l/f', body: 'x' },
    ],
  ],
  [
    'links that lead out together',
    [
      { name: 'p/q/d', type: '2', target: '../../' },
      { name: 'p/q/e', type: '2', target: 'd/../x' },
      { name: 'p/q/f', type: '2', target: 'd/../' },
    ],
  ],
  ['a hard link to what is not in it', [{ name: 'h', type: '1', target: 'etc/passwd' }]],
  ['a device', [{ name: 'null', type: '3' }]],
  ['a pipe', [{ name: 'pipe', type: '6' }]],
  [
    'a folder that becomes a link',
    [
      { name: 'a/b', body: 'x' },
      { name: 'a', type: '2', target: 'c' },
    ],
  ],
]

test.each(hostile)('%s is refused and nothing is left', async (_, members) => {
  using folder = temporaryFolder()
  const archive = join(folder.path, 'evil.tar')
  writeFileSync(archive, tar(members))

  const unpacking = unpackArchive(archive, join(folder.path, 'out'), { strip: 0, path: '/usr/bin' })

  await expect(unpacking).rejects.toMatchObject({ code: 'build/bad-archive' })
  expect(readdirSync(folder.path)).toEqual(['evil.tar'])
  expect(existsSync(join(folder.path, '..', 'evil'))).toBe(false)
})

function pax(key: string, value: string): Member {
  const rest = ` ${key}=${value}\n`
  const length = rest.length + String(rest.length + 2).length
  return { name: 'pax', type: 'x', body: `${length}${rest}` }
}

test.each([
  ['below zero', { time: Array<number>(12).fill(0xff) }, []],
  ['no number', {}, [pax('mtime', 'yesterday')]],
  ['after the year 9999', {}, [pax('mtime', '99999999999999')]],
])('a time that is %s counts for nothing', async (_, more, before) => {
  using out = await unpack(tar([...before, { name: 'f', body: 'x', ...more }]))

  expect(out.newestSeconds).toBe(0)
  expect(statSync(join(out.to, 'f')).mtimeMs).toBe(0)
})

test.each([
  ['with sparse files', [pax('GNU.sparse.major', '1'), { name: 'f', body: 'x' }], 'sparse'],
  ['with a size that its data does not have', [pax('size', '9999'), { name: 'f' }], 'longer'],
  [
    'with a name that no folder takes',
    [pax('path', `top/${'n'.repeat(300)}`), { name: 'f', body: 'x' }],
    'a name in it is too long',
  ],
  ['of which stripping leaves nothing', [{ name: 'f', body: 'x' }], 'no file is left with `strip'],
])('an archive %s is refused by the name of its source', async (_, members, says) => {
  using folder = temporaryFolder()
  const archive = join(folder.path, 'ab12')
  writeFileSync(archive, tar(members))
  const options = { strip: 1, path: '/usr/bin', name: 'https://example.org/a.tar' }

  const unpacking = unpackArchive(archive, join(folder.path, 'out'), options)

  await expect(unpacking).rejects.toMatchObject({
    code: 'build/bad-archive',
    message: expect.stringMatching(
      new RegExp(`^Source archive https://example.org/a.tar.*${says}`),
    ),
  })
})

test('a name that is not UTF-8 is refused, not changed', async () => {
  const bytes = tar([{ name: 'caf_', body: 'x' }])
  bytes[3] = 0xe9
  seal(bytes.subarray(0, 512))

  await expect(unpack(bytes)).rejects.toThrow('a name in it is not UTF-8')
})

function packedBy(program: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => Bun.spawnSync([program, '-c'], { stdin: bytes }).stdout
}

const packers: readonly [string, string[], (bytes: Uint8Array) => Uint8Array][] = [
  ['gzip', [], (bytes) => gzipSync(bytes)],
  ['zstd', ['zstd'], packedBy('zstd')],
  ['xz', ['xz'], packedBy('xz')],
  ['bzip2', ['bzip2'], packedBy('bzip2')],
]

for (const [kind, programs, pack] of packers) {
  outside(programs)(`${kind}: what unpacks to more than allowed is refused, no less`, async () => {
    using folder = temporaryFolder()
    const whole = tar([{ name: 'a/zeros', body: '\0'.repeat(3_000_000) }])
    const archive = join(folder.path, 'bomb.tar')
    const packed = pack(whole)
    expect(packed.byteLength).toBeLessThan(10_000)
    // In two parts, as tools that use several processors write it: both count.
    writeFileSync(archive, Buffer.concat([packed, packed]))
    const to = join(folder.path, 'out')
    const unpacking = (sizeBytesMax: number) =>
      unpackArchive(archive, to, { strip: 0, path: process.env['PATH'] ?? '', sizeBytesMax })

    for (const bytes of [1000, whole.byteLength, 2 * whole.byteLength - 1]) {
      await expect(unpacking(bytes)).rejects.toMatchObject({
        code: 'build/bad-archive',
        message: expect.stringContaining(`it unpacks to more than ${bytes} B`),
      })
      expect(readdirSync(folder.path)).toEqual(['bomb.tar'])
    }
    expect((await unpacking(2 * whole.byteLength)).files).toBe(1)
  })
}

outside(['xz'])('xz that is not there, and xz that is damaged, are told apart', async () => {
  using folder = temporaryFolder()
  const archive = join(folder.path, 'a.tar')
  const packed = packedBy('xz')(tar([{ name: 'a', body: 'x' }]))
  const to = join(folder.path, 'out')
  writeFileSync(archive, packed)
  await expect(unpackArchive(archive, to, { strip: 0, path: folder.path })).rejects.toMatchObject({
    code: 'kernel/program-missing',
  })
  writeFileSync(archive, packed.subarray(0, -9))
  const path = process.env['PATH'] ?? ''
  await expect(unpackArchive(archive, to, { strip: 0, path })).rejects.toMatchObject({
    code: 'build/bad-archive',
    message: expect.stringContaining('damaged or cut short'),
  })
})

test('an archive that is cut short anywhere, or not one at all, is refused', async () => {
  const whole = gzipSync(tar([{ name: 'a/b', body: 'x'.repeat(3000) }]))
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
      await expect(unpack(whole.subarray(0, length))).rejects.toMatchObject({
        code: 'build/bad-archive',
      })
    }),
    { numRuns: 40 },
  )
  await expect(unpack(new TextEncoder().encode('<html>'))).rejects.toMatchObject({
    code: 'build/bad-archive',
  })
})

test('whatever the bytes of an archive are, the answer is files or a refusal', async () => {
  const good = tar([
    { name: 'a/b', body: 'hello' },
    { name: 'c', type: '2', target: 'a/b' },
  ])
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      async (changes) => {
        const bytes = Uint8Array.from(good)
        for (const [at, byte] of changes) bytes[at] = byte
        const outcome = await unpack(bytes).then(
          (out) => {
            out[Symbol.dispose]()
            return 'files'
          },
          (error: unknown) => error,
        )
        if (outcome !== 'files') expect(outcome).toMatchObject({ code: 'build/bad-archive' })
      },
    ),
    { numRuns: 200 },
  )
})
