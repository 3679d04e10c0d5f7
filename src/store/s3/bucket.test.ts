/** An object takes as long as its reader wants, and no longer than a service that has died. */
import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { outside } from '../../../test/outside.ts'
import { startS3 } from '../../../test/s3.ts'
import { openBucket } from './bucket.ts'

const timeoutMs = 200

/** A service on loopback that answers everything with one body. */
function service(body: () => Bun.BodyInit) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(body()) })
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const place = { bucket: 'c', region: 'd', prefix: '', addressing: 'path' as const, credentials }
  return {
    bucket: openBucket({ ...place, endpoint: `http://127.0.0.1:${server.port}`, timeoutMs }),
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

test('an object whose reader takes longer than a request may arrives whole', async () => {
  const bytes = new Uint8Array(64 * 1024 * 1024)
  await using fast = service(() => bytes)
  let received = 0
  for await (const chunk of (await fast.bucket.get('key')) ?? []) {
    if (received === 0) await once(AbortSignal.timeout(timeoutMs * 2), 'abort')
    received += chunk.byteLength
  }
  expect(received).toBe(bytes.byteLength)
})

test('a service that stops in the middle of an object is told as gone', async () => {
  const never = Promise.withResolvers<void>()
  await using stopping = service(
    () =>
      new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(1000)),
        pull: () => never.promise,
      }),
  )
  const read = Array.fromAsync((await stopping.bucket.get('key')) ?? [])
  await expect(read).rejects.toMatchObject({
    code: 'oci/bucket-gone',
    message: expect.stringContaining('broke off'),
  })
  never.resolve()
})

outside(['versitygw'])('a bucket that is away is not an object that is lost', async () => {
  await using server = await startS3()
  const place = await server.fresh()
  const bucket = openBucket(place)
  expect([await bucket.size('absent'), await bucket.get('absent')]).toEqual([undefined, undefined])
  await bucket.put('there', new Uint8Array(3))
  expect(await bucket.size('there')).toBe(3)
  const away = openBucket({ ...place, bucket: 'elsewhere' })
  for (const asked of [() => away.size('there'), () => away.get('there')])
    await expect(asked()).rejects.toMatchObject({ code: 'oci/bucket-gone' })
})
