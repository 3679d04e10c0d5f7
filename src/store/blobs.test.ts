/** The drivers of `BlobStore` against its contract, and what only the disk's driver promises. */
import { afterAll, expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, one, readAll, temporaryFolder } from '#kernel/index.ts'
import { memoryBlobs } from './blobs.ts'
import { blobStoreContract } from './blobs.contract.ts'
import { diskBlobs } from './disk-blobs.ts'
import { faultyBlobs } from './faulty-blobs.ts'

const folder = temporaryFolder()
let count = 0
const nextHome = (): string => join(folder.path, String((count += 1)))

afterAll(() => folder[Symbol.dispose]())

blobStoreContract('memory', async () => memoryBlobs())
blobStoreContract('disk', async () => diskBlobs(nextHome()))
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

test('memory: a reader cannot change what is stored', async () => {
  const blobs = memoryBlobs()
  const { digest } = await blobs.write(one(Buffer.from('safe')), { maxBytes: 9 })
  for await (const chunk of blobs.read(digest)) chunk.fill(0)

  expect(digestOf(await readAll(blobs.read(digest), 9, 'blob'))).toBe(digest)
})
