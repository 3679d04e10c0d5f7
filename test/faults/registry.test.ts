/** Registries that fail, refuse, stop half-way, lie or are not there: told, and nothing lost. */
import { afterAll, expect } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Project, programArgv } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import {
  blobPath,
  builtPlace,
  elsewhere,
  lockedBuild,
  refuses,
  removeTemplate,
  succeeds,
} from './place.ts'
import { type Fault, faultyProxy, type Proxy, serveRegistry } from './registry.ts'

afterAll(removeTemplate)

const compiled = outside(['namespaces', 'g++', 'cmake', 'make'])

/** Whatever asks for bytes of this blob. */
function onBlob(digest: string, fault: Fault): Proxy['rule'] {
  return ({ method, path }) =>
    method === 'GET' && path.includes(`blobs/${digest}`) ? fault : undefined
}

function useRegistry(place: Project, registry: string): void {
  const path = join(place.folder, 'backlot.yaml')
  writeFileSync(path, `${withoutRegistry(place)}registry: ${registry}\n`)
}

function withoutRegistry(place: Project): string {
  return readFileSync(join(place.folder, 'backlot.yaml'), 'utf8').replace(/^registry:.*\n/m, '')
}

const answers = [
  [500, {}, 'oci/registry-failed'],
  [401, {}, 'oci/unauthorized'],
  [403, {}, 'oci/denied'],
  [429, { 'retry-after': '100000' }, 'oci/too-many-requests'],
] as const

