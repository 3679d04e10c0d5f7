import { describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AppError,
  digestOf,
  limits,
  one,
  readAll,
  type TemporaryFolder,
  temporaryFolder,
} from '#kernel/index.ts'
import type { Target } from '#model/index.ts'
import { openLayout, parseImageConfig, parseIndex, parseManifest } from '#oci/index.ts'
import { diskBlobs, memoryBlobs, openStore, packLayer, type Store } from '#store/index.ts'
import { bakeImage, type BakedImage, type BakeRequest, type ImagePackage } from './bake.ts'
import { loadBase, readBaseLayer, scratch } from './base.ts'
import { imageToLayout, indexToLayout } from './publish.ts'

const epochSeconds = 1_666_000_000

async function build(folder: TemporaryFolder, store: Store, name: string): Promise<ImagePackage> {
  const tree = join(folder.path, name)
  mkdirSync(join(tree, 'usr/local/share'), { recursive: true })
  writeFileSync(join(tree, 'usr/local/share', name), name)
  const { descriptor, diffId } = await packLayer(store, tree, { epochSeconds })
  const layer = { ...descriptor, annotations: { ...descriptor.annotations } }
  return { name, version: '1.0', build: digestOf(name), layer, diffId }
}

function bake(store: Store, packages: readonly ImagePackage[], more: Partial<BakeRequest> = {}) {
  const target: Target = 'linux-x86_64'
  const request = { packages, base: scratch, target, settings: {}, epochSeconds }
  return bakeImage(store, { ...request, ...more })
}

const manifestOf = (image: BakedImage) => {
  const parsed = parseManifest(image.manifest, undefined, 'the image')
  if (parsed.kind === 'index') throw new Error('an image is no index')
  return parsed.manifest
}
const configOf = (image: BakedImage) => parseImageConfig(image.config, 'the configuration')

/** A layout in memory, as far as blobs go. */
function memoryLayout(folder: TemporaryFolder, name = 'layout') {
  return openLayout(join(folder.path, name), memoryBlobs())
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : error),
  )

describe('bakeImage', () => {
  test('one layer for each build, as it is, with its name and build', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const [a, b] = [await build(folder, store, 'a'), await build(folder, store, 'b')]
    const image = await bake(store, [a, b])
    const { layers, annotations } = manifestOf(image)
    expect(layers.map(({ digest, size }) => [digest, size])).toEqual([
      [a.layer.digest, a.layer.size],
      [b.layer.digest, b.layer.size],
    ])
    expect(layers[1]?.annotations).toMatchObject({
      ...b.layer.annotations,
      'dev.backlot.packages': 'b@1.0',
      'dev.backlot.builds': b.build,
    })
    expect(annotations?.['org.opencontainers.image.created']).toBe('2022-10-17T09:46:40Z')
    const config = configOf(image)
    expect(config.rootfs.diff_ids).toEqual([a.diffId, b.diffId])
    expect(config.history?.map((entry) => entry['created_by'])).toEqual([
      'backlot: a 1.0',
      'backlot: b 1.0',
    ])
  })

  test('equal input, equal bytes; settings in another order too', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const packages = [await build(folder, store, 'a')]
    const first = await bake(store, packages, { settings: { labels: { x: '1', y: '2' } } })
    const second = await bake(store, packages, { settings: { labels: { y: '2', x: '1' } } })
    expect(second.digest).toBe(first.digest)
    expect((await bake(store, packages)).digest).not.toBe(first.digest)
  })

  test('past the limit the smallest neighbours become one layer, the same each time', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const packages: ImagePackage[] = []
    for (const name of ['a', 'b', 'c', 'd']) packages.push(await build(folder, store, name))
    const image = await bake(store, packages, { layerCountMax: 2 })
    expect(image.layers).toHaveLength(2)
    expect(image.merged.map((group) => group.length)).toEqual([3])
    // Remembered, forgotten, damaged, and on another machine: the same.
    const memory = join(store.home, 'merged')
    const again = async () => (await bake(store, packages, { layerCountMax: 2 })).digest
    expect(await again()).toBe(image.digest)
    for (const name of readdirSync(memory)) writeFileSync(join(memory, name), '{}')
    expect(await again()).toBe(image.digest)
    const other = openStore(join(folder.path, 'other'))
    const rebuilt: ImagePackage[] = []
    for (const name of ['a', 'b', 'c', 'd']) rebuilt.push(await build(folder, other, name))
    expect((await bake(other, rebuilt, { layerCountMax: 2 })).digest).toBe(image.digest)
    const code = codeOf(bake(store, packages, { layerCountMax: 0 }))
    expect(await code).toBe('image/too-many-layers')
  })
})

