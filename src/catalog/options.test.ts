/** Which options and builds are chosen, and who has to ask for them. */
import { expect, test } from 'bun:test'
import { build, lines, recipe, request } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve } from './resolve.ts'

const fast = { options: '{ fast: false }' }

test('the version of a later request comes before options and builds of an earlier one', () => {
  const catalog = catalogOf([
    ...recipe('hdf5', '2 1', fast),
    build('hdf5', '2', { options: { fast: false } }),
    ...recipe('cpython', '3 1', {
      requires: ['{ require: "hdf5[fast=true]", reason: "speed", when: { version: ">=3" } }'],
    }),
  ])

  const wanted = (...texts: string[]) => lines(resolve(catalog, request(texts)))
  expect(wanted('hdf5', 'cpython')).toEqual(['hdf5 2 recipe', 'cpython 3 recipe'])
  expect(wanted('hdf5', 'cpython <3')).toEqual(['hdf5 2 build', 'cpython 1 recipe'])
})

test('an existing build of what is asked for is kept, whatever is newer below it', () => {
  const imath = build('imath', '3.1')
  const catalog = catalogOf([
    ...recipe('openexr', '3.3', { requires: ['imath'] }),
    build('openexr', '3.3', { against: [imath] }),
    imath,
    ...recipe('imath', '3.2 3.1'),
  ])

  expect(lines(resolve(catalog, request(['openexr'])))).toEqual([
    'imath 3.1 build',
    'openexr 3.3 build',
  ])
  expect(lines(resolve(catalog, request(['openexr', 'imath'])))).toEqual([
    'imath 3.2 recipe',
    'openexr 3.3 recipe',
  ])
})

/** `hdf5` needs one package more unless it is fast. */
const slow = [
  ...recipe('app', '1', { requires: ['hdf5'] }),
  ...recipe('hdf5', '1', {
    ...fast,
    requires: ['{ require: zlib, reason: speed, when: { option: { fast: false } } }'],
  }),
  ...recipe('zlib', '1'),
]

test('an option that nobody in the answer asks for saves no package', () => {
  const asking = recipe('tool', '2 1', {
    requires: ['{ require: "hdf5[fast=true]", reason: "speed", when: { version: "2" } }'],
  })
  const catalog = catalogOf([...slow, ...asking])

  const wanted = (...texts: string[]) => lines(resolve(catalog, request(texts)))
  expect(wanted('app', 'tool <2')).toContain('zlib 1 recipe')
  expect(wanted('app', 'tool')).not.toContain('zlib 1 recipe')
  expect(wanted('app', 'hdf5[fast=true]')).not.toContain('zlib 1 recipe')
})

test('an option of a build is asked for too, also by what was built against it', () => {
  const hdf5 = build('hdf5', '1', { options: { fast: true } })
  const catalog = catalogOf([...slow, hdf5])
  const usd = build('usd', '1', { against: [hdf5] })

  expect(lines(resolve(catalog, request(['hdf5'])))).toEqual(['zlib 1 recipe', 'hdf5 1 recipe'])
  expect(lines(resolve(catalogOf([...slow, hdf5, usd]), request(['usd'])))).toEqual([
    'hdf5 1 build',
    'usd 1 build',
  ])
  // Without a recipe nobody knows what the default is.
  expect(lines(resolve(catalogOf([hdf5]), request(['hdf5'])))).toEqual(['hdf5 1 build'])
})

test('where only an option that nobody asks for would do, that is told and how to ask', () => {
  const catalog = catalogOf([
    ...slow,
    ...recipe('tool', '2 1', {
      requires: ['{ require: "hdf5[fast=true]", reason: "speed", when: { version: "2" } }'],
    }),
  ])
  const answer = resolve(catalog, request(['app', 'tool <2', '!zlib']))

  if (answer.kind !== 'unsolvable') throw new TypeError('it does not solve')
  expect(answer.sentences).toEqual([
    'You ask for app, which needs hdf5.',
    'Because you exclude zlib and hdf5 1 needs zlib (speed), no zlib fits both.',
  ])
  expect(answer.fixes.map((fix) => fix.text)).toEqual([
    'ask for hdf5[fast=true] too: gives app 1 and tool 1',
    'allow zlib 1 (you exclude zlib): gives app 1 and tool 1',
    'leave out app: gives tool 1',
  ])
  expect(answer.fixes[0]?.changes).toEqual([{ change: 'add', requirement: 'hdf5[fast=true]' }])
})
