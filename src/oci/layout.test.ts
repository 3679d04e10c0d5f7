import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { one, temporaryFolder } from '#kernel/index.ts'
import { diskBlobs } from '#store/index.ts'
import { openLayout } from './layout.ts'
import { emptyBlob, mediaTypes } from './media-types.ts'

async function fixture(dir: string) {
  const blobs = diskBlobs(dir)
  const layout = openLayout(dir, blobs)
  const put = async (value: object) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value))
    const { digest, sizeBytes } = await blobs.write(one(bytes), { maxBytes: 10_000 })
    return { mediaType: mediaTypes.manifest, digest, size: sizeBytes }
  }
  const manifest = (note: string, more: object = {}) =>
    put({
      schemaVersion: 2,
      config: emptyBlob.descriptor,
      layers: [],
      annotations: { note },
      ...more,
    })
  return { blobs, layout, manifest }
}

test('tags are moved, listed in order, and removed', async () => {
  using folder = temporaryFolder()
  const { layout, manifest } = await fixture(folder.path)
  const [a, b] = [await manifest('a'), await manifest('b')]
  expect(layout.tags()).toEqual([])
  await layout.tag('z', a)
  await layout.tag('m', a, { k: 'v' })
  await layout.tag('z', b)
  expect(layout.tags().map(({ name, descriptor }) => [name, descriptor.digest])).toEqual([
    ['m', a.digest],
    ['z', b.digest],
  ])
  expect(layout.resolve('m')?.annotations).toMatchObject({ k: 'v' })
  expect(await layout.untag('m')).toBe(true)
  expect(await layout.untag('m')).toBe(false)
  expect(await layout.drop(b.digest)).toBe(true)
  expect(layout.roots()).toEqual([])
})

test('the folder is an OCI layout that other programs read', async () => {
  using folder = temporaryFolder()
  const { layout, manifest } = await fixture(folder.path)
  const a = await manifest('a')
  await layout.tag('it', a)
  const json = (name: string): unknown => JSON.parse(readFileSync(join(folder.path, name), 'utf8'))
  expect(json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' })
  expect(json('index.json')).toEqual({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [{ ...a, annotations: { 'org.opencontainers.image.ref.name': 'it' } }],
  })
})

test('two writers at once lose nothing', async () => {
  using folder = temporaryFolder()
  const { blobs, layout, manifest } = await fixture(folder.path)
  const other = openLayout(folder.path, blobs)
  const a = await manifest('a')
  const names = Array.from({ length: 20 }, (_, at) => `t${at}`)
  await Promise.all(names.map((name, at) => (at % 2 ? layout : other).tag(name, a)))
  expect(layout.tags().map(({ name }) => name)).toEqual([...names].sort())
  expect(other.tags()).toEqual(layout.tags())
})

test('thousands of tags in one write', async () => {
  using folder = temporaryFolder()
  const { layout, manifest } = await fixture(folder.path)
  const descriptor = await manifest('a')
  const tags = Array.from({ length: 5000 }, (_, at) => ({ name: `n:${at}`, descriptor }))
  await layout.tagAll(tags)
  await layout.tag('n:17', await manifest('b'))
  expect(layout.tags()).toHaveLength(5000)
})

test('a tag for a manifest that is not there is a fault of ours, and changes nothing', async () => {
  using folder = temporaryFolder()
  const { blobs, layout, manifest } = await fixture(folder.path)
  const a = await manifest('a')
  await layout.tag('it', a)
  const b = await manifest('b')
  await blobs.remove(b.digest)
  await expect(layout.tag('it', b)).rejects.toThrow(/Broken invariant/)
  expect(layout.resolve('it')?.digest).toBe(a.digest)
})

test('what hangs on a manifest: by our note, and by reading what others wrote', async () => {
  using folder = temporaryFolder()
  const { layout, manifest } = await fixture(folder.path)
  const subject = await manifest('subject')
  const ours = await manifest('ours', { subject, artifactType: 'a/b' })
  const theirs = await manifest('theirs', { subject, artifactType: 'a/c' })
  await layout.tag('it', subject)
  await layout.keep({ ...ours, artifactType: 'a/b' }, subject.digest)
  await layout.keep({ ...theirs, artifactType: 'a/c' })
  const found = await layout.referrers(subject.digest)
  expect(found.map(({ digest }) => digest)).toEqual([ours.digest, theirs.digest])
  expect(await layout.referrers(subject.digest, 'a/c')).toHaveLength(1)
})

test('a list that cannot be read is an error with a hint, and is not overwritten', async () => {
  using folder = temporaryFolder()
  const { layout, manifest } = await fixture(folder.path)
  const a = await manifest('a')
  await layout.tag('it', a)
  writeFileSync(join(folder.path, 'index.json'), '{"schemaVersion":2,"mani')
  const hints = [expect.stringContaining('store verify --repair'), expect.any(String)]
  const bad = { code: 'oci/bad-layout', hints }
  expect(() => layout.tags()).toThrow(expect.objectContaining({ code: 'oci/bad-layout' }))
  await expect(layout.tag('other', a)).rejects.toMatchObject(bad)
  expect(readFileSync(join(folder.path, 'index.json'), 'utf8')).toBe('{"schemaVersion":2,"mani')
})
