/** The drivers of `BlobStore` against its contract, and what only the disk's driver promises. */
import { afterAll, expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, one, readAll, temporaryFolder } from '#kernel/index.ts'
import { memoryBlobs } from './blobs.ts'
import { outside } from '../../test/outside.ts'
import { startS3 } from '../../test/s3.ts'
import { blobStoreContract } from './blobs.contract.ts'
import { diskBlobs } from './disk-blobs.ts'
import { faultyBlobs } from './faulty-blobs.ts'
import { openBucket } from './s3/bucket.ts'
import { s3Blobs } from './s3/s3-blobs.ts'

const folder = temporaryFolder()
let count = 0
const nextHome = (): string => join(folder.path, String((count += 1)))

let running: ReturnType<typeof startS3> | undefined
const s3 = () => (running ??= startS3())
afterAll(async () => {
  await (await running)?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

blobStoreContract('memory', async () => memoryBlobs())
blobStoreContract('disk', async () => diskBlobs(nextHome()))
blobStoreContract(
  's3',
  async () => s3Blobs(openBucket(await (await s3()).fresh()), 'again/1/'),
  outside(['versitygw', 'setpriv']),
)
blobStoreContract('faulty without faults', async () => faultyBlobs(memoryBlobs(), 1, {}))

test('disk: a home is an OCI image layout without temporary names left', async () => {
  const home = nextHome()
  const { digest } = await diskBlobs(home).write(one(Buffer.from('x')), { maxBytes: 9 })

  expect(JSON.parse(readFileSync(join(home, 'oci-layout'), 'utf8'))).toEqual({
    imageLayoutVersion: '1.0.0',
  })
  expect(readFileSync(join(home, 'blobs', 'sha256', digest.slice(7)), 'utf8')).toBe('x')
  expect(readdirSync(join(home, 'tmp'))).toEqual([])
})

test('disk: a damaged blob is noticed before its last chunk is given', async () => {
  const home = nextHome()
  const bytes = Buffer.alloc(3 * 1024 * 1024, 7)
  const blobs = diskBlobs(home)
  const { digest } = await blobs.write(one(bytes), { maxBytes: bytes.byteLength })
  bytes[0] = 8
  writeFileSync(blobs.pathOf?.(digest) ?? '', bytes)
  let seenBytes = 0

  const read = async (): Promise<void> => {
    for await (const chunk of blobs.read(digest)) seenBytes += chunk.byteLength
  }

  await expect(read()).rejects.toMatchObject({
    code: 'store/digest-mismatch',
    hints: [expect.stringContaining('backlot store verify')],
  })
  expect(seenBytes).toBeLessThan(bytes.byteLength)
})

test('disk: a blob that was cut short is replaced by the whole one', async () => {
  const blobs = diskBlobs(nextHome())
  const write = async () => await blobs.write(one(Buffer.from('whole')), { maxBytes: 9 })
  const { digest } = await write()
  writeFileSync(blobs.pathOf?.(digest) ?? '', 'who')

  await write()

  expect(Buffer.from(await readAll(blobs.read(digest), 9, 'blob')).toString()).toBe('whole')
})

test('memory: a reader cannot change what is stored', async () => {
  const blobs = memoryBlobs()
  const { digest } = await blobs.write(one(Buffer.from('safe')), { maxBytes: 9 })
  for await (const chunk of blobs.read(digest)) chunk.fill(0)

  expect(digestOf(await readAll(blobs.read(digest), 9, 'blob'))).toBe(digest)
})