describe('a base', () => {
  test('its layers and variables come first; a new entrypoint drops its command', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const layout = memoryLayout(folder)
    const settings = { environment: { LANG: 'C', PATH: '/bin' }, command: ['sh'] }
    const base = await bake(store, [await build(folder, store, 'os')], { settings })
    await imageToLayout(base, { layout, from: store.blobs, tag: 'base' })
    const loaded = await loadBase({ kind: 'layout', layout, name: 'base' }, 'linux-x86_64')
    const image = await bake(store, [await build(folder, store, 'a')], {
      base: loaded,
      settings: { environment: { PATH: '/usr/local/bin:${PATH}' }, entrypoint: ['/bin/a'] },
    })
    expect(image.layers.map((layer) => layer.source.kind)).toEqual(['base', 'store'])
    const config = configOf(image)
    expect(config.config).toMatchObject({
      Env: ['PATH=/usr/local/bin:/bin', 'LANG=C'],
      Entrypoint: ['/bin/a'],
      Cmd: null,
    })
    expect(config.rootfs.diff_ids).toHaveLength(2)
    expect(manifestOf(image).annotations?.['org.opencontainers.image.base.digest']).toBe(
      base.digest,
    )
  })

  test('what it has on its top is not put there again; what is covered by others is', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const names = ['a', 'b', 'other', 'c']
    const [a, b, other, c] = await Promise.all(names.map((name) => build(folder, store, name)))
    if (!a || !b || !other || !c) throw new TypeError('four builds were asked for')
    const layout = memoryLayout(folder)
    const baseOf = async (packages: readonly ImagePackage[]) => {
      const place = { layout, tag: 'base', from: store.blobs }
      await imageToLayout(await bake(store, packages), place)
      return loadBase({ kind: 'layout', layout, name: 'base' }, 'linux-x86_64')
    }
    const layersOf = async (base: readonly ImagePackage[], packages: readonly ImagePackage[]) => {
      const image = await bake(store, packages, { base: await baseOf(base) })
      expect(configOf(image).rootfs.diff_ids).toHaveLength(image.layers.length)
      const all = [a, b, other, c]
      return image.layers.map(
        ({ diffId }) => all.find((known) => known.diffId === diffId)?.name ?? 'unknown',
      )
    }

    expect(await layersOf([a, b], [a, b, c])).toEqual(['a', 'b', 'c'])
    expect(await layersOf([b, a], [a, b, c])).toEqual(['b', 'a', 'c'])
    expect(await layersOf([other, b], [a, b])).toEqual(['other', 'b', 'a'])
    // What lies over `a` may have changed its files.
    expect(await layersOf([a, other, b], [a, b])).toEqual(['a', 'other', 'b', 'a'])
    expect(await layersOf([a, b], [a, b])).toEqual(['a', 'b'])
  })

  test('of another processor, unknown, or no image at all is refused', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const layout = memoryLayout(folder)
    const base = await bake(store, [await build(folder, store, 'os')])
    await imageToLayout(base, { layout, from: store.blobs, tag: 'base' })
    const load = (name: string, target: Target) =>
      codeOf(loadBase({ kind: 'layout', layout, name }, target))
    const untagged = layout.resolve('base')?.digest ?? ''
    expect(await load(untagged, 'linux-x86_64')).toBe('no error')
    expect(await load('base', 'linux-aarch64')).toBe('image/bad-base')
    expect(await load('nothing', 'linux-x86_64')).toBe('image/bad-base')
  })
})

