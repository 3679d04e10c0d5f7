/** Uploads that break: our server behind faults, and the client that goes on. */
import { expect, test } from 'bun:test'
import type { Bytes } from '#kernel/index.ts'
import { registryClient } from '#oci/index.ts'
import { blobOf, bytesOf, seededBytes } from './content.ts'
import { ourApp } from './servers.ts'

const mebibyte = 1024 * 1024
const blob = blobOf(seededBytes(9 * mebibyte + 3, 11))

type Fault = (request: Request, pass: (body?: Bytes) => Promise<Response>) => Promise<Response>

/** Our routes behind a socket, with a fault before them. */
async function faulty(fault: Fault) {
  const app = await ourApp()
  const asked: string[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    maxRequestBodySize: 1024 * mebibyte,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url)
      asked.push(request.method)
      return fault(request, async (body) => {
        const { method, headers } = request
        const init = body === undefined ? { headers, body: request.body } : { headers, body }
        return await app.ask(method, pathname + search, method === 'GET' ? { headers } : init)
      })
    },
  })
  return {
    to: { registry: `127.0.0.1:${server.port}`, repository: 'r' },
    asked,
    registry: app.registry,
    [Symbol.asyncDispose]: async () => {
      await server.stop(true)
      await app[Symbol.asyncDispose]()
    },
  }
}

const hasty = { retry: { firstDelayMs: 1, delayMsMax: 2 } }

test('an upload that breaks in the middle goes on where the registry stands', async () => {
  let left = 2
  await using server = await faulty(async (request, pass) => {
    if (request.method !== 'PATCH' || left-- <= 0) return await pass()
    await pass(cutOff(request, 2 * mebibyte + 17)).catch(() => undefined)
    return new Response('gone', { status: 502 })
  })
  const client = registryClient(hasty)
  expect(await client.pushBlob(server.to, blob.descriptor, blob.source)).toBe('uploaded')
  expect(await bytesOf(client.pullBlob(server.to, blob.descriptor))).toEqual(blob.bytes)
  expect(server.asked.filter((method) => method === 'POST')).toHaveLength(1)
})

test('an upload that the registry forgot is begun anew', async () => {
  let forget = true
  await using server = await faulty(async (request, pass) => {
    if (request.method === 'PATCH' && forget) {
      forget = false
      const id = new URL(request.url).pathname.split('/').at(-1) ?? ''
      await server.registry.cancelUpload('r', id)
    }
    return await pass()
  })
  const client = registryClient(hasty)
  expect(await client.pushBlob(server.to, blob.descriptor, blob.source)).toBe('uploaded')
  expect(server.asked.filter((method) => method === 'POST')).toHaveLength(2)
})

test.each([413, 416])('a registry that answers %d to large requests gets 4 MiB', async (status) => {
  const parts: number[] = []
  await using server = await faulty(async (request, pass) => {
    if (request.method !== 'PATCH') return await pass()
    const size = Number(request.headers.get('content-length') ?? Number.NaN)
    if (!(size <= 4 * mebibyte)) {
      for await (const _ of request.body ?? []);
      return new Response('request body is too large', { status })
    }
    parts.push(size)
    return await pass()
  })
  const client = registryClient(hasty)
  expect(await client.pushBlob(server.to, blob.descriptor, blob.source)).toBe('uploaded')
  expect(parts).toEqual([4 * mebibyte, 4 * mebibyte, mebibyte + 3])
  expect(await bytesOf(client.pullBlob(server.to, blob.descriptor))).toEqual(blob.bytes)
})

test('the answer to the last request is lost, but the blob is there', async () => {
  let lose = true
  await using server = await faulty(async (request, pass) => {
    const answer = await pass()
    if (request.method !== 'PUT' || !lose) return answer
    lose = false
    return new Response('lost', { status: 504 })
  })
  const client = registryClient(hasty)
  expect(await client.pushBlob(server.to, blob.descriptor, blob.source)).toBe('uploaded')
})

test('a registry that always fails ends the upload with its words', async () => {
  await using server = await faulty(async (request, pass) =>
    request.method === 'PATCH' ? new Response('disk on fire', { status: 500 }) : await pass(),
  )
  await expect(
    registryClient(hasty).pushBlob(server.to, blob.descriptor, blob.source),
  ).rejects.toMatchObject({
    code: 'oci/registry-failed',
    message: expect.stringContaining('disk on fire'),
  })
})

async function* cutOff(request: Request, sizeBytes: number): Bytes {
  let left = sizeBytes
  for await (const chunk of request.body ?? []) {
    if (left > 0) yield chunk.subarray(0, left)
    left -= chunk.byteLength
  }
  throw new Error('the test breaks off here')
}
