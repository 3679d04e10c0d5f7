import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { digestOf } from '#kernel/index.ts'
import { formatReference, isLoopback, isTag, parseReference, referrersTag } from './reference.ts'

const digest = digestOf('x')

test.each([
  ['alpine', 'docker.io/library/alpine'],
  ['org/name:1', 'docker.io/org/name:1'],
  ['index.docker.io/org/name', 'docker.io/org/name'],
  ['localhost/a', 'localhost/a'],
  ['localhost:5000/a/b-c__d.e:v1.0', 'localhost:5000/a/b-c__d.e:v1.0'],
  ['127.0.0.1:5000/vfx/imath', '127.0.0.1:5000/vfx/imath'],
  ['[::1]:5000/a:t', '[::1]:5000/a:t'],
  [`ghcr.io/o/n:t@${digest}`, `ghcr.io/o/n:t@${digest}`],
  [`ghcr.io/o/n@${digest}`, `ghcr.io/o/n@${digest}`],
])('%s is %s', (text, whole) => {
  expect(formatReference(parseReference(text))).toBe(whole)
})

test.each([
  ['', /repository is missing/],
  ['ghcr.io/', /repository is missing/],
  ['ghcr.io/Org/name', /upper-case/],
  ['ghcr.io/a:b:c', /not a/],
  ['ghcr.io/a:', /'' is not a tag/],
  ['ghcr.io/a:-x', /'-x' is not a tag/],
  ['ghcr.io/a@sha256:1', /not a digest/],
  [`ghcr.io/a@${digest}@${digest}`, /more than one/],
  ['ghcr.io/../etc', /not a repository/],
  ['ghcr.io/a//b', /not a repository/],
  ['gh cr.io/a', /not a host/],
  ['host.example:99999999/a', /not a host/],
  ['x'.repeat(2000), /longer/],
])('%s is refused', (text, why) => {
  expect(() => parseReference(text)).toThrow(why)
})

test('a URL is told to lose its scheme', () => {
  expect(() => parseReference('http://127.0.0.1:5000/vfx/imath:1')).toThrow('leave that out')
})

test('what is printed is read as it was', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const name = fc.array(word, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/'))
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/)
  fc.assert(
    fc.property(
      name,
      fc.option(tag, { nil: undefined }),
      fc.boolean(),
      (repository, one, named) => {
        const reference = {
          registry: 'registry.example:5000',
          repository,
          ...(one === undefined ? {} : { tag: one }),
          ...(named ? { digest } : {}),
        }
        expect(parseReference(formatReference(reference))).toEqual(reference)
      },
    ),
  )
})

test('a text is either refused or becomes safe parts', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      try {
        const { repository, tag } = parseReference(text)
        expect(repository).not.toMatch(/\.\.|\s|^\/|\/\//)
        expect(tag === undefined || isTag(tag)).toBe(true)
      } catch (error) {
        expect(error).toMatchObject({ code: 'oci/bad-reference' })
      }
    }),
  )
})

test('only this machine is loopback', () => {
  const own = ['localhost', 'localhost:1', '127.0.0.1:5000', '127.9.9.9', '[::1]:1']
  const other = ['localhost.example', '127.0.0.1.example:1', '10.0.0.1', '1127.0.0.1', '[::2]:1']
  expect(own.filter((host) => !isLoopback(host))).toEqual([])
  expect(other.filter(isLoopback)).toEqual([])
})

test('the fallback tag of a subject is a tag, for long digests too', () => {
  for (const subject of [digest, digestOf('x', 'sha512')]) {
    expect(isTag(referrersTag(subject))).toBe(true)
    expect(referrersTag(subject)).toHaveLength('sha256-'.length + 64)
  }
})
