/** Killed processes, full disks, read-only homes, two at once: nothing lost, nothing half there. */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixedClock, one, readAll, temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { collect } from './collect.ts'
import { packLayer } from './pack.ts'
import { openStore } from './store.ts'
import { unpackLayer } from './unpack.ts'
import { verifyStore } from './verify.ts'
import { linkView } from './view.ts'

const epochSeconds = 1_600_000_000
const door = new URL('./index.ts', import.meta.url).pathname

/** A package of many small files and one that spans pieces. */
function makePackage(folder: string, seed = 0): string {
  mkdirSync(join(folder, 'usr/local/share'), { recursive: true })
  for (let index = 0; index < 400; index += 1)
    writeFileSync(join(folder, `usr/local/share/${index}`), `${seed} ${index} `.repeat(index))
  const big = Buffer.alloc(9_000_000)
  let state = seed + 1
  for (let index = 0; index < big.byteLength; index += 4) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    big.writeUInt32LE((state ^ (state >>> 13)) >>> 0, index)
  }
  writeFileSync(join(folder, 'usr/local/big'), big)
  return folder
}

/** Packs, unpacks and links in a process of its own. */
function child(home: string, source: string) {
  const program = `
    import { openStore, packLayer, unpackLayer, linkView } from ${JSON.stringify(door)}
    const store = openStore(${JSON.stringify(home)})
    const options = { epochSeconds: ${epochSeconds} }
    const { descriptor } = await packLayer(store, ${JSON.stringify(source)}, options)
    await unpackLayer(store, descriptor)
    console.log((await linkView(store, [descriptor.digest])).path)`
  return Bun.spawn([process.execPath, '-e', program], { stdout: 'pipe', stderr: 'pipe' })
}

test('killed at any moment, a store holds whole things; the next try ends well', async () => {
  using folder = temporaryFolder()
  const source = makePackage(join(folder.path, 'source'))
  const home = join(folder.path, 'home')
  const store = openStore(home)
  const started = performance.now()
  const first = child(join(folder.path, 'measure'), source)
  await first.exited
  const wholeMs = performance.now() - started

  for (let kill = 1; kill <= 6; kill += 1) {
    const running = child(home, source)
    const timer = setTimeout(() => running.kill('SIGKILL'), (wholeMs * kill) / 7)
    await running.exited
    clearTimeout(timer)
    const report = await verifyStore(store, { repair: false })
    expect([kill, report.corruptBlobs, report.corruptFiles]).toEqual([kill, [], []])
    for (const view of existsSync(join(home, 'views')) ? readdirSync(join(home, 'views')) : [])
      if (!view.endsWith('.note'))
        expect(readdirSync(join(home, 'views', view, 'usr/local/share'))).toHaveLength(400)
  }

  const last = child(home, source)
  expect([await last.exited, await new Response(last.stderr).text()]).toEqual([0, ''])
  const clock = fixedClock(Date.now() + 60_000)
  const roots = (await Array.fromAsync(store.blobs.list())).map(({ digest }) => digest)
  await collect(store, roots, { graceMs: 1000, clock })
  expect(readdirSync(join(home, 'tmp'))).toEqual([])
}, 60_000)

test('two processes on one store do the same work without harm', async () => {
  using folder = temporaryFolder()
  const source = makePackage(join(folder.path, 'source'))
  const home = join(folder.path, 'home')

  const both = [child(home, source), child(home, source)]
  const results = await Promise.all(
    both.map(async (one_) => [await one_.exited, await new Response(one_.stderr).text()]),
  )

  expect(results).toEqual([
    [0, ''],
    [0, ''],
  ])
  const report = await verifyStore(openStore(home), { repair: false })
  expect(report).toMatchObject({ blobs: 1, files: 401, corruptBlobs: [], corruptFiles: [] })
  expect(readdirSync(join(home, 'tmp'))).toEqual([])
}, 60_000)

const onTmpfs = outside(['root', 'mount', 'umount'])

onTmpfs(
  'a full disk is said so and leaves nothing; with space the same call works',
  async () => {
    using folder = temporaryFolder()
    const source = makePackage(join(folder.path, 'source'))
    const disk = join(folder.path, 'disk')
    mkdirSync(disk)
    expect(Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=14m', 'tmpfs', disk]).exitCode).toBe(
      0,
    )
    try {
      const store = openStore(join(disk, 'home'))
      const layer = await packLayer(openStore(join(folder.path, 'big')), source, { epochSeconds })
      const from = openStore(join(folder.path, 'big')).blobs
      const filler = join(disk, 'filler')

      writeFileSync(filler, Buffer.alloc(13_000_000))
      const noSpace = { code: 'kernel/no-space', retryable: true }
      await expect(packLayer(store, source, { epochSeconds })).rejects.toMatchObject(noSpace)
      const bytes = Buffer.alloc(5_000_000, 1)
      await expect(store.blobs.write(one(bytes), { maxBytes: 1e9 })).rejects.toMatchObject(noSpace)
      expect(await Array.fromAsync(store.blobs.list())).toEqual([])
      expect(readdirSync(join(store.home, 'tmp'))).toEqual([])

      rmSync(filler)
      const { digest, size } = layer.descriptor
      await store.blobs.write(from.read(digest), { digest, maxBytes: size })
      await expect(unpackLayer(store, layer.descriptor)).rejects.toMatchObject(noSpace)
      expect(readdirSync(join(store.home, 'tmp'))).toEqual([])
      expect(existsSync(join(store.home, 'files'))).toBe(false)

      expect(Bun.spawnSync(['mount', '-o', 'remount,size=64m', disk]).exitCode).toBe(0)
      await unpackLayer(store, layer.descriptor)
      const view = await linkView(store, [digest])

      expect(Bun.spawnSync(['mount', '-o', 'remount,ro', disk]).exitCode).toBe(0)
      expect(await linkView(store, [digest])).toEqual(view)
      expect(await readAll(store.blobs.read(digest), size, 'blob')).toHaveLength(size)
      await expect(store.blobs.write(one(bytes), { maxBytes: 1e9 })).rejects.toMatchObject({
        code: 'kernel/read-only',
      })
      await expect(packLayer(store, source, { epochSeconds })).rejects.toMatchObject({
        code: 'kernel/read-only',
      })
    } finally {
      Bun.spawnSync(['umount', '-l', disk])
    }
  },
  60_000,
)
