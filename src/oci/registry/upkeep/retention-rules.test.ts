import { expect, test } from 'bun:test'
import { digestOf } from '#kernel/index.ts'
import { referrersTag } from '../../reference.ts'
import { judge, type RepositoryFacts, type RetentionRule } from './retention-rules.ts'

const dayMs = 86_400_000
const nowMs = 1000 * dayMs
const rule: RetentionRule = { repositories: ['**'], tags: ['*'], protect: [], keepLast: 2 }

/** Tags from the oldest to the newest, each with a manifest of its own. */
function factsOf(...names: readonly string[]): RepositoryFacts {
  return {
    repository: 'r',
    tags: names.map((name, at) => ({
      name,
      digest: digestOf(name),
      movedMs: nowMs - (names.length - at) * dayMs,
      pulledMs: undefined,
    })),
    manifests: names.map((name) => ({
      digest: digestOf(name),
      pushedMs: nowMs - 100 * dayMs,
      pulledMs: undefined,
      subject: undefined,
      namedBy: [],
    })),
  }
}

const beside = (name: string, suffix: string) => `${referrersTag(digestOf(name))}${suffix}`

test('signatures under tags go with what they are about, and are counted by no rule', () => {
  const signatures = ['v1', 'v2', 'v3'].map((name) => beside(name, '.sig'))
  const [first = ''] = signatures
  const facts = factsOf('v1', 'v2', 'v3', ...signatures, beside('v1', ''), beside(first, '.att'))
  const verdicts = judge([rule], facts, nowMs)
  const going = verdicts.filter(({ keep, tag }) => !keep && tag !== undefined)
  expect(going.map(({ tag, reason }) => [tag, reason])).toEqual([
    ['v1', 'no rule keeps it'],
    [first, 'the manifest that it is about goes'],
    [beside('v1', ''), 'the manifest that it is about goes'],
    [beside(first, '.att'), 'the manifest that it is about goes'],
  ])
  const manifests = verdicts.filter(({ tag }) => tag === undefined).map(({ digest }) => digest)
  const gone = ['v1', first, beside('v1', ''), beside(first, '.att')].map((name) => digestOf(name))
  expect(manifests.toSorted()).toEqual(gone.toSorted())
})

test('a tag that only looks like one of those is a tag', () => {
  const verdicts = judge([rule], factsOf(beside('nothing', '.sig'), 'a', 'b'), nowMs)
  expect(verdicts.filter(({ keep }) => !keep).map(({ tag }) => tag)).toEqual([
    beside('nothing', '.sig'),
    undefined,
  ])
})

test('a tag that was set just now stays, however long ago its manifest was pulled', () => {
  const facts = factsOf('promoted')
  const tags = facts.tags.map((tag) => ({ ...tag, pulledMs: nowMs - 60 * dayMs }))
  const pulled: RetentionRule = {
    repositories: ['**'],
    tags: ['*'],
    protect: [],
    keepPulledMs: 30 * dayMs,
  }
  expect(judge([pulled], { ...facts, tags }, nowMs)).toMatchObject([
    { tag: 'promoted', keep: true, reason: 'it was pushed a day ago' },
  ])
  const later = judge([pulled], { ...facts, tags }, nowMs + 29 * dayMs)
  expect(later.map(({ keep }) => keep)).toEqual([false, false])
})
