import { expect, test } from 'bun:test'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, temporaryFolder } from '#kernel/index.ts'
import { type BuildIndex, type BuildSource, openBuildIndex } from './build-index.ts'
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

/** The store's list of manifests; its stamp follows from what is in it. */
function source(list: readonly Digest[], read: BuildSource['read']): BuildSource {
  return { stamp: list.toSorted().join(' '), manifests: () => list, read }
}

const all = (index: BuildIndex) => index.names().flatMap((name) => index.builds(name))

test('each manifest is read once; a second refresh reads and writes nothing', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.shelf')
  const first = reader()
  const index = await openBuildIndex(path, source(manifests, first.read))
  expect(first.asked.toSorted()).toEqual(manifests.toSorted())
  const written = statSync(path).ino

  const second = reader()
  const again = await openBuildIndex(path, source(manifests.toReversed(), second.read))

  expect(second.asked).toEqual([])
  expect(statSync(path).ino).toBe(written)
  expect(all(again)).toEqual(all(index))
  expect(
    all(again)
      .map((one) => one.manifest)
      .toSorted(),
  ).toEqual(manifests.toSorted())
})

test('builds that are gone are forgotten, new ones are read', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.shelf')
  await openBuildIndex(path, source(manifests.slice(0, 2), reader().read))

  const { asked, read } = reader()
  const index = await openBuildIndex(path, source(manifests.slice(1), read))

  expect(asked).toEqual(manifests.slice(2))
  expect(
    all(index)
      .map((one) => one.name)
      .toSorted(),
  ).toEqual(['openexr', 'zlib-ng'])
})

test('a broken index is made anew', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.shelf')
  await openBuildIndex(path, source(manifests, reader().read))
  writeFileSync(path, readFileSync(path).subarray(0, 100))

  const index = await openBuildIndex(path, source(manifests, reader().read))

  expect(all(index)).toHaveLength(3)
})

test('what is not a build is left out', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'builds.shelf')
  const other = build('other', '1.0').manifest

  const index = await openBuildIndex(path, source([...manifests, other], reader().read))

  expect(all(index)).toHaveLength(3)
})
