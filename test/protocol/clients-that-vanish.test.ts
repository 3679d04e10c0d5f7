/** Clients that hang up, are refused in the middle, push the same at once, or have no right. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { truncateSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { digestOf, digestParts } from '#kernel/index.ts'
import { registryClient } from '#oci/index.ts'
import { blobOf, bytesOf, emptyConfig, manifestOf, seededBytes } from './content.ts'
import { ourRegistry, type TestRegistry } from './servers.ts'

let server: TestRegistry
beforeAll(async () => {
  server = await ourRegistry()
})
afterAll(() => server[Symbol.asyncDispose]())

const bytes = seededBytes(3_000_000, 41)
const ask = (method: string, path: string, init: RequestInit = {}) =>
  fetch(new URL(path, server.url), { method, ...init })

test('what arrived before the client hung up is there to go on from', async () => {
  const begun = await ask('POST', '/v2/vanish/blobs/uploads/')
  const location = begun.headers.get('location') ?? ''
  const [host = '', port = ''] = server.registry.split(':')
  const gone = Promise.withResolvers<void>()
  const socket = connect(Number(port), host, () => {
    const head = [`PATCH ${location} HTTP/1.1`, `host: ${server.registry}`]
    socket.write(`${[...head, 'content-length: 3000000'].join('\r\n')}\r\n\r\n`)
    socket.write(bytes.subarray(0, 2_500_000), () => socket.destroy())
  })
  socket.on('close', () => gone.resolve())
  await gone.promise

  // The server learns of it in its own time; each question gives it some.
  let arrived = 0
  for (let asked = 0; asked < 2000 && arrived < 2_000_000; asked += 1) {
    const state = await ask('GET', location)
    arrived = Number(state.headers.get('range')?.slice(2) ?? 0) + 1
  }
  expect(arrived).toBeGreaterThanOrEqual(2_000_000)
  // The last bytes may still be on their way to the disk: then 416 says how far it is now.
  for (let status = 0; status !== 202; ) {
    const rest = await ask('PATCH', location, {
      headers: { 'content-range': `${arrived}-2999999` },
      body: bytes.slice(arrived),
    })
    status = rest.status
    expect([202, 416]).toContain(status)
    arrived = Number(rest.headers.get('range')?.slice(2)) + 1
  }
  expect((await ask('PUT', `${location}?digest=${digestOf(bytes)}`)).status).toBe(201)
})

test('a refusal before the body was read leaves the connection in order', async () => {
  const unknown = `/v2/vanish/blobs/uploads/${crypto.randomUUID()}?digest=${digestOf(bytes)}`
  for (let round = 0; round < 10; round += 1) {
    expect((await ask('PUT', unknown, { body: bytes.slice() })).status).toBe(404)
    expect((await ask('GET', '/v2/')).status).toBe(200)
  }
})

test('the same content from many clients at once', async () => {
  const to = { registry: server.registry, repository: 'at-once' }
  const blobs = [blobOf(bytes), emptyConfig, blobOf(seededBytes(70_000, 42))]
  const manifest = manifestOf(blobs)
  const pushing = Array.from({ length: 8 }, async (_, at) => {
    const client = registryClient()
    for (const { descriptor, source } of blobs) await client.pushBlob(to, descriptor, source)
    await client.pushManifest(to, { ...manifest, tag: `t${at}` })
  })
  await Promise.all(pushing)
  const client = registryClient()
  expect(await client.tags(to)).toHaveLength(8)
  for (const { descriptor, bytes: want } of blobs)
    expect(await bytesOf(client.pullBlob(to, descriptor))).toEqual(want)
})

test('a blob that was cut short on the disk is not there, and a push mends it', async () => {
  const to = { registry: server.registry, repository: 'cut' }
  const blob = blobOf(seededBytes(50_000, 43))
  const client = registryClient()
  await client.pushBlob(to, blob.descriptor, blob.source)
  const { algorithm, hex } = digestParts(blob.descriptor.digest)
  truncateSync(join(server.dir, 'blobs', algorithm, hex), 1000)
  expect(await client.blobSize(to, blob.descriptor.digest)).toBeUndefined()
  await expect(bytesOf(client.pullBlob(to, blob.descriptor))).rejects.toMatchObject({
    code: 'oci/blob-unknown',
  })
  expect(await client.pushBlob(to, blob.descriptor, blob.source)).toBe('uploaded')
  expect(await bytesOf(client.pullBlob(to, blob.descriptor))).toEqual(blob.bytes)
})
