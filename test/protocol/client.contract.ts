/** What the client does against any registry; run against ours and against Debian's. */
import { expect, type test } from 'bun:test'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { openLayout, registryClient, transfer } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import {
  blobOf,
  bytesOf,
  emptyConfig,
  indexOf,
  manifestOf,
  one,
  seededBytes,
  sourceOf,
  type TestBlob,
} from './content.ts'
import type { TestRegistry } from './servers.ts'

const large = blobOf(seededBytes(9 * 1024 * 1024 + 7, 1))
const small = blobOf(seededBytes(1000, 2))
const none = blobOf(new Uint8Array(0))

export function registryClientContract(
  name: string,
  open: () => Promise<TestRegistry>,
  check: typeof test,
): void {
  check(`${name}: a blob is pushed once, and pulled as it was`, async () => {
    await using server = await open()
    const client = registryClient()
    const to = { registry: server.registry, repository: 'a/b' }
    for (const blob of [large, small, none]) {
      expect(await client.blobSize(to, blob.descriptor.digest)).toBeUndefined()
      expect(await client.pushBlob(to, blob.descriptor, blob.source)).toBe('uploaded')
      expect(await client.pushBlob(to, blob.descriptor, blob.source)).toBe('existed')
      expect(await client.blobSize(to, blob.descriptor.digest)).toBe(blob.descriptor.size)
      expect(await bytesOf(client.pullBlob(to, blob.descriptor))).toEqual(blob.bytes)
    }
    const all = large.descriptor.size + small.descriptor.size
    expect(client.traffic()).toMatchObject({ blobBytesSent: all, blobBytesReceived: all })
  })

  check(`${name}: parts of at most the size that was asked for`, async () => {
    await using server = await open()
    const client = registryClient({ chunkBytesMax: 1024 * 1024 })
    const to = { registry: server.registry, repository: 'parts' }
    expect(await client.pushBlob(to, large.descriptor, large.source)).toBe('uploaded')
    expect(await bytesOf(client.pullBlob(to, large.descriptor))).toEqual(large.bytes)
  })

  check(`${name}: a range of a blob`, async () => {
    await using server = await open()
    const client = registryClient()
    const to = { registry: server.registry, repository: 'ranges' }
    await client.pushBlob(to, large.descriptor, large.source)
    const range = { start: 1_000_003, end: 2_000_001 }
    const part = await bytesOf(client.pullBlob(to, large.descriptor, { range }))
    expect(part).toEqual(large.bytes.subarray(range.start, range.end))
  })

  check(`${name}: a blob is mounted from another repository without a byte`, async () => {
    await using server = await open()
    const client = registryClient()
    const [from, to] = [
      { registry: server.registry, repository: 'from' },
      { registry: server.registry, repository: 'to' },
    ]
    await client.pushBlob(from, small.descriptor, small.source)
    const before = client.traffic().blobBytesSent
    const options = { mountFrom: 'from' }
    expect(await client.pushBlob(to, small.descriptor, small.source, options)).toBe('mounted')
    expect(client.traffic().blobBytesSent).toBe(before)
    expect(await bytesOf(client.pullBlob(to, small.descriptor))).toEqual(small.bytes)
    const missing = await client.pushBlob(to, large.descriptor, large.source, options)
    expect(missing).toBe('uploaded')
  })

  check(`${name}: bytes that are not what their descriptor says are refused`, async () => {
    await using server = await open()
    const client = registryClient()
    const to = { registry: server.registry, repository: 'lies' }
    for (const blob of [small, large]) {
      const lie = { ...blob.descriptor, digest: digestOf('something else') }
      await expect(client.pushBlob(to, lie, blob.source)).rejects.toMatchObject({
        code: 'oci/rejected',
        message: expect.stringContaining('DIGEST_INVALID'),
      })
      expect(await client.blobSize(to, lie.digest)).toBeUndefined()
    }
    const short = { ...large.descriptor, size: large.descriptor.size + 1 }
    await expect(client.pushBlob(to, short, large.source)).rejects.toMatchObject({
      code: 'oci/digest-invalid',
    })
  })

  check(`${name}: manifests by tag and digest, tags, deletion`, async () => {
    await using server = await open()
    const client = registryClient()
    const to = { registry: server.registry, repository: 'manifests' }
    expect(await client.tags(to)).toEqual([])
    expect(await client.resolve({ ...to, tag: '1' })).toBeUndefined()
    await expect(client.pullManifest({ ...to, tag: '1' })).rejects.toMatchObject({
      code: 'oci/manifest-unknown',
    })
    for (const blob of [small, emptyConfig]) await client.pushBlob(to, blob.descriptor, blob.source)
    const manifest = manifestOf([small])
    for (const tag of ['b', 'a', '1.0'])
      expect(await client.pushManifest(to, { ...manifest, tag })).toBe(manifest.digest)
    expect(await client.tags(to)).toEqual(['1.0', 'a', 'b'])
    expect(await client.resolve({ ...to, tag: 'a' })).toEqual(manifest.descriptor)
    const pulled = await client.pullManifest({ ...to, digest: manifest.digest })
    expect(pulled).toEqual({
      digest: manifest.digest,
      mediaType: manifest.mediaType,
      bytes: manifest.bytes,
    })
    expect(await client.deleteManifest({ ...to, digest: manifest.digest })).toBe(true)
    expect(await client.deleteManifest({ ...to, digest: manifest.digest })).toBe(false)
    expect(await client.resolve({ ...to, tag: 'a' })).toBeUndefined()
  })

  check(
    `${name}: what hangs on a manifest is found, filtered, and kept by two writers`,
    async () => {
      await using server = await open()
      const client = registryClient()
      const to = { registry: server.registry, repository: 'referrers' }
      for (const blob of [small, emptyConfig])
        await client.pushBlob(to, blob.descriptor, blob.source)
      const subject = manifestOf([small])
      await client.pushManifest(to, { ...subject, tag: 'it' })
      expect(await client.referrers(to, subject.digest)).toEqual([])
      const hanging = ['sbom', 'signature'].map((kind) =>
        manifestOf([small], { artifactType: `application/${kind}`, subject: subject.descriptor }),
      )
      for (const manifest of hanging) await client.pushManifest(to, manifest)
      const found = await client.referrers(to, subject.digest)
      expect(found.map(({ digest }) => digest).sort()).toEqual(
        hanging.map(({ digest }) => digest).sort(),
      )
      const signatures = await client.referrers(to, subject.digest, 'application/signature')
      expect(signatures).toHaveLength(1)
      expect(signatures[0]?.artifactType).toBe('application/signature')
    },
  )

  check(`${name}: a graph travels from a layout and back, and the second time stays`, async () => {
    await using server = await open()
    using here = temporaryFolder()
    using there = temporaryFolder()
    const from = await filledLayout(here.path, [small, large])
    const client = registryClient()
    const repository = { registry: server.registry, repository: 'graph' }
    const target = { kind: 'registry', client, repository } as const
    const source = { kind: 'layout', layout: from } as const
    const options = { from: source, to: target, reference: 'all', tags: ['1', 'latest'] }
    const first = await transfer({ ...options, referrers: true })
    expect(first.blobs).toEqual({ existed: 0, mounted: 0, copied: 3 })
    const sent = client.traffic()
    const second = await transfer(options)
    expect(second).toMatchObject({ manifests: 0, bytesCopied: 0 })
    expect(client.traffic().blobBytesSent).toBe(sent.blobBytesSent)
    expect(client.traffic().manifestBytesSent).toBe(sent.manifestBytesSent)

    const other = {
      kind: 'registry',
      client,
      repository: { ...repository, repository: 'x' },
    } as const
    const mounted = await transfer({ from: target, to: other, reference: '1', tags: ['1'] })
    expect(mounted.blobs).toEqual({ existed: 0, mounted: 3, copied: 0 })

    const back = openLayout(there.path, diskBlobs(there.path))
    const into = { kind: 'layout', layout: back } as const
    await transfer({ from: target, to: into, reference: '1', tags: ['back'], referrers: true })
    expect(back.resolve('back')?.digest).toBe(first.descriptor.digest)
    expect(await bytesOf(back.blobs.read(large.descriptor.digest))).toEqual(large.bytes)
    const [subject] = await back.referrers(first.descriptor.digest)
    expect(subject?.artifactType).toBe('application/sbom')
  })
}

/** A layout with an index of two manifests under the tag `all`, and an SBOM on the index. */
async function filledLayout(dir: string, blobs: readonly TestBlob[]) {
  const store = diskBlobs(dir)
  const layout = openLayout(dir, store)
  const manifests = blobs.map((blob) => manifestOf([blob]))
  const index = indexOf(manifests)
  const sbom = manifestOf([], { artifactType: 'application/sbom', subject: index.descriptor })
  for (const { bytes } of [...blobs, emptyConfig])
    await store.write(sourceOf(bytes).read(0), { maxBytes: bytes.byteLength })
  for (const { bytes } of [...manifests, index, sbom])
    await store.write(one(bytes), { maxBytes: bytes.byteLength })
  await layout.tag('all', index.descriptor)
  await layout.keep({ ...sbom.descriptor, artifactType: 'application/sbom' }, index.digest)
  return layout
}
