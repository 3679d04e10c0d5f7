/** Uploads that are put together from what the registry has. */
import { afterAll, expect, test as plain } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, measure, temporaryFolder } from '#kernel/index.ts'
import { registryClient } from '#oci/index.ts'
import { openStore, packLayer } from '#store/index.ts'
import { outside } from '../outside.ts'
import { stopStorages, storageKinds } from '../storages.ts'
import { blobOf, bytesOf, seededBytes } from './content.ts'
import { debianRegistry, storedRegistry } from './servers.ts'

afterAll(stopStorages)

/** A package of many files as a layer, and its next version, of which one file in a hundred differs. */
async function twoVersions() {
  const folder = temporaryFolder()
  const store = openStore(join(folder.path, 'store'))
  const tree = join(folder.path, 'tree')
  mkdirSync(join(tree, 'usr/local/lib'), { recursive: true })
  const layers = []
  for (const version of [1, 2]) {
    for (let file = 0; file < 200; file += 1) {
      const seed = version === 2 && file % 100 === 50 ? 10_000 + file : file
      writeFileSync(join(tree, 'usr/local/lib', `file-${file}`), seededBytes(150_000, seed))
    }
    layers.push((await packLayer(store, tree, { epochSeconds: 1 })).descriptor)
  }
  const [before, after] = layers
  if (before === undefined || after === undefined) throw new Error('Nothing was packed')
  const sourceOf = (blob: typeof before) => ({
    read: (from: number) => store.blobs.read(blob.digest, { start: from, end: blob.size }),
  })
  return {
    before: { ...before, source: sourceOf(before) },
    after: { ...after, source: sourceOf(after) },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

for (const kind of storageKinds)
  kind.test(`${kind.name}: of the next version of a package 3 % are sent at most`, async () => {
    using layers = await twoVersions()
    await using server = await storedRegistry(kind)
    const to = { registry: server.registry, repository: 'r' }
    const { before, after } = layers
    await registryClient().pushBlob(to, before, before.source)
    const client = registryClient()
    const base = { digest: before.digest, source: before.source }
    expect(await client.pushBlob(to, after, after.source, { base })).toBe('uploaded')
    expect(client.traffic().blobBytesSent).toBeLessThan(after.size * 0.03)
    const pulled = await measure(client.pullBlob(to, after), after.digest)
    expect(pulled).toEqual({ digest: after.digest, sizeBytes: after.size })

    const elsewhere = registryClient()
    const other = { ...to, repository: 'without' }
    expect(await elsewhere.pushBlob(other, after, after.source, { base })).toBe('uploaded')
  })

outside(['docker-registry'])('a registry that knows nothing of it gets the whole', async () => {
  using layers = await twoVersions()
  await using server = await debianRegistry()
  const to = { registry: server.registry, repository: 'r' }
  const { before, after } = layers
  const base = { digest: before.digest, source: before.source }
  const client = registryClient()
  expect(await client.pushBlob(to, after, after.source, { base })).toBe('uploaded')
  expect(client.traffic().blobBytesSent).toBe(after.size)
})

plain('recipes that lie are refused, and nothing of them is kept', async () => {
  const [kind] = storageKinds
  if (kind === undefined) throw new Error('There is no storage')
  await using server = await storedRegistry(kind)
  const to = { registry: server.registry, repository: 'r' }
  const secret = blobOf(seededBytes(1000, 1))
  const own = blobOf(seededBytes(1000, 2))
  const client = registryClient()
  await client.pushBlob({ ...to, repository: 'private' }, secret.descriptor, secret.source)
  await client.pushBlob(to, own.descriptor, own.source)
  const range = (offset: number, length: number) => {
    const record = Buffer.alloc(17)
    record[0] = 1
    record.writeBigUInt64BE(BigInt(offset), 1)
    record.writeBigUInt64BE(BigInt(length), 9)
    return record
  }
  const send = async (base: string, body: Uint8Array) => {
    const begun = await fetch(`${server.url}/v2/r/blobs/uploads/`, { method: 'POST' })
    expect(begun.headers.get('backlot-assembly')).toBe('v1')
    const location = new URL(begun.headers.get('location') ?? '', server.url)
    const headers = {
      'content-type': 'application/vnd.backlot.assembly.v1',
      'backlot-base': base,
    }
    const answer = await fetch(location, { method: 'PATCH', headers, body: Buffer.from(body) })
    location.searchParams.set('digest', digestOf(secret.bytes))
    const end = await fetch(location, { method: 'PUT' })
    return [answer.status, end.status]
  }
  expect(await send(secret.descriptor.digest, range(0, 1000))).toEqual([404, 400])
  expect(await send('sha256:no', range(0, 1000))).toEqual([400, 400])
  const { digest } = own.descriptor
  expect(await send(digest, range(0, 1000))).toEqual([202, 400])
  expect(await send(digest, range(900, 101))).toEqual([400, 400])
  expect(await send(digest, range(0, 2 ** 52))).toEqual([400, 400])
  expect(await send(digest, Buffer.from([0, 0, 0, 0, 9, 1]))).toEqual([400, 400])
  expect(await send(digest, Buffer.from([7]))).toEqual([400, 400])
  const head = { method: 'HEAD' }
  expect((await fetch(`${server.url}/v2/r/blobs/${secret.descriptor.digest}`, head)).status).toBe(
    404,
  )
  expect(await bytesOf(client.pullBlob(to, own.descriptor))).toEqual(own.bytes)
})
