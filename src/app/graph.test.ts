import { expect, test } from 'bun:test'
import { digestOf } from '#kernel/index.ts'
import type { LockedPackage } from '#model/index.ts'
import { graphOfLock, graphOfRez } from './graph.ts'

function locked(
  name: string,
  depends: readonly string[] = [],
  more: Pick<Partial<LockedPackage>, 'needs' | 'provides'> = {},
): LockedPackage {
  const digest = digestOf(name)
  return {
    name,
    version: '1',
    kind: 'build',
    build: digest,
    layer: digest,
    size: 1,
    depends,
    ...more,
  }
}

const told = ({ edges }: ReturnType<typeof graphOfLock>) =>
  edges.map(({ from, to, isImplied }) => `${from} ${isImplied ? '..' : '->'} ${to}`)

test('what follows from other edges is implied, in whatever order packages come', () => {
  const packages = [
    locked('usd', ['oiio', 'openexr', 'imath']),
    locked('oiio', ['openexr', 'imath']),
    locked('openexr', ['imath']),
    locked('imath'),
  ]
  const edges = [
    'oiio .. imath',
    'oiio -> openexr',
    'openexr -> imath',
    'usd .. imath',
    'usd -> oiio',
    'usd .. openexr',
  ]

  expect(told(graphOfLock('t', packages, new Set()))).toEqual(edges)
  expect(graphOfLock('t', packages.toReversed(), new Set())).toEqual(
    graphOfLock('t', packages, new Set()),
  )
})

test('in a circle nothing that is reachable gets lost', () => {
  const all = ['a', 'b', 'c']
  const packages = all.map((name) =>
    locked(
      name,
      all.filter((other) => other !== name),
    ),
  )
  const { edges } = graphOfLock('t', packages, new Set())
  const drawn = edges.filter((edge) => !edge.isImplied)
  const reached = (from: string) => {
    const seen = new Set([from])
    for (const name of seen) for (const edge of drawn) if (edge.from === name) seen.add(edge.to)
    return [...seen].sort()
  }

  expect(drawn.length).toBeLessThan(edges.length)
  expect(all.map(reached)).toEqual([all, all, all])
})

test('requirements, other names and what was asked for are told', () => {
  const packages = [
    locked('turbo', [], { provides: { jpeg: '62' } }),
    locked('oiio', ['turbo', 'imath'], { needs: ['!boost 1.8', 'imath >=3', 'jpeg >=62'] }),
    locked('imath'),
  ]
  const graph = graphOfLock('t', packages, new Set(['jpeg', 'oiio']))

  expect(graph.edges).toEqual([
    { from: 'oiio', to: 'imath', need: 'imath >=3', isImplied: false },
    { from: 'oiio', to: 'turbo', need: 'jpeg >=62', isImplied: false },
  ])
  expect(graph.nodes.map(({ name, isAsked, provides }) => [name, isAsked, provides])).toEqual([
    ['imath', false, undefined],
    ['oiio', true, undefined],
    ['turbo', true, ['jpeg 62']],
  ])
})

test('an answer of Rez: only requirements that are met are edges', () => {
  const row = (name: string, version: string, requires: readonly string[]) => ({
    name,
    version,
    variant: null,
    repository: '/r',
    file: `${name}/package.py`,
    requires,
  })
  const graph = graphOfRez(
    ['maya-2024'],
    [row('maya', '2024', ['python-3.10', '~usd-23', '!houdini']), row('python', '3.10.4', [])],
  )

  expect(graph).toMatchObject({
    title: 'maya-2024',
    nodes: [
      { name: 'maya', isAsked: true, kind: 'rez' },
      { name: 'python', isAsked: false },
    ],
    edges: [{ from: 'maya', to: 'python', need: 'python-3.10' }],
  })
})
