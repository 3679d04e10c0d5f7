import { expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixedClock, silent, temporaryFolder } from '#kernel/index.ts'
import { type App, openApp } from './index.ts'

const recipe = (versions: readonly string[]) => `package:
  name: imath
  summary: vectors
  license: BSD-3-Clause
  versions:
${versions.map((version) => `    - { version: ${version}, source: { path: . } }`).join('\n')}
  build: { steps: [{ script: "true" }] }
`

interface Place extends Disposable {
  readonly app: App
  readonly folder: string
  write(environment: string): void
}

/** A project whose environment is `environment`, with one shipped recipe. */
function openPlace(versions: readonly string[] = ['3.1.6', '3.1.5']): Place {
  const folder = temporaryFolder()
  const app = openApp({
    home: join(folder.path, 'home'),
    cwd: folder.path,
    env: {},
    emit: silent,
    signal: new AbortController().signal,
    clock: fixedClock(0),
    shippedRecipes: new Map([['imath', recipe(versions)]]),
    programVersion: '0.0.0',
  })
  const write = (environment: string) =>
    writeFileSync(join(folder.path, 'backlot.yaml'), `environment: ${environment}\n`)
  return { app, folder: folder.path, write, [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

test('a lockfile for machines other than this one is written and told', async () => {
  using place = openPlace()
  place.write('{ packages: [imath], targets: [macos-arm64, windows-x86_64] }')
  const locked = await place.app.lock({})
  expect(locked).toMatchObject({ changed: true, target: 'macos-arm64' })
  const text = readFileSync(join(place.folder, 'backlot.lock'), 'utf8')
  expect(text).toContain('"windows-x86_64"')
  await expect(place.app.build({})).rejects.toMatchObject({ code: 'cli/not-locked' })
})

test('what answers the request is left alone, until an update is asked for', async () => {
  using place = openPlace()
  place.write('{ packages: ["imath <3.1.6"] }')
  await place.app.lock({})
  expect(await place.app.lock({})).toMatchObject({ changed: false })
  place.write('{ packages: ["imath 3.1"] }')
  const kept = await place.app.lock({})
  expect(kept.packages).toMatchObject([{ name: 'imath', version: '3.1.5' }])
  const updated = await place.app.lock({ update: ['imath'] })
  expect(updated.changes).toMatchObject([{ before: '3.1.5', after: '3.1.6', what: 'upgraded' }])
})

test('--locked refuses another request than was locked, --frozen does not look', async () => {
  using place = openPlace()
  place.write('{ packages: ["imath 3.1.5"] }')
  await expect(place.app.list({ mode: 'frozen' })).rejects.toMatchObject({ code: 'cli/not-locked' })
  await place.app.lock({})
  place.write('{ packages: ["imath 3.1.6"] }')
  await expect(place.app.list({ mode: 'locked' })).rejects.toMatchObject({ code: 'cli/not-locked' })
  expect(await place.app.list({ mode: 'frozen' })).toMatchObject([{ version: '3.1.5' }])
})

test('an unsolvable request leaves both files as they are, with sentences and a fix', async () => {
  using place = openPlace()
  place.write('{ packages: [imath] }')
  await place.app.lock({})
  const before = readFileSync(join(place.folder, 'backlot.lock'), 'utf8')
  const answer = await place.app.add({ packages: ['imath >=4'] })
  expect(answer.lock.unsolvable?.sentences.join(' ')).toContain('imath >=4')
  expect(answer.lock.unsolvable?.fixes).not.toEqual([])
  expect(readFileSync(join(place.folder, 'backlot.lock'), 'utf8')).toBe(before)
  expect(readFileSync(join(place.folder, 'backlot.yaml'), 'utf8')).toContain('[imath]')
})
