/**
 * The whole path on real packages: OpenEXR from its sources, as an image that podman runs.
 *
 * The store is kept in `.backlot/test`, so that only the first run builds.
 */
import { expect, setDefaultTimeout } from 'bun:test'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { imageToLayout } from '#image/index.ts'
import { temporaryFolder } from '#kernel/index.ts'
import { openLayout } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { programArgv, root } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import { ourRegistry, tool } from '../protocol/servers.ts'
import { bake, fakeBuild, fixture, hostBase, podman } from './fixture.ts'
import { tinyExr } from './tiny-exr.ts'

setDefaultTimeout(1_800_000)

const needed = ['g++', 'cmake', 'ninja', 'git', 'podman', 'runc', 'busybox', 'namespaces']

/** A project like the example's, in a folder of its own, over the kept store. */
function openChain() {
  const folder = temporaryFolder()
  const home = join(root, '.backlot/test/store')
  mkdirSync(home, { recursive: true })
  copyFileSync(join(root, 'examples/openexr/backlot.yaml'), join(folder.path, 'backlot.yaml'))
  const env = { HOME: folder.path, BACKLOT_HOME: home, PATH: process.env['PATH'] ?? '' }
  return {
    folder: folder.path,
    backlot: (...args: readonly string[]) =>
      tool(['nice', ...programArgv(), '-C', folder.path, ...args], env),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

outside(needed)('OpenEXR reads an image in a container, pulled from our registry', async () => {
  using fixed = fixture()
  using chain = openChain()
  await using server = await ourRegistry()
  const file = join(chain.folder, 'backlot.yaml')
  writeFileSync(file, `${readFileSync(file, 'utf8')}\nregistry: ${server.registry}/vfx\n`)
  await chain.backlot('build')
  await chain.backlot('publish')

  const shot = await fakeBuild(fixed, 'shot', { 'shots/tiny.exr': tinyExr() })
  const base = await bake(fixed, [await hostBase(fixed), shot])
  const layoutFolder = join(chain.folder, 'base')
  const layout = openLayout(layoutFolder, diskBlobs(layoutFolder))
  await imageToLayout(base, { layout, tag: 'base', from: fixed.store.blobs })

  const image = async (...args: readonly string[]): Promise<unknown> =>
    JSON.parse(await chain.backlot('image', 'build', '--format', 'json', ...args))
  const alone = `${server.registry}/images/chain:1`
  expect(await image(alone)).toMatchObject({ sentPayloadBytes: 0 })
  const reference = `${server.registry}/images/openexr:1`
  await image('--base', `oci:${layoutFolder}:base`, reference)

  await using run = podman()
  await run('pull', '--quiet', '--tls-verify=false', reference)
  const said = await run('run', reference, 'exrheader', '/shots/tiny.exr')
  expect(said).toContain('dataWindow (type box2i): (0 0) - (0 0)')
  const local = join(chain.folder, 'tiny.exr')
  writeFileSync(local, tinyExr())
  const here = await chain.backlot('run', '--', 'exrheader', local)
  expect(here).toContain('dataWindow (type box2i): (0 0) - (0 0)')
})
