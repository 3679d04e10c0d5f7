import { expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, temporaryFolder } from '#kernel/index.ts'
import { refreshBuildIndex } from './build-index.ts'
import { build } from './fixture.ts'

const builds = [build('imath', '3.1.6'), build('openexr', '3.1.5'), build('zlib-ng', '2.1')]
const manifests = builds.map((one) => one.manifest)

/** Reads from `builds`, and remembers what it was asked for. */
function reader() {
  const asked: Digest[] = []
  const read = async (manifest: Digest) => {
    asked.push(manifest)
    return builds.find((one) => one.manifest === manifest)
  }
  return { asked, read }
}

test('each manifest is read once; a second refresh reads and writes nothing', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.json')
  const first = reader()
  const index = await refreshBuildIndex(path, manifests, first.read)
  expect(first.asked.toSorted()).toEqual(manifests.toSorted())
  const written = statSync(path).ino

  const second = reader()
  const again = await refreshBuildIndex(path, manifests.toReversed(), second.read)

  expect(second.asked).toEqual([])
  expect(statSync(path).ino).toBe(written)
  expect(again.builds).toEqual(index.builds)
  expect(again.builds.map((one) => one.manifest)).toEqual(manifests.toSorted())
})

test('builds that are gone are forgotten, new ones are read', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.json')
  await refreshBuildIndex(path, manifests.slice(0, 2), reader().read)

  const { asked, read } = reader()
  const index = await refreshBuildIndex(path, manifests.slice(1), read)

  expect(asked).toEqual(manifests.slice(2))
  expect(index.builds.map((one) => one.name).toSorted()).toEqual(['openexr', 'zlib-ng'])
})

test('a broken index is made anew', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.json')
  await refreshBuildIndex(path, manifests, reader().read)
  writeFileSync(path, readFileSync(path).subarray(0, 100))

  const index = await refreshBuildIndex(path, manifests, reader().read)

  expect(index.builds).toHaveLength(3)
})

test('what is not a build is left out', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.json')
  const other = build('other', '1.0').manifest

  const index = await refreshBuildIndex(path, [...manifests, other], reader().read)

  expect(index.builds).toHaveLength(3)
})
