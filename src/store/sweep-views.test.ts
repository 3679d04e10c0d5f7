import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { reserveView, temporaryFolder } from '#kernel/index.ts'
import { packLayer } from './pack.ts'
import { openStore, type Store } from './store.ts'
import { sweepViews } from './sweep-views.ts'
import { linkView } from './view.ts'
import { holdViews, reserveLinkedView } from './view-note.ts'

const wanted = new Set<string>()

/** A store with a layer of one file. */
async function filled(home: string) {
  const store = openStore(home)
  mkdirSync(join(home, 'tree'), { recursive: true })
  await Bun.write(join(home, 'tree/file'), 'file')
  const { descriptor } = await packLayer(store, join(home, 'tree'), { epochSeconds: 1, prefix: '' })
  return { store, layers: [descriptor.digest] }
}

function sweepBefore(store: Store, oldestMs: number) {
  return sweepViews(store, { oldestMs, wanted, dryRun: false })
}

test('a view goes when nobody asked for it since, and its note with it', async () => {
  using folder = temporaryFolder()
  const { store, layers } = await filled(folder.path)
  const view = await linkView(store, layers)
  const nowMs = Date.now()

  const spared = await sweepBefore(store, nowMs - 60_000)
  const dry = await sweepViews(store, { oldestMs: nowMs + 60_000, wanted, dryRun: true })
  const used = await sweepViews(store, {
    oldestMs: nowMs + 60_000,
    wanted: new Set([view.key]),
    dryRun: false,
  })
  expect([spared.removed, dry.removed, used.removed]).toEqual([0, 1, 0])
  expect([...spared.keptLayers, ...used.keptLayers]).toEqual([...layers, ...layers])
  expect(existsSync(join(view.path, 'file'))).toBe(true)

  expect(await sweepBefore(store, nowMs + 60_000)).toEqual({ removed: 1, keptLayers: new Set() })
  expect(readdirSync(join(store.home, 'views'))).toEqual([])
  expect(reserveView(view)).toBe(false)
})

test('a reserved view stays, also when it is asked for again meanwhile', async () => {
  using folder = temporaryFolder()
  const { store, layers } = await filled(folder.path)
  const view = await linkView(store, layers)

  expect(reserveView(view)).toBe(true)
  await linkView(store, layers)

  expect((await sweepBefore(store, Date.now() + 1000)).removed).toBe(0)
})

test('a view without a note is as old as its folder, and is linked again with one', async () => {
  using folder = temporaryFolder()
  const { store, layers } = await filled(folder.path)
  const view = await linkView(store, layers)
  rmSync(view.note)

  expect(reserveView(view)).toBe(false)
  expect((await sweepBefore(store, Date.now() - 60_000)).removed).toBe(0)
  await linkView(store, layers)
  expect(reserveView(view)).toBe(true)
  renameSync(view.note, join(store.home, 'lost'))
  expect((await sweepBefore(store, Date.now() + 1000)).removed).toBe(1)
})

test('a reservation waits while a note is taken away to be looked at', async () => {
  using folder = temporaryFolder()
  const { store, layers } = await filled(folder.path)
  const view = await linkView(store, layers)
  const away = join(store.home, 'away')
  const held = await holdViews(store)
  renameSync(view.note, away)
  const reserving = reserveLinkedView(store, view)
  await Bun.sleep(0)
  renameSync(away, view.note)
  held[Symbol.dispose]()
  await reserving
  expect((await sweepBefore(store, Date.now() + 1000)).removed).toBe(0)
})

test('what could be reserved and was there then, is there, beside one that sweeps', async () => {
  using folder = temporaryFolder()
  const { store, layers } = await filled(folder.path)
  const sweeper = Bun.spawn(
    [process.execPath, join(import.meta.dir, 'sweep-loop.fixture.ts'), store.home],
    { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' },
  )
  const rounds = { entered: 0, linked: 0 }
  const view = await linkView(store, layers)
  while (rounds.entered < 40 || rounds.linked < 40) {
    try {
      utimesSync(view.note, 5, 5) // It was last asked for long ago.
    } catch {
      // It is being taken away.
    }
    if (reserveView(view) && existsSync(view.path)) {
      rounds.entered += 1
      for (let look = 0; look < 20; look += 1)
        expect(existsSync(join(view.path, 'file'))).toBe(true)
    } else {
      rounds.linked += 1
      await linkView(store, layers)
    }
  }
  await sweeper.stdin.end()
  expect(Number(await new Response(sweeper.stdout).text())).toBeGreaterThan(0)
  expect(await sweeper.exited).toBe(0)
}, 60_000)
