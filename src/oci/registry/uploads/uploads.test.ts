import { afterAll, expect } from 'bun:test'
import { join } from 'node:path'
import { digestOf, one, systemClock, temporaryFolder } from '#kernel/index.ts'
import { diskBlobs, memoryBlobs, openBucket, s3Blobs } from '#store/index.ts'
import { outside } from '../../../../test/outside.ts'
import { startS3 } from '../../../../test/s3.ts'
import { openDatabase } from '../database.ts'
import { fileUploads } from './file-uploads.ts'
import { s3Uploads } from './s3-uploads.ts'
import { uploadsContract } from './uploads.contract.ts'

let running: ReturnType<typeof startS3> | undefined
const s3 = () => (running ??= startS3())
afterAll(async () => {
  await (await running)?.[Symbol.asyncDispose]()
})
const usual = { blobBytesMax: 1_000_000, clock: systemClock }

for (const kind of ['files', 'files into another store'] as const)
  uploadsContract(kind, {
    runs: kind === 'files' ? 60 : 10,
    open: async () => {
      const folder = temporaryFolder()
      const blobs = kind === 'files' ? diskBlobs(folder.path) : memoryBlobs()
      const dir = join(folder.path, 'uploads')
      return {
        blobs,
        uploads: async (options) => fileUploads({ dir, blobs: () => blobs, ...usual, ...options }),
        [Symbol.asyncDispose]: async () => folder[Symbol.dispose](),
      }
    },
  })

const test = outside(['versitygw', 'setpriv'])

test('a bucket: an upload of which a server that was killed had left the row alone', async () => {
  using folder = temporaryFolder()
  const bucket = openBucket(await (await s3()).fresh())
  const database = openDatabase({ kind: 'sqlite', path: join(folder.path, 'service.db') })
  const uploads = await s3Uploads({ bucket, database, ...usual, blobBytesMax: 40_000_000 })
  const bytes = new Uint8Array(14_000_000).fill(3)
  const id = await uploads.start('r', 'sha256')
  await uploads.append('r', id, { chunks: one(bytes) })
  const finish = (settle: () => Promise<void>) =>
    uploads.finish('r', id, { digest: digestOf(bytes), settle })
  await expect(finish(() => Promise.reject(new Error('killed')))).rejects.toThrow('killed')
  await bucket.remove(`uploads/${id}/whole`)
  const gone = { code: 'oci/upload-unknown' }
  await expect(finish(async () => undefined)).rejects.toMatchObject(gone)
  await expect(uploads.size('r', id)).rejects.toMatchObject(gone)
  await database.close()
})

uploadsContract('a bucket', {
  runs: 10,
  test,
  open: async () => {
    const folder = temporaryFolder()
    const bucket = openBucket(await (await s3()).fresh())
    const database = openDatabase({ kind: 'sqlite', path: join(folder.path, 'service.db') })
    return {
      blobs: s3Blobs(bucket),
      uploads: (options) => s3Uploads({ bucket, database, ...usual, ...options }),
      [Symbol.asyncDispose]: async () => {
        await database.close()
        folder[Symbol.dispose]()
      },
    }
  },
})