for (const [status, headers, code] of answers)
  compiled(
    `${status}: publish, build, image build and copy say so, and work after it`,
    async () => {
      using place = await builtPlace()
      await using registry = await serveRegistry(place)
      await using proxy = await faultyProxy(registry.host)
      const to = `${proxy.host}/vfx`
      await succeeds(place, 'publish', '--to', to)
      await succeeds(place, 'image', 'build', `${to}/env:1`)
      using other = elsewhere(place)
      useRegistry(other, to)

      proxy.rule = () => ({ kind: 'status', status, headers })
      const want = { code, says: proxy.host }
      await Promise.all([
        refuses(place, ['publish', '--to', to], want),
        refuses(other, ['build'], want),
        refuses(place, ['image', 'build', `${to}/env:2`], want),
        refuses(place, ['copy', `${to}/env:1`, 'oci:copied:1'], want),
      ])
      expect(await place.backlot('run', 'app')).toMatchObject({ exitCode: 0 })

      proxy.rule = () => undefined
      await succeeds(place, 'publish', '--to', to)
      expect((await succeeds(other, 'build')).stdout).toContain('fetched')
      expect(await succeeds(other, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
      await succeeds(place, 'image', 'build', `${to}/env:2`)
      await succeeds(place, 'copy', `${to}/env:1`, 'oci:copied:1')
    },
  )

compiled('a 429 with a short Retry-After and some 503 are not even noticed', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  let turn = 0
  proxy.rule = () => {
    turn += 1
    if (turn % 5 === 1) return { kind: 'status', status: 429, headers: { 'retry-after': '0' } }
    return turn % 7 === 2 ? { kind: 'status', status: 503 } : undefined
  }
  await succeeds(place, 'publish', '--to', `${proxy.host}/vfx`)
  using other = elsewhere(place)
  useRegistry(other, `${proxy.host}/vfx`)
  expect((await succeeds(other, 'build')).stdout).toContain('3 fetched')
})

compiled('a blob that stops half-way goes on from its last byte', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  await succeeds(place, 'publish', '--to', `${registry.host}/vfx`)
  using other = elsewhere(place)
  useRegistry(other, `${proxy.host}/vfx`)
  const { layer } = lockedBuild(place, 'app')
  let cuts = 2
  proxy.rule = (request) =>
    onBlob(layer, { kind: 'cut', afterBytes: 300_000 })(request) === undefined || cuts-- <= 0
      ? undefined
      : { kind: 'cut', afterBytes: 300_000 }

  await succeeds(other, 'build')

  const ranges = proxy.asked.filter((line) => line.includes(layer) && line.includes('bytes='))
  expect(ranges.length).toBeGreaterThan(0)
  expect(await succeeds(other, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

compiled('a blob that never comes whole: an error, no half blob, and then it works', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  await succeeds(place, 'publish', '--to', `${registry.host}/vfx`)
  using other = elsewhere(place)
  useRegistry(other, `${proxy.host}/vfx`)
  const { layer } = lockedBuild(place, 'app')
  proxy.rule = onBlob(layer, { kind: 'cut', afterBytes: 0 })
  await refuses(other, ['build'], { code: 'oci/unreachable', says: layer })
  expect(await Bun.file(blobPath(other.home, layer)).exists()).toBe(false)
  proxy.rule = () => undefined
  await succeeds(other, 'build')
  await succeeds(other, 'store', 'verify')
})

compiled('bytes that are not what their digest says are refused, with the digest', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  const to = `${proxy.host}/vfx`
  await succeeds(place, 'publish', '--to', to)
  await succeeds(place, 'image', 'build', `${to}/env:1`)
  const { layer, build } = lockedBuild(place, 'app')
  using other = elsewhere(place)
  useRegistry(other, to)

  proxy.rule = onBlob(layer, { kind: 'flip' })
  const want = { code: 'oci/digest-invalid', says: layer }
  await refuses(other, ['build'], want)
  await refuses(other, ['copy', `${to}/env:1`, 'oci:copied:1'], want)
  proxy.rule = ({ method, path }) =>
    method === 'GET' && path.includes(`manifests/${build}`) ? { kind: 'flip' } : undefined
  await refuses(other, ['build'], { code: 'oci/digest-invalid', says: build })
  expect(await Bun.file(blobPath(other.home, layer)).exists()).toBe(false)

  proxy.rule = () => undefined
  await succeeds(other, 'build')
  await succeeds(other, 'copy', `${to}/env:1`, 'oci:copied:1')
})

compiled(
  'a damaged blob in the registry’s folder: refused by its digest, mended by publish',
  async () => {
    using place = await builtPlace()
    await using registry = await serveRegistry(place)
    const to = `${registry.host}/vfx`
    await succeeds(place, 'publish', '--to', to)
    const { layer } = lockedBuild(place, 'app')
    const bytes = readFileSync(blobPath(registry.data, layer))
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    rmSync(blobPath(registry.data, layer))
    writeFileSync(blobPath(registry.data, layer), bytes)
    using other = elsewhere(place)
    useRegistry(other, to)

    await refuses(other, ['build'], { code: 'oci/digest-invalid', says: layer })
    expect(await Bun.file(blobPath(other.home, layer)).exists()).toBe(false)

    // As the hint says.
    const owner = { ...place.env, BACKLOT_HOME: registry.data }
    const argv = [...programArgv(), 'store', 'verify', '--repair']
    const mended = Bun.spawnSync(argv, { cwd: place.folder, env: owner })
    expect(mended.stdout.toString()).toContain(layer.slice(7, 19))
    expect((await succeeds(place, 'publish', '--to', to)).stdout).toContain('pushed')
    expect((await succeeds(other, 'build')).stdout).toContain('fetched')
    expect((await succeeds(place, 'publish', '--to', to)).stdout).not.toContain('pushed')
  },
)

compiled('nobody is there: publish, image and copy say so; a build makes it itself', async () => {
  using place = await builtPlace()
  const nobody = '127.0.0.1:1/vfx'
  const want = { code: 'oci/unreachable', says: '127.0.0.1:1' }
  await Promise.all([
    refuses(place, ['publish', '--to', nobody], want),
    refuses(place, ['image', 'build', `${nobody}/env:1`], want),
    refuses(place, ['copy', `${nobody}/env:1`, 'oci:copied:1'], want),
  ])
  using other = elsewhere(place)
  useRegistry(other, nobody)
  await refuses(other, ['build'], { ...want, hint: 'take `registry:` out' })
  await refuses(other, ['run', 'app'], want)
  writeFileSync(join(other.folder, 'backlot.yaml'), withoutRegistry(other))
  expect((await succeeds(other, 'build')).stdout).toContain('3 built')
  useRegistry(place, nobody)
  const built = await succeeds(place, 'lock', '--update')
  expect(built.stderr).toContain('cannot be reached')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
})

compiled('uploads whose last request broke off half done are sent anew', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  const broken = new Set<string>()
  proxy.rule = ({ method, path }) => {
    const [, digest = ''] = /[?&]digest=([^&]+)/.exec(path) ?? []
    if (method !== 'PUT' || digest === '' || broken.has(digest)) return undefined
    broken.add(digest)
    return { kind: 'half done' }
  }
  await succeeds(place, 'publish', '--to', `${proxy.host}/vfx`)
  expect(broken.size).toBeGreaterThan(6)
})

compiled('uploads that break off are taken up again', async () => {
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  await using proxy = await faultyProxy(registry.host)
  let broken = 3
  proxy.rule = ({ method, path }) =>
    (method === 'PATCH' || method === 'PUT') && path.includes('/uploads/') && broken-- > 0
      ? { kind: 'hang up' }
      : undefined
  await succeeds(place, 'publish', '--to', `${proxy.host}/vfx`)
  expect(broken).toBeLessThan(1)
  using other = elsewhere(place)
  useRegistry(other, `${registry.host}/vfx`)
  expect((await succeeds(other, 'build')).stdout).toContain('3 fetched')
})
