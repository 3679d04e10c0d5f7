import { expect, test } from 'bun:test'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { silent, temporaryFolder } from '#kernel/index.ts'
import { hostTarget, targets } from '#model/index.ts'
import { type App, openApp } from './index.ts'
import type { LockResult } from './results.ts'

interface Release {
  readonly version: string
  readonly released?: string
}

function recipe(name: string, releases: readonly Release[], rest: readonly string[] = []): string {
  const versions = releases.map(({ version, released }) => {
    const date = released === undefined ? '' : `, released: ${released}`
    return `    - { version: "${version}", source: { path: . }${date} }`
  })
  const head = ['package:', `  name: ${name}`, '  license: MIT', '  versions:', ...versions]
  return [...head, ...rest, '  build: { steps: [{ script: "true" }] }', ''].join('\n')
}

interface Place extends Disposable {
  readonly app: App
  readonly lockPath: string
  /** Milliseconds since 1970; may be moved. */
  nowMs: number
  write(environment: string): void
  lockText(): string
}

function openPlace(recipes: Readonly<Record<string, string>>): Place {
  const folder = temporaryFolder()
  const lockPath = join(folder.path, 'backlot.lock')
  const place: Place = {
    nowMs: Date.parse('2026-03-01T12:00:00Z'),
    lockPath,
    app: openApp({
      home: join(folder.path, 'home'),
      cwd: folder.path,
      env: {},
      emit: silent,
      signal: new AbortController().signal,
      clock: { nowMs: () => place.nowMs },
      shippedRecipes: new Map(Object.entries(recipes)),
      programVersion: '0.0.0',
    }),
    write: (environment) =>
      writeFileSync(join(folder.path, 'backlot.yaml'), `environment: ${environment}\n`),
    lockText: () => readFileSync(lockPath, 'utf8'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
  return place
}

const versions = ({ packages }: LockResult) =>
  Object.fromEntries(packages.map((one) => [one.name, one.version]))

const imath = recipe('imath', [
  { version: '3.2', released: '2026-02-25' },
  { version: '3.1', released: '2026-01-31' },
  { version: '3.0', released: '2021-01-01' },
])

test('a lock as of a day stays as of that day until a command says otherwise', async () => {
  using place = openPlace({ imath })
  place.write('{ packages: [imath] }')

  const asOf = await place.app.lock({ choose: { excludeNewer: '2026-01-31' } })
  expect(versions(asOf)).toEqual({ imath: '3.1' })
  expect(place.lockText()).toContain('"until": "2026-01-31T23:59:59Z"')
  expect(place.lockText()).toContain('"choice": {"excludeNewer":"2026-01-31"}')

  expect(await place.app.lock({})).toMatchObject({ changed: false })
  expect(await place.app.list({ mode: 'locked' })).toMatchObject([{ version: '3.1' }])
  place.write('{ packages: ["imath >=3"] }')
  expect(versions(await place.app.lock({ update: 'all' }))).toEqual({ imath: '3.1' })

  const free = await place.app.lock({ choose: { excludeNewer: 'none' } })
  expect(versions(free)).toEqual({ imath: '3.2' })
  expect(free.changes).toMatchObject([{ because: 'it is no longer as of 2026-01-31T23:59:59Z' }])
  expect(place.lockText()).not.toContain('until')
})

test('an age is counted when solving, and does not make a lock stale by itself', async () => {
  using place = openPlace({ imath })
  place.write('{ packages: [imath], exclude-newer: 14d }')
  expect(versions(await place.app.lock({}))).toEqual({ imath: '3.1' })
  const before = place.lockText()

  place.nowMs += 30 * 86_400_000
  expect(await place.app.lock({})).toMatchObject({ changed: false })
  expect(await place.app.lock({ mode: 'locked' })).toMatchObject({ changed: false })
  expect(place.lockText()).toBe(before)

  expect(versions(await place.app.lock({ update: 'all' }))).toEqual({ imath: '3.2' })
  place.write('{ packages: [imath], exclude-newer: 20d }')
  await expect(place.app.lock({ mode: 'locked' })).rejects.toMatchObject({ code: 'cli/not-locked' })
})

test('--locked refuses a choice that the lockfile was not made with', async () => {
  using place = openPlace({ imath })
  place.write('{ packages: [imath] }')
  await place.app.lock({})

  const asked = place.app.lock({ mode: 'locked', choose: { lowest: 'all' } })
  await expect(asked).rejects.toThrow('its versions were chosen in another way')
  await place.app.lock({ choose: { lowest: 'all' } })
  const again = await place.app.lock({ mode: 'locked', choose: { lowest: 'all' } })
  expect(versions(again)).toEqual({ imath: '3.0' })
  expect(versions(await place.app.lock({ choose: { lowest: 'none' } }))).toEqual({ imath: '3.2' })
})

test('a date that is none is refused and changes nothing', async () => {
  using place = openPlace({ imath })
  place.write('{ packages: [imath] }')
  const asked = place.app.lock({ choose: { excludeNewer: 'last week' } })

  await expect(asked).rejects.toMatchObject({ code: 'model/bad-date' })
  expect(() => place.lockText()).toThrow()
})

/** What can be had before anything newer is. */
const first = {
  core: recipe('core', [{ version: '1' }]),
  image: recipe('image', [{ version: '1' }], ['  requires: [core]']),
  shade: recipe('shade', [{ version: '1' }], ['  requires: [core, math]']),
  math: recipe('math', [{ version: '1' }]),
  free: recipe('free', [{ version: '1' }]),
}
const later = {
  ...first,
  core: recipe('core', [{ version: '2' }, { version: '1' }]),
  image: recipe(
    'image',
    [{ version: '2' }, { version: '1' }],
    [
      '  requires:',
      '    - { require: "core >=2", when: { version: ">=2" } }',
      '    - { require: core, when: { version: "1" } }',
    ],
  ),
  math: recipe('math', [{ version: '2' }, { version: '1' }]),
  free: recipe('free', [{ version: '2' }, { version: '1' }]),
}

test('update of one package moves it, and of the others only what has to', async () => {
  using place = openPlace(first)
  place.write('{ packages: [shade, image, free] }')
  await place.app.lock({})
  using next = openPlace(later)
  next.write('{ packages: [shade, image, free] }')
  copyFileSync(place.lockPath, next.lockPath)

  const { changes } = await next.app.lock({ update: ['image'] })

  expect(changes).toEqual([
    { name: 'core', before: '1', after: '2', what: 'upgraded', because: 'image 2 needs core >=2' },
    {
      name: 'image',
      before: '1',
      after: '2',
      what: 'upgraded',
      because: 'a newer version is there',
    },
  ])
  const further = await next.app.lock({ update: ['math'] })
  expect(further.changes.map(({ name }) => name)).toEqual(['math'])
  expect((await next.app.lock({ update: 'all' })).changes.map(({ name }) => name)).toEqual(['free'])
})

test('update of what nothing needs any more does not bring it back', async () => {
  using place = openPlace(first)
  place.write('{ packages: [shade] }')
  await place.app.lock({})
  using next = openPlace({ ...later, shade: recipe('shade', [{ version: '2' }, { version: '1' }]) })
  next.write('{ packages: [shade] }')
  copyFileSync(place.lockPath, next.lockPath)

  const { changes } = await next.app.lock({ update: ['math', 'shade'] })

  expect(changes.map(({ name, what }) => `${name} ${what}`)).toEqual([
    'core removed',
    'math removed',
    'shade upgraded',
  ])
})

test('update by a name that a package answers to moves that package, and no other', async () => {
  const viewer = recipe('viewer', [{ version: '1' }], ['  requires: [jpeg, free]'])
  const turbo = (releases: readonly Release[]) => recipe('turbo', releases, ['  provides: [jpeg]'])
  using place = openPlace({ ...first, viewer, turbo: turbo([{ version: '1' }]) })
  place.write('{ packages: [viewer] }')
  await place.app.lock({})
  using next = openPlace({ ...later, viewer, turbo: turbo([{ version: '2' }, { version: '1' }]) })
  next.write('{ packages: [viewer] }')
  copyFileSync(place.lockPath, next.lockPath)

  const { changes } = await next.app.lock({ update: ['jpeg'] })

  expect(changes.map(({ name, what }) => `${name} ${what}`)).toEqual(['turbo upgraded'])
})

test('several targets: solved for each, with the conditions of each', async () => {
  const app = recipe(
    'app',
    [{ version: '1' }],
    [
      '  requires:',
      '    - { require: core, when: { target: linux } }',
      '    - { require: free, when: { target: [macos-arm64, windows-x86_64] } }',
      '    - zlib',
      '    - { require: "__glibc >=99", when: { target: linux } }',
    ],
  )
  const zlib = 'package: { name: zlib, kind: system, system: { detect: { dpkg: no-such } } }\n'
  using place = openPlace({ ...first, app, zlib })
  const others = targets.filter((target) => target !== hostTarget())
  place.write(`{ packages: [app], targets: [${others.join(', ')}] }`)
  await place.app.lock({})

  const lock: unknown = JSON.parse(place.lockText())
  const linux = { packages: [{ name: 'core' }, { name: 'zlib', version: 'any' }, { name: 'app' }] }
  const other = { host: [], packages: [{ name: 'free' }, { name: 'zlib' }, { name: 'app' }] }
  const host = [{ name: '__glibc', range: '>=99' }]
  expect(lock).toMatchObject({
    environments: {
      default: {
        targets: Object.fromEntries(
          others.map((target) => [target, target.startsWith('linux') ? { ...linux, host } : other]),
        ),
      },
    },
  })
})
