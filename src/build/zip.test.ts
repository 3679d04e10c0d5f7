import { expect, test } from 'bun:test'
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { run, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { unpackArchive } from './archive.ts'

const none = new Uint8Array()

/** An entry of a zip; whatever is given overrides what an honest writer writes. */
interface Member {
  readonly name: string
  readonly body?: string | Uint8Array
  /** Kind and permissions of Unix. */
  readonly mode?: number
  readonly flags?: number
  readonly method?: number
  readonly extra?: Uint8Array
  /** Only in the local header. */
  readonly localName?: string
  readonly localChecksum?: number
  /** Only in the directory. */
  readonly says?: { size?: number; packed?: number; checksum?: number; at?: number }
  /** Comes after the bytes. */
  readonly descriptor?: boolean
}

function numbers(...fields: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer {
  return Buffer.concat(
    fields.map(([bytes, value]) => {
      const field = Buffer.alloc(bytes)
      if (bytes === 8) field.writeBigUInt64LE(BigInt(value))
      else field.writeUIntLE(value, 0, bytes)
      return field
    }),
  )
}

const when = [0x4a21, 0x5443] as const // 2022-02-03 09:17:02

function packedOf({ body = '', method = 8 }: Member) {
  const whole = Buffer.from(body)
  return { whole, packed: method === 8 ? deflateRawSync(whole) : whole, checksum: crc32(whole) }
}

function localOf(member: Member): Buffer {
  const { whole, packed, checksum } = packedOf(member)
  const name = Buffer.from(member.localName ?? member.name)
  const isLater = member.descriptor === true
  const bits = (member.flags ?? 0) | (isLater ? 8 : 0)
  const sizes = isLater
    ? [0, 0, 0]
    : [member.localChecksum ?? checksum, packed.length, whole.length]
  const [crc = 0, small = 0, large = 0] = sizes
  const head = numbers([4, 0x04034b50], [2, 20], [2, bits], [2, member.method ?? 8])
  const middle = numbers([2, when[0]], [2, when[1]], [4, crc], [4, small], [4, large])
  const ends = numbers([2, name.length], [2, 0])
  const after = isLater
    ? numbers([4, 0x08074b50], [4, checksum], [4, packed.length], [4, whole.length])
    : none
  return Buffer.concat([head, middle, ends, name, packed, after])
}

function centralOf(member: Member, at: number): Buffer {
  const { whole, packed, checksum } = packedOf(member)
  const { says = {}, extra = none } = member
  const name = Buffer.from(member.name)
  const bits = (member.flags ?? 0) | (member.descriptor === true ? 8 : 0)
  return Buffer.concat([
    numbers([4, 0x02014b50], [2, (3 << 8) | 30], [2, 20], [2, bits], [2, member.method ?? 8]),
    numbers([2, when[0]], [2, when[1]], [4, says.checksum ?? checksum]),
    numbers([4, says.packed ?? packed.length], [4, says.size ?? whole.length]),
    numbers([2, name.length], [2, extra.length], [2, 0], [2, 0], [2, 0]),
    numbers([4, (member.mode ?? 0o100644) * 0x10000], [4, says.at ?? at]),
    name,
    extra,
  ])
}

interface Ending {
  readonly entries?: number
  readonly start?: number
  readonly comment?: string
  /** With the 64-bit records, and nothing in the short one. */
  readonly large?: boolean
}

function zip(members: readonly Member[], ending: Ending = {}): Buffer {
  const locals = members.map(localOf)
  const offsets = locals.map((_, index) => Buffer.concat(locals.slice(0, index)).length)
  const central = Buffer.concat(
    members.map((member, index) => centralOf(member, offsets[index] ?? 0)),
  )
  const at = Buffer.concat(locals).length
  const count = ending.entries ?? members.length
  const start = ending.start ?? at
  const comment = Buffer.from(ending.comment ?? '')
  const wide = Buffer.concat([
    numbers([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0]),
    numbers([8, count], [8, count], [8, central.length], [8, start]),
    numbers([4, 0x07064b50], [4, 0], [8, at + central.length], [4, 1]),
  ])
  const large = ending.large === true
  const short = large ? [0xffff, 0xffffffff, 0xffffffff] : [count, central.length, start]
  const [entries = 0, length = 0, from = 0] = short
  return Buffer.concat([
    ...locals,
    central,
    large ? wide : none,
    numbers([4, 0x06054b50], [2, 0], [2, 0], [2, entries], [2, entries], [4, length], [4, from]),
    numbers([2, comment.length]),
    comment,
  ])
}

async function unpack(bytes: Uint8Array, strip = 0) {
  const folder = temporaryFolder()
  const archive = join(folder.path, 'a.zip')
  writeFileSync(archive, bytes)
  const to = join(folder.path, 'out')
  try {
    const result = await unpackArchive(archive, to, { strip, path: '/usr/bin' })
    return { ...result, to, [Symbol.dispose]: () => folder[Symbol.dispose]() }
  } catch (error) {
    expect(readdirSync(folder.path)).toEqual(['a.zip'])
    folder[Symbol.dispose]()
    throw error
  }
}

const link = 0o120777

test('files, folders, programs and links come out, stripped, with the newest time', async () => {
  const times = Buffer.concat([numbers([2, 0x5455], [2, 5]), Buffer.from([1]), numbers([4, 2e9])])
  const members: Member[] = [
    { name: 'top/', mode: 0o040755 },
    { name: 'top/run.sh', body: 'x', mode: 0o100755, method: 0 },
    { name: 'top/déep/readme', body: 'hello '.repeat(100), extra: times },
    { name: 'top/link', body: 'déep/readme', mode: link },
    { name: 'top/later', body: 'y', descriptor: true },
  ]

  for (const ending of [{}, { comment: 'PK\u0005\u0006 or so' }, { large: true }]) {
    using out = await unpack(zip(members, ending), 1)
    expect(out).toMatchObject({ files: 3, newestSeconds: 2_000_000_000 })
    expect(readFileSync(join(out.to, 'link'), 'utf8')).toStartWith('hello hello')
    expect(statSync(join(out.to, 'run.sh')).mode & 0o777).toBe(0o755)
    expect(statSync(join(out.to, 'run.sh')).mtimeMs).toBe(Date.UTC(2022, 1, 3, 9, 17, 2))
    expect(readFileSync(join(out.to, 'later'), 'utf8')).toBe('y')
    expect(lstatSync(join(out.to, 'déep')).isDirectory()).toBe(true)
  }
})

test('sizes of 64 bits are read where the short ones say so', async () => {
  const { whole, packed } = packedOf({ name: 'a', body: 'large' })
  const extra = numbers([2, 1], [2, 24], [8, whole.length], [8, packed.length], [8, 0])
  const says = { size: 0xffffffff, packed: 0xffffffff, at: 0xffffffff }

  using out = await unpack(zip([{ name: 'a', body: 'large', extra, says }], { large: true }))

  expect(readFileSync(join(out.to, 'a'), 'utf8')).toBe('large')
  const short = extra.subarray(0, 12)
  short.writeUInt16LE(8, 2)
  const lacking = unpack(zip([{ name: 'a', body: 'large', extra: short, says }], { large: true }))
  await expect(lacking).rejects.toThrow("64-bit sizes of 'a' are missing")
})

const body = 'x'.repeat(1000)
const hostile: readonly (readonly [what: string, zip: Uint8Array, says: string])[] = [
  ['a path that climbs', zip([{ name: '../evil', body }]), 'leaves the folder'],
  ['a path that climbs later', zip([{ name: 'a/../../evil', body }]), 'leaves the folder'],
  ['an absolute path', zip([{ name: '/tmp/evil', body }]), 'absolute path'],
  ['a path of Windows', zip([{ name: 'a\\..\\evil', body }]), 'a NUL or a backslash'],
  ['a link that leads out', zip([{ name: 'l', body: '../..', mode: link }]), 'leads out'],
  ['an absolute link', zip([{ name: 'l', body: '/etc', mode: link }]), 'leads out'],
  [
    'a file through a link',
    zip([
      { name: 'l', body: 'd', mode: link },
      { name: 'l/f', body },
    ]),
    "goes through the link 'l'",
  ],
  ['a device', zip([{ name: 'null', mode: 0o020666 }]), 'is a device'],
  ['a pipe', zip([{ name: 'pipe', mode: 0o010644 }]), 'is a device'],
  [
    'a name that is there twice',
    zip([
      { name: 'a', body },
      { name: './a', body },
    ]),
    "'a' is in it twice",
  ],
  [
    'names that differ in case',
    zip([
      { name: 'Read/me', body },
      { name: 'read/you', body },
    ]),
    "'Read' and 'read' differ only in case",
  ],
  [
    'a file that is a folder too',
    zip([
      { name: 'a', body },
      { name: 'a/b', body },
    ]),
    "in each other's way",
  ],
  ['an encrypted entry', zip([{ name: 'a', body, flags: 1 }]), 'is encrypted'],
  ['strong encryption', zip([{ name: 'a', body, flags: 65 }]), 'is encrypted'],
  ['another method', zip([{ name: 'a', body, method: 14 }]), 'packed by method 14'],
  ['a bomb', zip([{ name: 'a', body, says: { size: 10 } }]), 'is not what its directory says'],
  [
    'a bomb whose size comes later',
    zip([{ name: 'a', body, says: { size: 10 }, descriptor: true }]),
    'is damaged, or longer than it says',
  ],
  [
    'more than can be',
    zip([
      { name: 'a', body, says: { size: 0xfffffffe }, descriptor: true },
      { name: 'b', body },
    ]),
    'unpacks to more than',
  ],
  [
    'entries that lie over each other',
    zip([
      { name: 'a', body },
      { name: 'a', body, says: { at: 0 } },
    ]),
    'lies over another entry',
  ],
  [
    'a wrong checksum',
    zip([{ name: 'a', body, descriptor: true, says: { checksum: 7 } }]),
    'wrong checksum',
  ],
  [
    'another name inside',
    zip([{ name: 'a', body, localName: 'b' }]),
    'not what its directory says',
  ],
  [
    'another checksum inside',
    zip([{ name: 'a', body, localChecksum: 7 }]),
    'not what its directory',
  ],
  [
    'an entry outside',
    zip([{ name: 'a', body, says: { at: 90_000 } }]),
    'not where its directory says',
  ],
  ['fewer entries than it says', zip([{ name: 'a', body }], { entries: 2 }), 'fewer entries'],
  ['more entries than it says', zip([{ name: 'a', body }], { entries: 0 }), 'more entries'],
  ['too many entries', zip([{ name: 'a' }], { entries: 600_000, large: true }), 'more than 500000'],
  ['a directory elsewhere', zip([{ name: 'a', body }], { start: 3 }), 'not where it says'],
  ['something after the end', Buffer.concat([zip([{ name: 'a' }]), Buffer.alloc(3)]), 'cut short'],
]
test.each(hostile)('%s is refused and nothing is left', async (_, bytes, says) => {
  await expect(unpack(bytes)).rejects.toMatchObject({
    code: 'build/bad-archive',
    message: expect.stringContaining(says),
  })
})

const good = zip(
  [
    { name: 'a/b', body: 'hello' },
    { name: 'c', body: 'a/b', mode: link },
    { name: 'd', body: 'hello '.repeat(50), descriptor: true },
  ],
  { large: true },
)

test('an archive that is cut short anywhere is refused', async () => {
  for (let length = 4; length < good.length; length += 1)
    await expect(unpack(good.subarray(0, length))).rejects.toMatchObject({
      code: 'build/bad-archive',
    })
})

test('whatever the bytes of an archive are, the answer is files or a refusal', async () => {
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
    { numRuns: 300 },
  )
})

const written = outside(['python3'])

written('what another writer packs comes out the same', async () => {
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'tree/deep'), { recursive: true })
  writeFileSync(
    join(folder.path, 'tree/deep/noise'),
    crypto.getRandomValues(new Uint8Array(60_000)),
  )
  writeFileSync(join(folder.path, 'tree/text'), 'word '.repeat(10_000))
  const env = { PATH: process.env['PATH'] ?? '' }
  const packing = ['python3', '-m', 'zipfile', '-c', 'out.zip', 'tree/']
  expect((await run(packing, { cwd: folder.path, env })).exitCode).toBe(0)

  using out = await unpack(readFileSync(join(folder.path, 'out.zip')), 1)

  for (const name of ['text', 'deep/noise'])
    expect(readFileSync(join(out.to, name))).toEqual(readFileSync(join(folder.path, 'tree', name)))
})
