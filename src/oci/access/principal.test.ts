import { expect, test } from 'bun:test'
import { namePattern } from './pattern.ts'
import { compiledGrants, everybody, may, type Principal } from './principal.ts'

test.each<[string, readonly string[], readonly string[]]>([
  ['aswf/openexr', ['aswf/openexr'], ['aswf/openexr-evil', 'aswf/openexr/x', 'xaswf/openexr']],
  ['aswf/*', ['aswf/a', 'aswf/a-b'], ['aswf', 'aswf/a/b', 'aswf-evil/a']],
  ['aswf/**', ['aswf', 'aswf/a', 'aswf/a/b'], ['aswf-evil/a', 'x/aswf/a']],
  ['**/ci', ['ci', 'a/ci', 'a/b/ci'], ['a/ci/b', 'a/xci']],
  ['a/ci-*-x', ['a/ci-1-x', 'a/ci-1-x-2-x'], ['a/ci-x', 'a/ci-1-xy']],
  ['**', ['a', 'a/b'], []],
  ['*', ['a'], ['a/b']],
])('%s', (pattern, fitting, others) => {
  const matches = namePattern(pattern)
  expect(fitting.filter(matches)).toEqual([...fitting])
  expect(others.filter(matches)).toEqual([])
})

test('a hostile pattern takes no time to speak of', () => {
  const matches = namePattern(`${'*a'.repeat(60)}/${'**/'.repeat(40)}b`)
  expect(matches(`${'a'.repeat(200)}/${'a/'.repeat(20)}c`)).toBe(false)
})

test('a grant allows its actions in its repositories, and admin allows all', () => {
  const ada: Principal = {
    kind: 'user',
    name: 'ada',
    grants: compiledGrants([
      { repositories: ['aswf/**'], actions: ['pull', 'push'] },
      { repositories: ['lab/ada'], actions: ['admin'] },
    ]),
  }
  expect(may(ada, 'push', 'aswf/openexr')).toBe(true)
  expect(may(ada, 'delete', 'aswf/openexr')).toBe(false)
  expect(may(ada, 'delete', 'lab/ada')).toBe(true)
  expect(may(ada, 'pull', 'lab/eve')).toBe(false)
  expect(may(everybody, 'admin', 'any/thing')).toBe(true)
})
