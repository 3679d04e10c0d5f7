import { expect, test } from 'bun:test'
import { parseVersion } from '#model/index.ts'
import { build, lines, recipe, request } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve, resolveBuild } from './resolve.ts'

test('a deprecated version comes last, also as a build', () => {
  const [first] = recipe('imath', '3.1')
  if (first === undefined) throw new TypeError('there is one')
  const versions = first.recipe.versions.flatMap((one) => [
    { ...one, version: parseVersion('3.2'), deprecated: 'wrong half floats' },
    one,
  ])
  const marked = { ...first.recipe, versions }
  const catalog = catalogOf([
    ...versions.map(({ version }) => ({ ...first, version, recipe: marked })),
    build('imath', '3.2'),
  ])

  expect(lines(resolve(catalog, request(['imath'])))).toEqual(['imath 3.1 recipe'])
  expect(lines(resolve(catalog, request(['imath >=3.2'])))).toEqual(['imath 3.2 build'])
})

test('packages may need each other: both are there, and each can be told apart', () => {
  const catalog = catalogOf([
    ...recipe('a', '2', { requires: ['b'] }),
    ...recipe('b', '2', { runRequires: ['a >=2'] }),
  ])
  const wanted = request(['a'])
  const answer = resolve(catalog, wanted)
  if (answer.kind !== 'solved') throw new TypeError('it solves')
  const sandboxes = answer.packages.map((one) => {
    if (one.kind !== 'recipe') throw new TypeError('it is a recipe')
    const { host, target } = wanted
    return lines(resolveBuild(catalog, { package: one, within: answer.packages, host, target }))
  })

  expect(lines(answer)).toEqual(['b 2 recipe', 'a 2 recipe'])
  // b is built alone, then a with b: the circle is only there when they run.
  expect(sandboxes).toEqual([[], ['b 2 recipe']])
})

test('as of a time: what was released later or has no date is not there', () => {
  const catalog = catalogOf([
    ...recipe('imath', '3.2@2025-06-01 3.1@2021-06-01 3.0'),
    build('imath', '2.5', { epoch: 1_500_000_000 }),
  ])
  const asOf = (day: string, asked = 'imath') =>
    lines(resolve(catalog, request([asked], { until: Date.parse(day) / 1000 })))

  expect(asOf('2026-01-01')).toEqual(['imath 3.2 recipe'])
  expect(asOf('2025-06-01')).toEqual(['imath 3.2 recipe'])
  expect(asOf('2025-05-31')).toEqual(['imath 3.1 recipe'])
  expect(asOf('2020-01-01')).toEqual(['imath 2.5 build'])
  const nothing = request(['imath >=3'], { until: Date.parse('2020-01-01') / 1000 })
  expect(resolve(catalog, nothing)).toMatchObject({
    kind: 'unsolvable',
    hints: [
      'Left out of imath, because released after 2020-01-01: 3.2 (2025-06-01) and 3.1 (2021-06-01).',
      'No release date is known of imath 3.0: `released:` in its recipe.',
    ],
  })
})

test('the lowest versions, of everything or of what is asked for', () => {
  const catalog = catalogOf([
    ...recipe('openexr', '3.3 3.2 3.1', { requires: ['imath >=3.1'] }),
    ...recipe('imath', '3.2 3.1.9 3.1.2-rc1 3.0'),
  ])
  const lowest = (mode: 'all' | 'direct') =>
    lines(resolve(catalog, request(['openexr >=3.2'], { lowest: mode })))

  expect(lowest('all')).toEqual(['imath 3.1.9 recipe', 'openexr 3.2 recipe'])
  expect(lowest('direct')).toEqual(['imath 3.2 recipe', 'openexr 3.2 recipe'])
})
