import { expect, test } from 'bun:test'
import { type Digest, digestOf } from '#kernel/index.ts'
import type { LockedPackage } from '#model/index.ts'
import { changesBetween } from './changes.ts'

function build(name: string, version: string, digest: Digest = digestOf(name)): LockedPackage {
  const layer = digestOf('layer')
  return { name, version, kind: 'build', build: digest, layer, size: 1, depends: [] }
}

test('additions, removals and new versions are told by name', () => {
  const before = [build('imath', '3.1.6'), build('openexr', '3.1.5'), build('ilmbase', '2.5.8')]
  const after = [build('imath', '3.1.10'), build('openexr', '3.1.4'), build('zlib', '1.2')]
  expect(changesBetween(before, after)).toEqual([
    { name: 'ilmbase', before: '2.5.8', what: 'removed' },
    { name: 'imath', before: '3.1.6', after: '3.1.10', what: 'upgraded' },
    { name: 'openexr', before: '3.1.5', after: '3.1.4', what: 'downgraded' },
    { name: 'zlib', after: '1.2', what: 'added' },
  ])
})

test('another build of the same version is a rebuild; building a recipe is no change', () => {
  const old = build('imath', '3.1.6')
  const other = build('imath', '3.1.6', digestOf('other'))
  const recipe: LockedPackage = {
    name: 'imath',
    version: '3.1.6',
    kind: 'recipe',
    recipe: digestOf('recipe'),
    options: {},
    depends: [],
  }
  expect(changesBetween([old], [other])).toMatchObject([{ name: 'imath', what: 'rebuilt' }])
  expect(changesBetween([recipe], [old])).toEqual([])
  expect(changesBetween([old], [old])).toEqual([])
})