describe('a layout of others as a base', () => {
  test('without tags, whose index.json has an image for each platform', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const layout = memoryLayout(folder)
    const packages = [await build(folder, store, 'os')]
    for (const [target, architecture] of [
      ['linux-aarch64', 'arm64'],
      ['linux-x86_64', 'amd64'],
    ] as const) {
      const image = await bake(store, packages, { target })
      await imageToLayout(image, { layout, from: store.blobs, tag: 'once' })
      const descriptor = layout.resolve('once')
      await layout.untag('once')
      if (descriptor !== undefined)
        await layout.keep({
          ...descriptor,
          annotations: {},
          platform: { os: 'linux', architecture },
        })
    }
    const load = (target: Target) => loadBase({ kind: 'layout', layout, name: 'latest' }, target)
    expect((await load('linux-x86_64')).config?.architecture).toBe('amd64')
    expect((await load('linux-aarch64')).config?.architecture).toBe('arm64')
    expect(await codeOf(load('macos-arm64'))).toBe('image/bad-base')
  })

  test('a blob that it lacks or that is damaged: the layout is named, not the store', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const dir = join(folder.path, 'os')
    const packages = [await build(folder, store, 'base'), await build(folder, store, 'other')]
    const layout = openLayout(dir, diskBlobs(dir))
    await imageToLayout(await bake(store, packages), { layout, from: store.blobs, tag: 'base' })
    const base = await loadBase({ kind: 'layout', layout, name: 'base' }, 'linux-x86_64')
    const [gone, damaged] = packages.map(({ layer }) => layer.digest)
    const pathOf = (digest = '') => join(dir, 'blobs', digest.replace(':', '/'))
    rmSync(pathOf(gone))
    chmodSync(pathOf(damaged), 0o644)
    writeFileSync(pathOf(damaged), 'x')
    const into = { layout: memoryLayout(folder), from: store.blobs, tag: 'x' }
    const onto = imageToLayout(await bake(store, [], { base }), into)
    await expect(onto).rejects.toMatchObject({
      code: 'image/bad-base',
      message: `The base base lacks ${gone} in the layout ${dir}`,
      hints: [expect.stringContaining('skopeo copy')],
    })
    const [layer] = base.layers.slice(1)
    const read = layer && readAll(readBaseLayer(base.from, layer), 1_000_000, 'layer')
    await expect(read).rejects.toThrow(`has other bytes than its name says for ${damaged}`)
  })
})

describe('to a layout', () => {
  test('a second image moves only what is new; several targets are an index', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const layout = memoryLayout(folder)
    const [a, b] = [await build(folder, store, 'a'), await build(folder, store, 'b')]
    const place = { layout, from: store.blobs, tag: 'env' }
    const first = await imageToLayout(await bake(store, [a]), place)
    expect(first).toMatchObject({ copied: 1, existed: 0, payloadBytes: a.layer.size })
    const images = [await bake(store, [a, b]), await bake(store, [a], { target: 'linux-aarch64' })]
    const second = await indexToLayout(images, place)
    expect(second).toMatchObject({ copied: 1, existed: 1, payloadBytes: b.layer.size })
    expect(layout.resolve('env')?.digest).toBe(second.digest)
    const bytes = await readAll(layout.blobs.read(second.digest), limits.manifestBytesMax, 'index')
    expect(parseIndex(bytes, 'index').manifests.map((entry) => entry.platform)).toEqual([
      { os: 'linux', architecture: 'arm64' },
      { os: 'linux', architecture: 'amd64' },
    ])
    const base = await loadBase({ kind: 'layout', layout, name: 'env' }, 'linux-aarch64')
    expect(base.layers).toHaveLength(1)
  })

  test('a damaged layer stops it, and the tag stays where it was', async () => {
    using folder = temporaryFolder()
    const store = openStore(join(folder.path, 'home'))
    const layout = memoryLayout(folder)
    const a = await build(folder, store, 'a')
    const image = await bake(store, [a])
    const from = {
      ...store.blobs,
      read: () => one(new Uint8Array(a.layer.size)),
    }
    expect(await codeOf(imageToLayout(image, { layout, from, tag: 'env' }))).toBe(
      'store/digest-mismatch',
    )
    expect(layout.resolve('env')).toBeUndefined()
  })
})

test('cancelled before it began, nothing is tagged', async () => {
  using folder = temporaryFolder()
  const store = openStore(join(folder.path, 'home'))
  const layout = memoryLayout(folder)
  const image = await bake(store, [await build(folder, store, 'a')])
  const signal = AbortSignal.abort(130)
  const place = { layout, from: store.blobs, tag: 'env', signal }
  expect(await codeOf(imageToLayout(image, place))).toBe('kernel/cancelled')
  expect(layout.tags()).toEqual([])
})

test.each([
  [{ environment: { 'A B': '1' } }],
  [{ labels: { '': '1' } }],
  [{ workingDirectory: 'relative' }],
])('settings %p are refused', async (settings) => {
  using folder = temporaryFolder()
  const store = openStore(folder.path)
  expect(await codeOf(bake(store, [], { settings }))).toBe('image/bad-setting')
})
