import { expect, test } from 'bun:test'
import { chosenTags, tagsBeside } from './tags.ts'

const tags = ['1.2.0', 'v1.10.0', '1.9', '2.0.0-rc1', '2.0.0', 'latest', '2025', '2025.1', 'edge']
const all = { globs: [], semver: undefined, regex: undefined, except: [], newest: undefined }

test.each([
  [{}, tags],
  [{ globs: ['2025*', 'latest'] }, ['latest', '2025', '2025.1']],
  [{ globs: ['*'], except: ['2*', 'edge'] }, ['1.2.0', 'v1.10.0', '1.9', 'latest']],
  [{ semver: '>=1.5 <2' }, ['v1.10.0', '1.9']],
  [{ semver: '^2.0.0' }, ['2.0.0']],
  [{ regex: /^v/ }, ['v1.10.0']],
  [{ semver: '<3', newest: 2 }, ['v1.10.0', '2.0.0']],
  [{ globs: ['latest', 'edge', '1.*'], newest: 2 }, ['1.2.0', '1.9']],
  [{ globs: ['none'] }, []],
])('%p', (choice, want) => expect(chosenTags(tags, { ...all, ...choice })).toEqual(want))

test('what is no tag is never chosen, and what Cosign keeps beside is not by itself', () => {
  const hex = 'a'.repeat(64)
  const beside = [`sha256-${hex}.sig`, `sha256-${hex}.att`, `sha256-${'b'.repeat(64)}.sig`]
  const bad = ['../../x', 'a b', 'x'.repeat(200), '']
  expect(chosenTags([...bad, ...beside, 'ok'], all)).toEqual(['ok'])
  expect(tagsBeside(beside, `sha256:${hex}`)).toEqual(beside.slice(0, 2))
})
