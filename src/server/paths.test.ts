import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { isRepositoryName } from '#oci/index.ts'
import { methodsOf, parsePath } from './paths.ts'

test.each([
  ['/v2/', { kind: 'ping' }],
  ['/v2', { kind: 'ping' }],
  ['/v2/_catalog', { kind: 'catalog' }],
  ['/v2/a/b/blobs/sha256:0', { kind: 'blob', name: 'a/b', digest: 'sha256:0' }],
  ['/v2/a/blobs/sha256%3A0', { kind: 'blob', name: 'a', digest: 'sha256:0' }],
  ['/v2/a/blobs/uploads/', { kind: 'uploads', name: 'a' }],
  ['/v2/a/blobs/uploads', { kind: 'uploads', name: 'a' }],
  ['/v2/a/blobs/uploads/1-2', { kind: 'upload', name: 'a', id: '1-2' }],
  ['/v2/a/manifests/v1', { kind: 'manifest', name: 'a', reference: 'v1' }],
  [
    '/v2/blobs/manifests/manifests/x',
    { kind: 'manifest', name: 'blobs/manifests', reference: 'x' },
  ],
  ['/v2/a/tags/list', { kind: 'tags', name: 'a' }],
  ['/v2/a/referrers/sha256:0', { kind: 'referrers', name: 'a', digest: 'sha256:0' }],
  ['/v2/a', undefined],
  ['/v2/a/b', undefined],
  ['/v2/a/blobs/', undefined],
  ['/v1/', undefined],
  ['/v2/%E0%A4%A/tags/list', undefined],
  [`/v2/${'a/'.repeat(600)}tags/list`, undefined],
])('%s', (path, want) => {
  const target: unknown = parsePath(path)
  expect(target).toEqual(want)
})

test('a name that comes out is a repository name, whatever goes in', () => {
  const piece = fc.constantFrom(
    'a',
    'blobs',
    'uploads',
    '..',
    '.',
    '',
    '%2e%2e',
    '%2f',
    'A',
    'tags',
  )
  const tail = fc.constantFrom(
    'blobs/x',
    'tags/list',
    'manifests/y',
    'blobs/uploads/',
    'referrers/z',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), tail, (pieces, end) => {
      try {
        const target = parsePath(`/v2/${pieces.join('/')}/${end}`)
        expect(target === undefined || !('name' in target) || isRepositoryName(target.name)).toBe(
          true,
        )
      } catch (error) {
        expect(error).toMatchObject({ code: 'oci/name-invalid' })
      }
    }),
  )
})

test('docs/http-api.md lists every path with its methods', () => {
  const text = readFileSync(join(import.meta.dir, '../../docs/http-api.md'), 'utf8')
  const listed = [...text.matchAll(/^\| `(\/v2[^`]*)` \| ([A-Z, ]+) \|$/gm)].map(
    ([, path = '', methods = '']) => [path, methods.split(', ')] as const,
  )
  const kinds = new Set<string>()
  for (const [path, methods] of listed) {
    const target = parsePath(path.replace('/N/', '/n/'))
    expect(target && methodsOf(target)).toEqual(methods)
    kinds.add(target?.kind ?? path)
  }
  const all = ['blob', 'catalog', 'manifest', 'ping', 'referrers', 'tags', 'upload', 'uploads']
  expect([...kinds].sort()).toEqual(all)
})
