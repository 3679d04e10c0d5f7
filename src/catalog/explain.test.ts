import { expect, test } from 'bun:test'
import { build, recipe, request } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve } from './resolve.ts'

const exr = [
  ...recipe('imath', '3.1.6 3.1.5 2.5.8'),
  ...recipe('openexr', '3.1.5 3.1.4', { requires: ['imath >=3.1'] }),
]

test('causes and fixes are data too: who wants what, what changes, what it gives', () => {
  const answer = resolve(catalogOf(exr), request(['openexr', 'imath 2']))

  expect(answer).toMatchObject({
    kind: 'unsolvable',
    causes: [
      {
        facts: [
          { requirement: 'openexr', kind: 'require' },
          { requirement: 'imath 2', kind: 'require' },
          { from: { name: 'openexr', versions: ['3.1.5', '3.1.4'] }, requirement: 'imath >=3.1' },
        ],
        sentences: [
          'You ask for openexr.',
          'Because you ask for imath 2 and every openexr needs imath >=3.1, no imath fits both.',
        ],
      },
    ],
  })
  if (answer.kind !== 'unsolvable') throw new TypeError(`it is ${answer.kind}`)
  expect(answer.fixes[0]).toEqual({
    text: 'allow imath 3.1.5 (you ask for imath 2): gives imath 3.1.5 and openexr 3.1.5',
    changes: [
      { change: 'allow', requirement: 'imath 2', allow: { name: 'imath', version: '3.1.5' } },
    ],
    gives: [
      { name: 'openexr', version: '3.1.5' },
      { name: 'imath', version: '3.1.5' },
    ],
  })
})

test('a build is as it was built: nothing of it is a fix', () => {
  const entries = [
    build('imath', '3.1.6', { interface: 'new' }),
    build('openexr', '3.1.5', { against: [build('imath', '3.1.6', { interface: 'old' })] }),
  ]
  expect(resolve(catalogOf(entries), request(['openexr']))).toMatchObject({
    sentences: [
      'You ask for openexr, which needs imath, but no build of imath offers the interface that it was built against.',
    ],
    fixes: [],
  })
})

test('builds for another target only', () => {
  const entries = [build('imath', '3.1.6', { target: 'linux-aarch64' })]
  expect(resolve(catalogOf(entries), request(['imath']))).toMatchObject({
    sentences: [
      'You ask for imath, but no build of imath is for this target and platform, and no recipe makes one.',
    ],
  })
})

test('values that an option has are told', () => {
  const entries = recipe('openexr', '3.1.5', {
    options: '{ python: { default: false }, simd: { default: auto, values: [auto, none] } }',
  })
  expect(resolve(catalogOf(entries), request(['openexr[simd=fast]']))).toMatchObject({
    sentences: ["You ask for openexr[simd=fast], but its option 'simd' has no value 'fast'."],
    hints: ['Options of openexr: python (true, false); simd (auto, none).'],
  })
})

test('a build that asks for what its recipe does is not told apart from it', () => {
  const core = build('core', '1')
  const entries = [
    ...recipe('core', '2 1'),
    core,
    ...recipe('tool', '3', { requires: ['{ require: core 1, reason: 2 is another format }'] }),
    build('tool', '3', { range: '1', against: [core] }),
  ]
  expect(resolve(catalogOf(entries), request(['tool', 'core 2']))).toMatchObject({
    sentences: [
      'You ask for tool.',
      'Because you ask for core 2 and tool 3 needs core 1 (2 is another format), no core fits both.',
    ],
  })
})
