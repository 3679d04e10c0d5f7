import { expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { Digest } from '#kernel/index.ts'
import { findPlatform, parseVersion } from '#model/index.ts'
import type { CatalogEntry } from './entry.ts'
import { build, hostFacts, lines, recipe, request, system } from './fixture.ts'
import { catalogOf } from './memory.ts'
import { resolve, resolveBuild, resolveInSlices } from './resolve.ts'

const chain = [
  ...recipe('imath', '3.1.6 3.1.5 2.5.8'),
  ...recipe('openexr', '3.1.5 3.1.4 2.5.8', {
    requires: [
      '{ require: "imath >=3.1", when: { version: ">=3" } }',
      '{ require: "imath 2.5", reason: "moved out in 3", when: { version: "<3" } }',
      'zlib',
    ],
  }),
  system('zlib', '1.2.13'),
]

test('newest versions, dependencies first, with what each needs', () => {
  const answer = resolve(catalogOf(chain), request(['openexr']))

  expect(lines(answer)).toEqual([
    'imath 3.1.6 recipe',
    'zlib 1.2.13 system',
    'openexr 3.1.5 recipe',
  ])
  expect(answer).toMatchObject({
    optimal: true,
    packages: [{ depends: [] }, { depends: [], range: '*' }, { depends: ['imath', 'zlib'] }],
  })
})

test('what is asked for first gets its newest version first', () => {
  const catalog = catalogOf(chain)

  expect(lines(resolve(catalog, request(['openexr', 'imath <3'])))).toContain(
    'openexr 2.5.8 recipe',
  )
  expect(lines(resolve(catalog, request(['imath', 'openexr'])))).toContain('imath 3.1.6 recipe')
})

test('an existing build comes before a recipe of its version, not before a newer one', () => {
  const [newer, older] = [build('imath', '3.1.6'), build('imath', '3.1.5')]

  expect(lines(resolve(catalogOf([...chain, newer]), request(['imath'])))).toEqual([
    'imath 3.1.6 build',
  ])
  expect(lines(resolve(catalogOf([...chain, older]), request(['imath'])))).toEqual([
    'imath 3.1.6 recipe',
  ])
})

test('a build accepts only builds with the interface it was made against', () => {
  const old = build('imath', '3.1.6', { interface: 'one', epoch: 1 })
  const same = build('imath', '3.1.6', { interface: 'one', epoch: 2 })
  const other = build('imath', '3.1.6', { interface: 'two', epoch: 3 })
  const exr = build('openexr', '3.1.5', { against: [old], system: ['zlib >=1.2'] })

  const reused = resolve(catalogOf([...chain, same, exr]), request(['openexr']))
  expect(lines(reused)).toContain('openexr 3.1.5 build')
  const rebuilt = resolve(catalogOf([...chain, other, exr]), request(['openexr']))
  expect(lines(rebuilt)).toEqual([
    'imath 3.1.6 build',
    'zlib 1.2.13 system',
    'openexr 3.1.5 recipe',
  ])
  const both = resolve(catalogOf([...chain, other, same, exr]), request(['openexr']))
  expect(both).toMatchObject({
    packages: [{ entry: { manifest: same.manifest } }, { range: '>=1.2' }, { kind: 'build' }],
  })
})

test('builds for another target or platform are none', () => {
  const catalog = catalogOf([
    build('imath', '3.1.6', { target: 'linux-aarch64' }),
    build('imath', '3.1.5', { platform: 'CY2022' }),
    build('imath', '3.1.4', { platform: 'CY2023' }),
  ])
  const answer = resolve(catalog, request(['imath'], { platform: findPlatform('CY2023') }))

  expect(lines(answer)).toEqual(['imath 3.1.4 build'])
})

test('a platform limits what is present and adds nothing', () => {
  const catalog = catalogOf([...recipe('openexr', '3.3.0 3.1.5'), ...recipe('imath', '3.1.6')])
  const answer = resolve(catalog, request(['openexr'], { platform: findPlatform('CY2023') }))

  expect(lines(answer)).toEqual(['openexr 3.1.5 recipe'])
})

test('demands on the host are met by its facts, and told', () => {
  const needs = (glibc: string) => build('imath', '3.1.6', { host: [`__glibc >=${glibc}`] })
  const solved = resolve(catalogOf([needs('2.17')]), request(['imath']))

  expect(lines(solved)).toEqual(['imath 3.1.6 build'])
  expect(solved).toMatchObject({ host: [{ name: '__glibc', range: '>=2.17' }] })
  expect(lines(resolve(catalogOf([needs('2.38')]), request(['imath'])))).toContain(
    'You ask for imath, which needs __glibc >=2.38, but this machine has __glibc 2.31.',
  )
  const unknown = resolve(catalogOf([needs('2.38')]), request(['imath'], { host: [] }))
  expect(unknown).toMatchObject({ kind: 'solved', host: [{ range: '>=2.38' }] })
})

const optional = [
  ...recipe('openexr', '3.1.5', {
    options: '{ python: { default: false }, simd: { default: auto, values: [auto, none] } }',
    requires: ['{ require: cpython, when: { option: { python: true } } }'],
  }),
  ...recipe('cpython', '3.10'),
  ...recipe('viewer', '1.0', { requires: ['openexr[simd=none]'] }),
]

test('options come from whoever requires them, else from the defaults', () => {
  const catalog = catalogOf(optional)
  const plain = resolve(catalog, request(['openexr']))
  const asked = resolve(catalog, request(['openexr[python]', 'viewer']))

  expect(plain).toMatchObject({ packages: [{ options: { python: false, simd: 'auto' } }] })
  expect(lines(asked)).toEqual(['cpython 3.10 recipe', 'openexr 3.1.5 recipe', 'viewer 1.0 recipe'])
  expect(asked).toMatchObject({ packages: [{}, { options: { python: true, simd: 'none' } }, {}] })
})

test('a build with other options does not fit where they are asked for', () => {
  const plain = build('openexr', '3.1.5', { options: { python: false, simd: 'auto' } })
  const catalog = catalogOf([...optional, plain])

  expect(lines(resolve(catalog, request(['openexr'])))).toEqual(['openexr 3.1.5 build'])
  expect(lines(resolve(catalog, request(['openexr[python=true]'])))).toContain(
    'openexr 3.1.5 recipe',
  )
})

const many = (count: number) => {
  const options = Array.from({ length: count }, (_none, index) => `o${index}`)
  const declared = `{ ${options.map((one) => `${one}: false`).join(', ')} }`
  const users = options.map((one) => recipe(`uses-${one}`, '1', { requires: [`p[${one}]`] }))
  return { options, entries: [...recipe('p', '1', { options: declared }), ...users.flat()] }
}

test.each([7, 12, 30])('%i packages may each ask for another option of one', (count) => {
  const { options, entries } = many(count)
  const answer = resolve(catalogOf(entries), request(options.map((one) => `uses-${one}`)))

  expect(answer).toMatchObject({
    kind: 'solved',
    packages: [
      { name: 'p', options: Object.fromEntries(options.map((one) => [one, true])) },
      ...options.map(() => ({})),
    ],
  })
})

test('where not every combination of options was tried, no answer is not called impossible', () => {
  const { options, entries } = many(20)
  const other = recipe('other', '1', { requires: ['p[o0=false]', 'p[o1=false]'] })
  const users = options.map((one) => `uses-${one}`)
  const catalog = catalogOf([...entries, ...other])

  expect(() => resolve(catalog, request([...users, '~other']))).toThrow(
    expect.objectContaining({ code: 'solver/too-many-options' }),
  )
})

test('options that contradict each other are told', () => {
  const answer = resolve(catalogOf(optional), request(['openexr[simd=auto]', 'viewer']))

  expect(answer).toMatchObject({
    kind: 'unsolvable',
    sentences: expect.arrayContaining([
      'Because you ask for openexr[simd=auto] and viewer 1.0 needs openexr[simd=none], no openexr fits both.',
    ]),
  })
})

test('pre-releases only where a range names one; then all agree to it', () => {
  const catalog = catalogOf([
    ...recipe('imath', '3.2.0-rc1 3.1.6'),
    ...recipe('openexr', '3.1.5', { requires: ['imath >=3.1'] }),
  ])

  expect(lines(resolve(catalog, request(['openexr'])))).toContain('imath 3.1.6 recipe')
  expect(lines(resolve(catalog, request(['imath ==3.2.0-rc1', 'openexr'])))).toContain(
    'imath 3.2.0-rc1 recipe',
  )
})

test('only pre-releases fit: the hint says how to ask for one', () => {
  const answer = resolve(catalogOf(recipe('imath', '3.2.0-rc1')), request(['imath']))

  expect(answer).toMatchObject({
    kind: 'unsolvable',
    hints: ["Only pre-releases fit; ask for one by name: 'imath ==3.2.0-rc1'."],
  })
})

test('deprecated builds come last, newest epoch first among equals', () => {
  const bad = build('imath', '3.1.7', { deprecated: true })
  const good = build('imath', '3.1.6', { epoch: 5 })
  const early = build('imath', '3.1.6', { epoch: 4 })

  expect(resolve(catalogOf([bad, early, good]), request(['imath']))).toMatchObject({
    packages: [{ entry: { manifest: good.manifest } }],
  })
  expect(lines(resolve(catalogOf([bad]), request(['imath'])))).toEqual(['imath 3.1.7 build'])
})

test('a platform gives TBB a minimum in environments and a maximum for what is built', () => {
  const catalog = catalogOf([
    ...recipe('onetbb', '2021.5 2020.3 2019.9'),
    ...recipe('openvdb', '10.0', { requires: ['onetbb'] }),
    ...recipe('old', '1.0', { requires: ['{ require: "onetbb 2019", reason: "a test" }'] }),
    ...recipe('modern', '1.0', { requires: ['__glibc >=2.17'] }), // The machine's is newer.
    build('houdini', '20', { against: [build('onetbb', '2021.5')] }),
    build('onetbb', '2021.5', { platform: 'CY2023' }),
  ])
  const ask = (...wanted: string[]) =>
    resolve(catalog, request(wanted, { platform: findPlatform('CY2023') }))

  expect(lines(ask('onetbb'))).toEqual(['onetbb 2021.5 build'])
  expect(lines(ask('openvdb'))).toEqual(['onetbb 2020.3 recipe', 'openvdb 10.0 recipe'])
  expect(ask('old').kind).toBe('unsolvable')
  expect(lines(ask('modern'))).toEqual(['modern 1.0 recipe'])
  const answer = ask('openvdb', 'onetbb 2021')
  expect(answer).toMatchObject({ kind: 'unsolvable' })
  expect(lines(answer).join(' ')).toContain('CY2023 builds against no newer one')
})

test('kept versions stay where they fit', () => {
  const keep = new Map([['imath', '3.1.5']])

  expect(lines(resolve(catalogOf(chain), request(['openexr'], { keep })))).toContain(
    'imath 3.1.5 recipe',
  )
  expect(lines(resolve(catalogOf(chain), request(['imath 3.1.6'], { keep })))).toEqual([
    'imath 3.1.6 recipe',
  ])
})

test('conflicts and weak requirements of recipes and of builds hold', () => {
  const catalog = catalogOf([
    ...recipe('imath', '3.1.6 2.5.8'),
    ...recipe('openexr', '3.1.5', { requires: ['!imath 2'] }),
    build('viewer', '1.0', { constraints: ['~imath 2'] }),
  ])

  expect(lines(resolve(catalog, request(['openexr', 'imath'])))).toContain('imath 3.1.6 recipe')
  expect(lines(resolve(catalog, request(['viewer', 'imath'])))).toContain('imath 2.5.8 recipe')
  expect(resolve(catalog, request(['viewer', 'openexr', 'imath'])).kind).toBe('unsolvable')
  expect(lines(resolve(catalog, request(['viewer', 'openexr'])))).toHaveLength(2)
})

test('a build for one Python is passed over where the system has another', () => {
  const module = (minor: string) =>
    build('arrow', '1.2', { system: ['cpython'], constraints: [`~cpython ${minor}`] })
  const pure = build('six', '1.16', { system: ['cpython'] })
  const rest = [...recipe('arrow', '1.2', { requires: ['cpython'] }), pure]
  const seen = (...entries: CatalogEntry[]) =>
    lines(resolve(catalogOf([...rest, ...entries]), request(['arrow', 'six'])))

  const older = [module('3.10'), module('3.11')]
  expect(seen(system('cpython', '3.11.2'), ...older)).toContain('arrow 1.2 build')
  expect(seen(system('cpython', '3.12.1'), ...older)).toContain('arrow 1.2 recipe')
  expect(seen(system('cpython', '3.12.1'), ...older)).toContain('six 1.16 build')

  const alone = catalogOf([module('3.10'), system('cpython', '3.11.2')])
  expect(resolve(alone, request(['arrow']))).toMatchObject({ kind: 'unsolvable' })
})

test('cycles between packages are solved, each package once', () => {
  const catalog = catalogOf([
    ...recipe('a', '1.0', { requires: ['b'] }),
    ...recipe('b', '1.0', { requires: ['a'] }),
  ])

  expect(lines(resolve(catalog, request(['a'])))).toEqual(['b 1.0 recipe', 'a 1.0 recipe'])
})

test('the order of entries does not matter', () => {
  const entries = [
    ...chain,
    ...optional.filter((entry) => entry.name !== 'openexr'),
    ...['one', 'two', 'three'].map((word) => build('imath', '3.1.6', { interface: word })),
  ]
  const want = resolve(catalogOf(entries), request(['openexr', 'imath']))
  const shuffles = fc.shuffledSubarray(entries, { minLength: entries.length })
  fc.assert(
    fc.property(shuffles, (shuffled) => {
      expect(resolve(catalogOf(shuffled), request(['openexr', 'imath']))).toEqual(want)
    }),
    { numRuns: 50 },
  )
})

test("a build's sandbox: run-time dependencies as locked, build-requires besides", () => {
  const catalog = catalogOf([
    ...recipe('imath', '3.1.6 3.1.5'),
    ...recipe('pybind11', '2.11.1 2.10.3'),
    ...recipe('openexr', '3.1.5', {
      requires: ['imath >=3.1'],
      buildRequires: ['pybind11 >=2.10', 'imath'],
    }),
  ])
  const environment = resolve(catalog, request(['openexr', 'imath 3.1.5']))
  if (environment.kind !== 'solved') throw new TypeError('solvable')
  expect(lines(environment)).toEqual(['imath 3.1.5 recipe', 'openexr 3.1.5 recipe'])
  const subject = environment.packages.at(-1)
  if (subject?.kind !== 'recipe') throw new TypeError('a recipe')

  const inside = resolveBuild(catalog, {
    package: subject,
    within: environment.packages,
    platform: findPlatform('CY2023'),
    host: hostFacts('__glibc=2.31'),
    target: 'linux-x86_64',
  })

  expect(lines(inside)).toEqual(['imath 3.1.5 recipe', 'pybind11 2.11.1 recipe'])
})

test('build-requires that clash with what is locked are told', () => {
  const catalog = catalogOf([
    ...recipe('imath', '3.1.6 3.1.5'),
    ...recipe('openexr', '3.1.5', {
      requires: ['imath'],
      buildRequires: ['{ require: "imath ==3.1.6", reason: "a test" }'],
    }),
  ])
  const environment = resolve(catalog, request(['openexr', 'imath ==3.1.5']))
  if (environment.kind !== 'solved') throw new TypeError('solvable')
  const [, subject] = environment.packages
  if (subject?.kind !== 'recipe') throw new TypeError('a recipe')
  const common = { host: [], target: 'linux-x86_64' } as const

  const inside = resolveBuild(catalog, {
    package: subject,
    within: environment.packages,
    ...common,
  })

  expect(inside).toMatchObject({ kind: 'unsolvable' })
  expect(lines(inside).join(' ')).toContain('imath')
})

test('a system package that was locked elsewhere and is missing here is told', () => {
  const environment = resolve(catalogOf(chain), request(['openexr']))
  if (environment.kind !== 'solved') throw new TypeError('solvable')
  const subject = environment.packages.at(-1)
  if (subject?.kind !== 'recipe') throw new TypeError('a recipe')
  const missing = system('zlib', undefined, 'apt install zlib1g-dev')
  const here = [...chain.filter((entry) => entry.name !== 'zlib'), missing]

  const inside = resolveBuild(catalogOf(here), {
    package: subject,
    within: environment.packages.map((one) =>
      one.kind === 'system' ? { ...one, entry: missing } : one,
    ),
    host: [],
    target: 'linux-x86_64',
  })

  expect(inside).toMatchObject({
    kind: 'unsolvable',
    sentences: ['openexr 3.1.5 needs zlib, but zlib is not installed on this system.'],
    hints: ['Install it: apt install zlib1g-dev'],
  })
})

test('a resolve that is cancelled or out of budget says so', () => {
  const catalog = catalogOf(chain)

  expect(resolve(catalog, request(['openexr'], { signal: AbortSignal.abort() })).kind).toBe(
    'cancelled',
  )
  expect(resolve(catalog, request(['openexr'], { conflictBudget: 0 })).kind).toBe('budget')
})

test('versions are compared as versions', () => {
  const catalog = catalogOf(recipe('imath', '3.10.0 3.9.0'))

  expect(parseVersion('3.10.0').key > parseVersion('3.9.0').key).toBe(true)
  expect(lines(resolve(catalog, request(['imath'])))).toEqual(['imath 3.10.0 recipe'])
})

test('a fact about the machine is no further package: a build that needs one is no worse', () => {
  const catalog = catalogOf([
    ...recipe('openexr', '3.1.5', { requires: ['imath'] }),
    ...recipe('imath', '3.1.6'),
    build('imath', '3.1.6', { host: ['__glibc >=2.17'] }),
  ])

  expect(lines(resolve(catalog, request(['openexr'])))).toEqual([
    'imath 3.1.6 build',
    'openexr 3.1.5 recipe',
  ])
})

/** One package more than there are versions, no two of which may have the same: a long search. */
function crowd(size: number) {
  const names = Array.from({ length: size }, (_, index) => `pigeon${index}`)
  const holes = names.slice(1).map((_, index) => `${index + 1}`)
  const entries = names.flatMap((name) => {
    const others = names.filter((other) => other !== name)
    const requires = holes.flatMap((hole) =>
      others.map((other) => `{ require: "!${other} ==${hole}", when: { version: "==${hole}" } }`),
    )
    return recipe(name, holes.join(' '), { requires })
  })
  return { catalog: catalogOf(entries), names }
}

test('a signal is heard while a long search runs', async () => {
  const { catalog, names } = crowd(11)
  const controller = new AbortController()
  const { signal } = controller
  const answer = resolveInSlices(catalog, { ...request(names), signal, conflictBudget: 100_000 })
  setTimeout(() => controller.abort(), 1)

  expect(await answer).toEqual({ kind: 'cancelled' })
})

test('what the machine has is there, also for those who exclude or limit it', () => {
  const entries = [
    ...recipe('cpu', '2 1', { requires: ['{ require: "!__cuda", reason: slower there }'] }),
    ...recipe('gpu', '1', { requires: ['~__cuda >=12'] }),
  ]
  const host = hostFacts('__linux=6.1', '__cuda=11.8')
  const asked = (text: string, facts = host) =>
    resolve(catalogOf(entries), request([text], { host: facts }))

  expect(asked('cpu')).toMatchObject({
    kind: 'unsolvable',
    sentences: [
      'You ask for cpu.',
      'Every cpu conflicts with __cuda (slower there), but this machine has __cuda 11.8.',
    ],
  })
  expect(asked('gpu')).toMatchObject({ kind: 'unsolvable' })
  expect(asked('!__linux')).toMatchObject({ kind: 'unsolvable' })
  expect(asked('!__cuda 12')).toMatchObject({ kind: 'solved' })
  const without = hostFacts('__linux=6.1')
  for (const text of ['cpu', 'gpu', '~__cuda >=12', '!__windows'])
    expect(asked(text, without)).toMatchObject({ kind: 'solved', host: [] })
  expect(asked('gpu', hostFacts('__cuda=12.4'))).toMatchObject({ kind: 'solved' })
})

test('of two builds of one version the kept one stays, whatever is newer', () => {
  const [older, newer] = [1, 2].map((epoch) => build('imath', '3.1.6', { epoch }))
  const plain = build('zlib', '1.3')
  if (older === undefined || newer === undefined) throw new TypeError('two builds were made')
  const entries = [...recipe('imath', '3.1.6 3.1.5'), older, newer, plain]
  const chosen = (keepBuilds?: ReadonlyMap<string, Digest>) => {
    const answer = resolve(catalogOf(entries), request(['imath', 'zlib'], { keepBuilds }))
    const found = answer.kind === 'solved' ? answer.packages : []
    return found.flatMap((one) => (one.kind === 'build' ? [one.entry] : []))
  }
  expect(chosen()).toEqual([newer, plain])
  expect(chosen(new Map([['imath', older.manifest]]))).toEqual([older, plain])
  expect(chosen(new Map([['imath', plain.manifest]]))).toEqual([newer, plain])
})
