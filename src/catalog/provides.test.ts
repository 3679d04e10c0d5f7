import { expect, test } from 'bun:test'
import { build, lines, recipe, request } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve, resolveBuild } from './resolve.ts'

test('a package that answers to another name meets a requirement on that name', () => {
  const catalog = catalogOf([
    ...recipe('openimageio', '3.1', { requires: ['jpeg >=62'] }),
    ...recipe('libjpeg-turbo', '3.1.0 3.0.4', { provides: ['jpeg 62.3'] }),
    ...recipe('ijg', '9.5', { provides: ['{ provide: jpeg 9, when: { version: ">=9" } }'] }),
  ])
  const answer = resolve(catalog, request(['openimageio']))

  expect(lines(answer)).toEqual(['libjpeg-turbo 3.1.0 recipe', 'openimageio 3.1 recipe'])
  expect(answer).toMatchObject({
    optimal: true,
    packages: [
      { provides: { jpeg: '62.3' } },
      { depends: ['libjpeg-turbo'], needs: ['jpeg >=62'], provides: {} },
    ],
  })
})

test('two that answer to one name exclude each other, also where nobody asks for the name', () => {
  const catalog = catalogOf([
    ...recipe('libjpeg-turbo', '3.1.0', { provides: ['jpeg 62.3'] }),
    ...recipe('mozjpeg', '4.1', { provides: ['jpeg 62.3'] }),
    ...recipe('jpeg', '9.5'),
  ])

  for (const asked of [
    ['libjpeg-turbo', 'mozjpeg'],
    ['jpeg ==9.5', 'mozjpeg'],
  ])
    expect(resolve(catalog, request(asked)).kind).toBe('unsolvable')
  expect(lines(resolve(catalog, request(['jpeg', 'mozjpeg'])))).toEqual(['mozjpeg 4.1 recipe'])
})

test('a name asked for: its newest version, by the package of that name before others', () => {
  const providers = ['a', 'b'].flatMap((name) => recipe(name, '1', { provides: ['tbb 2021'] }))
  const own = recipe('tbb', '2021 2020')

  expect(lines(resolve(catalogOf(providers), request(['tbb'])))).toEqual(['a 1 recipe'])
  expect(lines(resolve(catalogOf([...providers, ...own]), request(['tbb'])))).toEqual([
    'tbb 2021 recipe',
  ])
  expect(lines(resolve(catalogOf([...providers, ...own]), request(['tbb', '!tbb 2021'])))).toEqual([
    'tbb 2020 recipe',
  ])
})

test('conflicts, weak requirements and options on a name reach what answers to it', () => {
  const catalog = catalogOf([
    ...recipe('onetbb', '2022.1', { provides: ['tbb'], options: '{ debug: false }' }),
    ...recipe('openvdb', '13', { requires: ['onetbb'] }),
  ])

  expect(resolve(catalog, request(['openvdb', '!tbb >=2022'])).kind).toBe('unsolvable')
  expect(resolve(catalog, request(['openvdb', '~tbb 2021'])).kind).toBe('unsolvable')
  expect(resolve(catalog, request(['openvdb', 'tbb[debug=true]']))).toMatchObject({
    packages: [{ name: 'onetbb', options: { debug: true } }, { name: 'openvdb' }],
  })
})

test('a name is no further package: with it, one package less is still fewer', () => {
  const catalog = catalogOf([
    ...recipe('app', '2', { requires: ['codec'] }),
    ...recipe('codec', '2', { requires: ['jpeg'] }),
    ...recipe('codec', '1', { requires: ['one', 'two'] }),
    ...recipe('one', '1'),
    ...recipe('two', '1'),
    ...recipe('libjpeg-turbo', '3', { provides: ['jpeg', 'turbojpeg'] }),
  ])

  expect(lines(resolve(catalog, request(['app'])))).toEqual([
    'libjpeg-turbo 3 recipe',
    'codec 2 recipe',
    'app 2 recipe',
  ])
})

test('a build against a provider stays with it', () => {
  const turbo = build('libjpeg-turbo', '3.0.4', { provides: ['jpeg 62'], interface: 'turbo' })
  const catalog = catalogOf([
    turbo,
    build('mozjpeg', '4', { provides: ['jpeg 63'] }),
    build('openimageio', '3', { against: [turbo] }),
    ...recipe('other', '1', { requires: ['jpeg'] }),
  ])

  expect(lines(resolve(catalog, request(['other', 'openimageio'])))).toEqual([
    'libjpeg-turbo 3.0.4 build',
    'other 1 recipe',
    'openimageio 3 build',
  ])
})

test('what builds a package that needs a name has what answers to it in its sandbox', () => {
  const catalog = catalogOf([
    ...recipe('openimageio', '3.1', { requires: ['jpeg'], buildRequires: ['tool'] }),
    ...recipe('tool', '1', { requires: ['jpeg'] }),
    ...recipe('libjpeg-turbo', '3.1.0', { provides: ['jpeg'] }),
    ...recipe('mozjpeg', '4', { provides: ['jpeg'] }),
  ])
  const wanted = request(['openimageio', 'libjpeg-turbo'])
  const answer = resolve(catalog, wanted)
  if (answer.kind !== 'solved') throw new TypeError('it solves')
  const subject = answer.packages.find((one) => one.name === 'openimageio')
  if (subject?.kind !== 'recipe') throw new TypeError('it is a recipe')
  const { host, target } = wanted

  const inside = resolveBuild(catalog, { package: subject, within: answer.packages, host, target })

  expect(lines(inside)).toEqual(['libjpeg-turbo 3.1.0 recipe', 'tool 1 recipe'])
})
