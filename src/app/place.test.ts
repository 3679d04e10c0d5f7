import { expect, test } from 'bun:test'
import { parsePlace } from './place.ts'

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
