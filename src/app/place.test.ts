import { expect, test } from 'bun:test'
import { digestOf, one, temporaryFolder } from '#kernel/index.ts'
import { mediaTypes, openLayout } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { parsePlace, placeToRead, placeToWrite } from './place.ts'

const cwd = '/project'

test('a layout, with and without a tag', () => {
  expect(parsePlace('oci:out:1.0', cwd)).toEqual({
    kind: 'layout',
    folder: '/project/out',
    tag: '1.0',
  })
  expect(parsePlace('oci:/abs/out', cwd)).toMatchObject({ folder: '/abs/out', tag: 'latest' })
})

test('a docker archive with the name that it is loaded under', () => {
  expect(parsePlace('docker-archive:env.tar:vfx/openexr:3', cwd)).toEqual({
    kind: 'docker-archive',
    path: '/project/env.tar',
    tags: ['vfx/openexr:3'],
  })
})

test.each([
  ['pilot', 'pilot:latest'],
  ['localhost:5000/pilot', 'localhost:5000/pilot:latest'],
  ['localhost:5000/pilot:2', 'localhost:5000/pilot:2'],
])('an archive for %s is loaded as %s', (name, tag) => {
  expect(parsePlace(`docker-archive:a.tar:${name}`, cwd)).toMatchObject({ tags: [tag] })
})

test.each(['UPPER:2', 'a b', 'a:b c', `a@sha256:${'0'.repeat(64)}`])(
  'no engine loads an archive as %p',
  (name) => {
    const wanted = expect.objectContaining({ code: 'oci/bad-reference' })
    expect(() => parsePlace(`docker-archive:a.tar:${name}`, cwd)).toThrow(wanted)
  },
)

test.each([
  ['127.0.0.1:5000/vfx/env:1', '127.0.0.1:5000', 'vfx/env'],
  ['localhost:5000/env:1', 'localhost:5000', 'env'],
  ['docker://ghcr.io/org/env:1', 'ghcr.io', 'org/env'],
])('%s is in a registry', (text, registry, repository) => {
  const place = parsePlace(text, cwd)
  expect(place).toMatchObject({ kind: 'registry', reference: { registry, repository, tag: '1' } })
})

test.each(['', 'oci:', 'docker-archive:', 'env', 'oci'])('%p is no place', (text) => {
  expect(() => parsePlace(text, cwd)).toThrow(expect.objectContaining({ code: 'cli/bad-place' }))
})

/** A layout on the disk, and how to put a manifest into it. */
function layoutPlace() {
  const folder = temporaryFolder()
  const layout = openLayout(folder.path, diskBlobs(folder.path))
  return {
    layout,
    source: `oci:${folder.path}`,
    put: async (text: string) => {
      const bytes = new TextEncoder().encode(text)
      const digest = digestOf(bytes)
      await layout.blobs.write(one(bytes), { digest, maxBytes: bytes.byteLength })
      return { mediaType: mediaTypes.manifest, digest, size: bytes.byteLength }
    },
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

test('of a folder without a tag: its only image, else what is tagged latest', async () => {
  using place = layoutPlace()
  const { layout, source, put } = place
  await layout.tag('only', await put('{}'))
  expect(placeToRead(source, cwd)).toMatchObject({ tag: 'only' })
  expect(placeToRead(`${source}:1`, cwd)).toMatchObject({ tag: '1' })
  await layout.tag('other', await put('{ }'))
  expect(placeToRead(source, cwd)).toMatchObject({ tag: 'latest' })
})

test('the only image of a folder that has no tags is named by its digest', async () => {
  using place = layoutPlace()
  const image = await place.put('{}')
  await place.layout.keep(image)
  expect(placeToRead(place.source, cwd)).toMatchObject({ tag: image.digest })
})

test('a folder that is no layout is told so', () => {
  using place = layoutPlace()
  const message = expect.stringContaining('no index')
  expect(() => placeToRead(place.source, cwd)).toThrow(
    expect.objectContaining({ code: 'oci/bad-layout', message }),
  )
})

test.each(['/dev/null', '/tmp'])('%s is never replaced by an archive', (path) => {
  expect(() => placeToWrite(`docker-archive:${path}:a:1`, cwd)).toThrow(
    expect.objectContaining({ code: 'cli/bad-place' }),
  )
})
