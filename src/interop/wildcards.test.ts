import { expect, test } from 'bun:test'
import { compareVersions, contains, parseVersion } from '#model/index.ts'
import { expandWildcards, type Latest } from './wildcards.ts'

const versions = ['1.55.3', '1.60', '2.0.1-beta', '3'].map((text) => parseVersion(text, 'rez'))
const latest: Latest = (name, set) =>
  name === 'foo'
    ? versions
        .filter((one) => contains(set, one))
        .sort(compareVersions)
        .at(-1)?.text
    : undefined

// Answers of rez 3.4's expand_requirement on the same versions.
test.each([
  ['foo', 'foo'],
  ['foo-1', 'foo-1'],
  ['foo-*', 'foo-3'],
  ['foo-**', 'foo-3'],
  ['foo-1.*', 'foo-1.60'],
  ['foo-1.55.*', 'foo-1.55.3'],
  ['foo-1.*.*', 'foo-1.60'],
  ['foo-2.*', 'foo-2.0'],
  ['foo-2.**', 'foo-2.0.1-beta'],
  ['foo==2.**', 'foo==2.0.1-beta'],
  ['foo<**', 'foo<3'],
  ['foo-1.*+<2.*', 'foo-1.60+<2.0'],
  ['foo-9.*', 'foo-9'],
  ['~foo-1.*', '~foo-1.60'],
  ['!foo-2.*', '!foo-2.0'],
  ['foo@1.*|2.*', 'foo@1.60|2.0'],
  ['bar-1.*', 'bar-1'],
  ['bar-**', 'bar'],
  ['foo-1*', 'foo-1*'],
  ['foo-1.*.0', 'foo-1.*.0'],
  ['foo-1.v*', 'foo-1.v*'],
])('%s becomes %s', (text, wanted) => {
  expect(expandWildcards(text, latest)).toBe(wanted)
})
