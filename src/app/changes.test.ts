import { expect, test } from 'bun:test'
import { type Digest, digestOf } from '#kernel/index.ts'
import type { LockedPackage } from '#model/index.ts'
import { changesBetween } from './changes.ts'
import type { LockedSide, Sides } from './locked-side.ts'

function build(name: string, version: string, digest: Digest = digestOf(name)): LockedPackage {
  const layer = digestOf('layer')
  return { name, version, kind: 'build', build: digest, layer, size: 1, depends: [] }
}

const newer = 'a newer version is there'

function sides(
  before: readonly LockedPackage[],
  after: readonly LockedPackage[],
  more: { readonly before?: Partial<LockedSide>; readonly after?: Partial<LockedSide> } = {},
): Sides {
  return {
    before: { asked: [], packages: before, ...more.before },
    after: { asked: [], packages: after, ...more.after },
  }
}

/** `made('openexr 3.1', { depends: ['imath'], needs: ['imath >=3'] })`. */
function made(
  text: string,
  more: Pick<Partial<LockedPackage>, 'depends' | 'needs' | 'provides'> = {},
): LockedPackage {
  const [name = '', version = ''] = text.split(' ')
  return { ...build(name, version), ...more }
}

test('additions, removals and new versions are told by name', () => {
  const before = [build('imath', '3.1.6'), build('openexr', '3.1.5'), build('ilmbase', '2.5.8')]
  const after = [build('imath', '3.1.10'), build('openexr', '3.1.4'), build('zlib', '1.2')]
  expect(changesBetween(sides(before, after))).toEqual([
    { name: 'ilmbase', before: '2.5.8', what: 'removed' },
    { name: 'imath', before: '3.1.6', after: '3.1.10', what: 'upgraded', because: newer },
    { name: 'openexr', before: '3.1.5', after: '3.1.4', what: 'downgraded' },
    { name: 'zlib', after: '1.2', what: 'added' },
  ])
})

test('another build of the same version is a rebuild; building a recipe is no change', () => {
  const old = build('imath', '3.1.6')
  const other = build('imath', '3.1.6', digestOf('other'))
  const recipe: LockedPackage = {
    name: 'imath',
    version: '3.1.6',
    kind: 'recipe',
    recipe: digestOf('recipe'),
    options: {},
    depends: [],
  }
  expect(changesBetween(sides([old], [other]))).toMatchObject([{ name: 'imath', what: 'rebuilt' }])
  expect(changesBetween(sides([recipe], [old]))).toEqual([])
  expect(changesBetween(sides([old], [old]))).toEqual([])
})

const told = (some: Sides) =>
  Object.fromEntries(changesBetween(some).map(({ name, because }) => [name, because]))

test('what came and went is told with who wants it', () => {
  const before = [made('ilmbase 2'), made('openexr 2.5', { depends: ['ilmbase'] }), made('old 1')]
  const after = [
    made('imath 3.1'),
    made('openexr 3.1', { depends: ['imath'], needs: ['imath >=3'] }),
    made('usd 24', { depends: ['openexr'] }),
  ]
  const asked = { before: { asked: ['openexr', 'old'] }, after: { asked: ['openexr', 'usd 24'] } }

  expect(told(sides(before, after, asked))).toEqual({
    ilmbase: 'openexr 3.1 does not need it',
    imath: 'openexr 3.1 needs imath >=3',
    old: 'you ask no more for old',
    openexr: newer,
    usd: 'you ask for usd 24',
  })
})

test('a move is told by what does not let the other version in', () => {
  const before = [made('imath 3.1'), made('jpeg-turbo 2', { provides: { jpeg: '62' } })]
  const after = [
    made('imath 3.2'),
    made('jpeg-turbo 3', { provides: { jpeg: '80' } }),
    made('openexr 3.4', { depends: ['imath'], needs: ['imath >=3.2'] }),
    made('oiio 3', { depends: ['jpeg-turbo'], needs: ['jpeg >=80'] }),
  ]

  expect(told(sides(before, after))).toMatchObject({
    imath: 'openexr 3.4 needs imath >=3.2',
    'jpeg-turbo': 'oiio 3 needs jpeg >=80',
  })
})

test.each([
  [{ after: { asked: ['imath 3.2'] } }, 'you ask for imath 3.2'],
  [{ before: { asked: ['imath 3.1'] } }, 'you asked for imath 3.1 before'],
  [
    { after: { platform: 'CY2026' }, before: { platform: 'CY2025' } },
    'CY2026 allows imath 3.2 only',
  ],
  [{ before: { platform: 'CY2025' } }, 'CY2025 allowed imath 3.1 only'],
  [{ after: { until: '2026-01-31T23:59:59Z' } }, 'it is as of 2026-01-31T23:59:59Z'],
  [{ after: { lowest: 'all' } }, 'the oldest versions that fit are chosen'],
  [{}, newer],
  // A lockfile that somebody wrote by hand explains nothing, and breaks nothing.
  [{ after: { asked: ['imath =='], platform: 'CY1066' } }, newer],
] as const)('imath 3.1 → 3.2: %p', (more, because) => {
  expect(told(sides([made('imath 3.1.0')], [made('imath 3.2.0')], more))['imath']).toBe(because)
})

test('what a package itself needs holds it back, and lets it go', () => {
  const one = [made('pyside 6.8', { needs: ['clang <22', '!gcc 9'] }), made('clang 21')]
  const two = [made('pyside 6.9'), made('clang 22')]

  expect(told(sides(one, two))).toEqual({
    clang: 'pyside 6.8 needed clang <22',
    pyside: 'pyside 6.8 needs clang <22, and clang is 22',
  })
})

test('the same version with other options is told with them', () => {
  const locked = (options: Readonly<Record<string, string | boolean>>): LockedPackage => ({
    name: 'openvdb',
    version: '13',
    kind: 'recipe',
    recipe: digestOf('recipe'),
    options,
    depends: [],
  })
  const [change] = changesBetween(
    sides([locked({ ax: false, simd: 'avx' })], [locked({ ax: true, simd: 'avx' })]),
  )

  expect(change).toMatchObject({
    what: 'rebuilt',
    because: 'its options are other ones: ax=true (before: false)',
  })
})
