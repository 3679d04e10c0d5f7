import { expect, test } from 'bun:test'
import { findPlatform } from '#model/index.ts'
import type { CatalogEntry } from './entry.ts'
import { build, recipe, request, system } from './fixture.ts'
import { catalogOf } from './memory.ts'
import type { ResolveRequest } from './resolution.ts'
import { resolve } from './resolve.ts'

const exr: readonly CatalogEntry[] = [
  ...recipe('imath', '3.1.6 3.1.5 2.5.8'),
  ...recipe('openexr', '3.1.5 3.1.4', { requires: ['imath >=3.1'] }),
  ...recipe('openimageio', '2.4.5 2.3.1', { requires: ['openexr', 'opencolorio >=2'] }),
  ...recipe('opencolorio', '2.2.0 2.1.0', {
    requires: ['{ require: "imath <3", reason: "its namespace" }'],
  }),
]
const platform = findPlatform('CY2023')

interface Case {
  readonly name: string
  readonly entries?: readonly CatalogEntry[]
  readonly request: ResolveRequest
  readonly says: readonly string[]
  readonly hints?: readonly string[]
}

const cases: readonly Case[] = [
  {
    name: 'two demands on one package',
    request: request(['openexr', 'imath 2']),
    says: [
      'You ask for openexr: that is 3.1.5 or 3.1.4.',
      'Because you ask for imath 2 and openexr 3.1.5 and 3.1.4 need imath >=3.1, no imath fits.',
    ],
    hints: [
      "Without 'openexr' it can be solved.",
      "Without 'imath 2' it can be solved and gives imath 3.1.6.",
    ],
  },
  {
    name: 'a clash further down',
    request: request(['openimageio']),
    says: [
      'You ask for openimageio: that is 2.4.5 or 2.3.1.',
      'openimageio 2.4.5 and 2.3.1 need openexr: that is 3.1.5 or 3.1.4.',
      'openimageio 2.4.5 and 2.3.1 need opencolorio >=2: that is 2.2.0 or 2.1.0.',
      'Because openexr 3.1.5 and 3.1.4 need imath >=3.1 and opencolorio 2.2.0 and 2.1.0 need imath <3 (its namespace), no imath fits.',
    ],
  },
  {
    name: 'several things that are wrong, each by itself',
    request: request(['openexr', 'imaht', 'imath 9']),
    says: [
      'You ask for imath 9, but there is only imath 3.1.6, 3.1.5 and 2.5.8.',
      'You ask for imaht, but there is no package called imaht.',
    ],
    hints: ["Did you mean 'imath'?"],
  },
  {
    name: 'a misspelt package',
    request: request(['imaht']),
    says: ['You ask for imaht, but there is no package called imaht.'],
    hints: ["Did you mean 'imath'?"],
  },
  {
    name: 'a recipe that needs an unknown package',
    entries: recipe('viewer', '1.0', { requires: ['zlbi'] }),
    request: request(['viewer']),
    says: [
      'You ask for viewer: that is 1.0.',
      'viewer 1.0 needs zlbi, but there is no package called zlbi.',
    ],
  },
  {
    name: 'a system package that is too old',
    entries: [...recipe('viewer', '1.1 1.0', { requires: ['zlib >=2'] }), system('zlib', '1.2.13')],
    request: request(['viewer']),
    says: [
      'You ask for viewer: that is 1.1 or 1.0.',
      'viewer 1.1 and 1.0 need zlib >=2, but there is only zlib 1.2.13.',
    ],
  },
  {
    name: 'a system package that is not installed',
    entries: [system('zlib', undefined, 'apt install zlib1g-dev')],
    request: request(['zlib']),
    says: ['You ask for zlib, but zlib is not installed on this system.'],
    hints: ['Install it: apt install zlib1g-dev'],
  },
  {
    name: 'a platform against the request',
    request: request(['imath 2'], { platform }),
    says: ['Because you ask for imath 2 and CY2023 allows imath 3.1 only, no imath fits.'],
    hints: ["Without CY2023's '~imath 3.1' it can be solved and gives imath 2.5.8."],
  },
  {
    name: 'an interface that nobody offers',
    entries: [
      build('imath', '3.1.6', { interface: 'new' }),
      build('openexr', '3.1.5', { against: [build('imath', '3.1.6', { interface: 'old' })] }),
    ],
    request: request(['openexr']),
    says: [
      'You ask for openexr: that is 3.1.5.',
      'openexr 3.1.5 needs imath, but no build of imath offers the interface that it was built against.',
    ],
  },
  {
    name: 'builds for another target only',
    entries: [build('imath', '3.1.6', { target: 'linux-aarch64' })],
    request: request(['imath']),
    says: [
      'You ask for imath, but no build of imath is for this target and platform, and no recipe makes one.',
    ],
  },
  {
    name: 'an option that does not exist',
    request: request(['openexr[python]']),
    says: [
      'You ask for openexr[python=true], but no openexr in that range has these options (versions: 3.1.5 and 3.1.4).',
    ],
    hints: ['openexr has no options.'],
  },
  {
    name: 'a value that an option does not have',
    entries: recipe('openexr', '3.1.5', {
      options: '{ python: { default: false }, simd: { default: auto, values: [auto, none] } }',
    }),
    request: request(['openexr[simd=fast]']),
    says: [
      'You ask for openexr[simd=fast], but no openexr in that range has these options (versions: 3.1.5).',
    ],
    hints: ['Options of openexr: python (true, false); simd (auto, none).'],
  },
  {
    name: 'a fact that the machine lacks',
    entries: recipe('renderer', '1.0', { requires: ['__cuda >=11'] }),
    request: request(['renderer']),
    says: [
      'You ask for renderer: that is 1.0.',
      'renderer 1.0 needs __cuda >=11, but this machine has no __cuda.',
    ],
  },
  {
    name: 'a conflict of the request',
    request: request(['openexr', '!imath']),
    says: [
      'You ask for openexr: that is 3.1.5 or 3.1.4.',
      'Because you allow no imath and openexr 3.1.5 and 3.1.4 need imath >=3.1, no imath fits.',
    ],
    hints: ["Without '!imath' it can be solved and gives imath 3.1.6."],
  },
]

test.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
  const answer = resolve(catalogOf(one.entries ?? exr), one.request)
  if (answer.kind !== 'unsolvable') throw new TypeError(`it is ${answer.kind}`)

  expect(answer.sentences).toEqual(one.says)
  expect(answer.hints).toEqual(one.hints ?? [])
})

test('facts name who asks, for tools', () => {
  const answer = resolve(catalogOf(exr), request(['openexr', 'imath 2']))

  expect(answer).toMatchObject({
    facts: [
      { requirement: 'openexr' },
      { requirement: 'imath 2' },
      { from: { name: 'openexr', versions: ['3.1.5', '3.1.4'] }, requirement: 'imath >=3.1' },
    ],
  })
})

test('a long list of versions is cut short', () => {
  const versions = Array.from({ length: 12 }, (_none, minor) => `1.${minor}`).toReversed()
  const answer = resolve(catalogOf(recipe('a', versions.join(' '))), request(['a 2']))

  expect(answer).toMatchObject({
    sentences: ['You ask for a 2, but there is only a 1.11, 1.10, 1.9, 1.8, 1.7 and 7 more.'],
  })
})
