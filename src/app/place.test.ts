import { expect, test } from 'bun:test'
import { digestOf, one, temporaryFolder } from '#kernel/index.ts'
import { mediaTypes, openLayout } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { parsePlace, parseSource, parseTarget } from './place.ts'

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

test('a folder to take from: what is there, and none where nothing is', async () => {
  using folder = temporaryFolder()
  const layout = openLayout(folder.path, diskBlobs(folder.path))
  const source = `oci:${folder.path}`
  expect(() => parseSource(source, cwd)).toThrow(
    expect.objectContaining({
      code: 'oci/bad-layout',
      message: expect.stringContaining('no index'),
    }),
  )
  const put = async (text: string) => {
    const bytes = new TextEncoder().encode(text)
    const digest = digestOf(bytes)
    await layout.blobs.write(one(bytes), { digest, maxBytes: bytes.byteLength })
    return { mediaType: mediaTypes.manifest, digest, size: bytes.byteLength }
  }
  const first = await put('{}')
  await layout.keep(first)
  expect(parseSource(source, cwd)).toMatchObject({ tag: first.digest })
  expect(parseSource(`${source}:1`, cwd)).toMatchObject({ tag: '1' })
  await layout.tag('only', first)
  await layout.drop(first.digest)
  await layout.tag('only', first)
  expect(parseSource(source, cwd)).toMatchObject({ tag: 'only' })
  await layout.tag('other', await put('{ }'))
  expect(parseSource(source, cwd)).toMatchObject({ tag: 'latest' })
})

test.each(['/dev/null', '/tmp'])('%s is never replaced by an archive', (path) => {
  expect(() => parseTarget(`docker-archive:${path}:a:1`, cwd)).toThrow(
    expect.objectContaining({ code: 'cli/bad-place' }),
  )
})
