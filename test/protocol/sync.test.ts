/** Copying by lists between registries: the difference, what is done, and when a server does it. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { syncListsOf } from '#app/index.ts'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import {
  type Descriptor,
  localClient,
  mediaTypes,
  openRegistry,
  type RegistryClient,
  registryClient,
  runSync,
  syncDifference,
} from '#oci/index.ts'
import { serve } from '#server/index.ts'
import { outside } from '../outside.ts'
import {
  blobOf,
  emptyConfig,
  indexOf,
  manifestOf,
  seededBytes,
  type TestManifest,
} from './content.ts'
import { movableClock, pushImage } from './proxied.ts'
import { debianRegistry, ourRegistry, type TestRegistry } from './servers.ts'

const client = registryClient()
const layerOf = (seed: number) => blobOf(seededBytes(10_000, seed))
const quiet = { emit: () => undefined, signal: new AbortController().signal }

/** The lists of a section, with repositories without a host on `own`. */
function listsOf(section: string, own: string, here: RegistryClient = client) {
  const config = parseRegistryConfig(`sync:\n${section}`, 'registry.yaml')
  return syncListsOf(config.sync ?? {}, {
    folder: '/nonexistent',
    own: { registry: own, client: here },
    credentials: async () => undefined,
    clock: { nowMs: () => Date.now() },
    ...quiet,
  })
}

const actions = (steps: readonly { action: string; tag: string }[]) =>
  steps.map(({ action, tag }) => `${action} ${tag}`).toSorted()

const targets: readonly (readonly [string, typeof test, () => Promise<TestRegistry>])[] = [
  ['backlot', test, ourRegistry],
  ['docker-registry', outside(['docker-registry']), debianRegistry],
]

for (const [kind, testIt, target] of targets) {
  testIt(`to ${kind}: a difference, a run that makes it go away, and nothing deleted`, async () => {
    await using from = await ourRegistry()
    await using to = await target()
    for (const [at, tag] of ['1.0', '1.1', '2.0', 'edge'].entries())
      await pushImage(from.registry, 'aswf/a', tag, [layerOf(at)])
    await pushImage(from.registry, 'aswf/b', '1.0', [layerOf(9)])
    await pushImage(to.registry, 'mirror/a', '1.1', [layerOf(20)])
    await pushImage(to.registry, 'mirror/a', '1.9', [layerOf(21)])
    const section = `  all: { from: '${from.registry}/aswf', to: '${to.registry}/mirror', repositories: [a, b], semver: '<2' }`
    const [list] = listsOf(section, from.registry)
    if (list === undefined) throw new Error('no list')
    const difference = await syncDifference(list, quiet)
    expect(actions(difference.steps)).toEqual(['add 1.0', 'add 1.0', 'update 1.1'])
    const repository = { registry: to.registry, repository: 'mirror/a' }
    expect(await client.tags(repository)).toEqual(['1.1', '1.9'])

    const report = await runSync(list, quiet)
    expect(report).toMatchObject({ done: 3, same: 0, failures: [], bytesCopied: 30_006 - 4 })
    expect(await client.tags(repository)).toEqual(['1.0', '1.1', '1.9'])
    expect(await syncDifference(list, quiet)).toMatchObject({ steps: [], same: 3, failures: [] })
  })
}

test('tags are deleted only when the list says so, and only those that it means', async () => {
  await using from = await ourRegistry()
  await using to = await ourRegistry()
  await pushImage(from.registry, 'a', 'v1', [layerOf(1)])
  for (const tag of ['v0', 'v1', 'own']) await pushImage(to.registry, 'a', tag, [layerOf(2)])
  const section = `  l: { from: '${from.registry}/a', to: '${to.registry}/a', tags: 'v*', delete: true }`
  const [list] = listsOf(section, from.registry)
  if (list === undefined) throw new Error('no list')
  expect(actions((await runSync(list, quiet)).steps)).toEqual(['delete v0', 'update v1'])
  const repository = { registry: to.registry, repository: 'a' }
  expect(await client.tags(repository)).toEqual(['own', 'v1'])
  await client.deleteManifest({ registry: from.registry, repository: 'a', tag: 'v1' })
  expect(await runSync(list, quiet)).toMatchObject({
    steps: [],
    failures: [{ what: `${from.registry}/a`, message: expect.stringContaining('has no tags') }],
  })
  expect(await client.tags(repository)).toEqual(['own', 'v1'])
})

test('signatures and SBOMs come along when asked for, also later ones', async () => {
  await using from = await ourRegistry()
  await using to = await ourRegistry()
  const image = await pushImage(from.registry, 'a', '1', [layerOf(1)])
  const source = { registry: from.registry, repository: 'a' }
  const copy = { registry: to.registry, repository: 'a' }
  const sign = (artifactType: string) =>
    client.pushManifest(source, manifestOf([], { artifactType, subject: image.descriptor }))
  await sign('application/x-sbom')
  const beside = `${image.digest.replace(':', '-')}.sig`
  await client.pushManifest(source, { ...manifestOf([], { artifactType: 'a/b' }), tag: beside })
  const places = `from: '${from.registry}/a', to: '${to.registry}/a'`
  const [plain, whole] = listsOf(
    `  plain: { ${places} }\n  whole: { ${places}, referrers: true }`,
    from.registry,
  )
  if (plain === undefined || whole === undefined) throw new Error('no lists')
  await runSync(plain, quiet)
  expect([await client.tags(copy), await client.referrers(copy, image.digest)]).toEqual([['1'], []])
  expect(actions((await runSync(whole, quiet)).steps)).toEqual(
    [`add ${beside}`, 'referrers 1'].toSorted(),
  )
  expect(await client.referrers(copy, image.digest)).toHaveLength(1)
  expect((await runSync(whole, quiet)).steps).toEqual([])
  await sign('application/x-signature')
  expect(actions((await runSync(whole, quiet)).steps)).toEqual(['referrers 1'])
  expect(await client.referrers(copy, image.digest)).toHaveLength(2)
})

test('of an image for several platforms those that are named are copied', async () => {
  await using from = await ourRegistry()
  await using to = await ourRegistry()
  const source = { registry: from.registry, repository: 'a' }
  const children: Descriptor[] = []
  for (const [at, architecture] of ['amd64', 'arm64'].entries()) {
    const layer = layerOf(at + 30)
    for (const { descriptor, source: bytes } of [emptyConfig, layer])
      await client.pushBlob(source, descriptor, bytes)
    const manifest = manifestOf([layer])
    await client.pushManifest(source, manifest)
    children.push({ ...manifest.descriptor, platform: { os: 'linux', architecture } })
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: children }
  const bytes = new TextEncoder().encode(JSON.stringify(index))
  await client.pushManifest(source, { bytes, mediaType: mediaTypes.index, tag: '1' })
  const section = `  l: { from: '${from.registry}/a', to: '${to.registry}/a', platforms: linux/arm64 }`
  const [list] = listsOf(section, from.registry)
  if (list === undefined) throw new Error('no list')
  expect(await runSync(list, quiet)).toMatchObject({ done: 1, failures: [] })
  const there = async (at: number) =>
    await client.resolve({
      registry: to.registry,
      repository: 'a',
      ...(children[at] && { digest: children[at].digest }),
    })
  expect([await there(0), (await there(1))?.digest]).toEqual([undefined, children[1]?.digest])
  expect((await syncDifference(list, quiet)).steps).toEqual([])

  // The list names another platform; the tag is the same on both sides.
  const places = `from: '${from.registry}/a', to: '${to.registry}/a'`
  const [both] = listsOf(`  l: { ${places}, platforms: [linux/arm64, linux/amd64] }`, from.registry)
  if (both === undefined) throw new Error('no list')
  expect(actions((await syncDifference(both, quiet)).steps)).toEqual(['platforms 1'])
  expect(await runSync(both, quiet)).toMatchObject({ done: 1, failures: [] })
  expect((await there(0))?.digest).toBe(children[0]?.digest)
  expect((await runSync(both, quiet)).steps).toEqual([])

  // The source's index gets one: both the new image and the index arrive.
  const layer = layerOf(40)
  await client.pushBlob(source, layer.descriptor, layer.source)
  const added = manifestOf([layer])
  await client.pushManifest(source, added)
  const platform = { os: 'linux', architecture: 'amd64', variant: 'v3' }
  const larger = { ...index, manifests: [...children, { ...added.descriptor, platform }] }
  const newBytes = new TextEncoder().encode(JSON.stringify(larger))
  await client.pushManifest(source, { bytes: newBytes, mediaType: mediaTypes.index, tag: '1' })
  expect(actions((await runSync(both, quiet)).steps)).toEqual(['update 1'])
  const copy = { registry: to.registry, repository: 'a' }
  expect(await client.resolve({ ...copy, digest: added.descriptor.digest })).toBeDefined()

  // What the source itself lacks is nobody's to copy.
  await client.deleteManifest({ ...source, digest: added.descriptor.digest })
  await client.deleteManifest({ ...copy, digest: added.descriptor.digest })
  expect((await runSync(both, quiet)).steps).toEqual([])
})

/** Pushes as by the digest that is said, of whatever kind. */
async function pushAs(
  to: { readonly registry: string; readonly repository: string },
  { digest, bytes, mediaType }: Pick<TestManifest, 'digest' | 'bytes' | 'mediaType'>,
  tag: string,
) {
  const url = `http://${to.registry}/v2/${to.repository}/manifests/${digest}?tag=${tag}`
  const headers = { 'content-type': mediaType }
  expect((await fetch(url, { method: 'PUT', headers, body: bytes.slice() })).status).toBe(201)
}

for (const [kind, remote] of [
  ['over HTTP', true],
  ['within a server', false],
] as const)
  test(`manifests known by SHA-512 keep their digests, ${kind}`, async () => {
    await using from = await ourRegistry()
    const source = { registry: from.registry, repository: 'a' }
    const layer = layerOf(50)
    for (const { descriptor, source: bytes } of [emptyConfig, layer])
      await client.pushBlob(source, descriptor, bytes)
    const image = manifestOf([layer])
    const long = { ...image, digest: digestOf(image.bytes, 'sha512') }
    await pushAs(source, long, 'image')
    const index = indexOf([{ ...long, descriptor: { ...image.descriptor, digest: long.digest } }])
    await client.pushManifest(source, { ...index, tag: 'index' })
    const signature = manifestOf([], { subject: { ...image.descriptor, digest: long.digest } })
    const hanging = { ...signature, digest: digestOf(signature.bytes, 'sha512') }
    await pushAs(source, hanging, 'signature')
    await using to = await ourRegistry()
    const own = await openRegistry({ dir: join(to.dir, 'own') })
    const there = remote ? client : localClient(own)
    const target = remote ? `'${to.registry}/b'` : 'b'
    const text = `  l: { from: '${from.registry}/a', to: ${target}, referrers: true }`
    const [list] = listsOf(text, 'here', there)
    if (list === undefined) throw new Error('no list')
    expect(await runSync(list, quiet)).toMatchObject({ done: 3, failures: [] })
    const copy = { registry: remote ? to.registry : 'here', repository: 'b' }
    for (const { digest } of [long, hanging])
      expect((await there.resolve({ ...copy, digest }))?.digest).toBe(digest)
    expect((await there.resolve({ ...copy, tag: 'image' }))?.digest).toBe(long.digest)
    expect(await syncDifference(list, quiet)).toMatchObject({ steps: [], same: 3 })
    await own.close()
  })

test('an index that names what its source does not have is copied as far as it goes', async () => {
  await using from = await ourRegistry()
  await using to = await ourRegistry()
  const source = { registry: from.registry, repository: 'a' }
  await pushImage(from.registry, 'a', 'one', [layerOf(60)])
  const [kept, lost] = [manifestOf([layerOf(60)]), manifestOf([layerOf(61)])]
  const index = indexOf([lost, kept])
  await client.pushManifest(source, { ...index, tag: 'both' })
  const [list] = listsOf(`  l: { from: '${from.registry}/a', to: '${to.registry}/a' }`, 'here')
  if (list === undefined) throw new Error('no list')
  expect(await runSync(list, quiet)).toMatchObject({ done: 2, failures: [] })
  const copy = { registry: to.registry, repository: 'a' }
  expect((await client.resolve({ ...copy, tag: 'both' }))?.digest).toBe(index.digest)
  expect((await syncDifference(list, quiet)).steps).toEqual([])
  await client.pushBlob(source, layerOf(61).descriptor, layerOf(61).source)
  await client.pushManifest(source, lost)
  expect(actions((await runSync(list, quiet)).steps)).toEqual(['platforms both'])
  expect(await client.resolve({ ...copy, digest: lost.digest })).toBeDefined()
})

test('one that fails stops no other, and is told', async () => {
  await using from = await ourRegistry()
  await using to = await ourRegistry()
  await pushImage(from.registry, 'good', '1', [layerOf(1)])
  await using broken = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) =>
      request.url.includes('/bad/')
        ? new Response('no', { status: 403 })
        : fetch(`${from.url}${new URL(request.url).pathname}`, { method: request.method }),
  })
  const at = `127.0.0.1:${broken.port}`
  const section = `  l: { from: '${at}', to: '${to.registry}', repositories: [bad/a, good] }`
  const [list] = listsOf(section, from.registry)
  if (list === undefined) throw new Error('no list')
  const report = await runSync(list, quiet)
  expect(report).toMatchObject({ done: 1, failures: [{ what: `${at}/bad/a` }] })
  expect(report.failures[0]?.message).toContain('403')
})

test('a server runs its lists when they are due, and remembers over a restart', async () => {
  const clock = movableClock()
  await using from = await ourRegistry()
  using folder = temporaryFolder()
  await pushImage(from.registry, 'a', '1', [layerOf(1)])
  const text = `sync: { mirror: { from: '${from.registry}/a', to: kept/a, every: 6h } }`
  const config = parseRegistryConfig(text, 'registry.yaml')
  const served = () => serve({ dir: folder.path, port: 0, config, clock })
  const stateAt = async (url: string) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by what follows
    const answer = (await (await fetch(`${url}/api/v1/sync`)).json()) as {
      readonly lists: readonly {
        readonly last?: { readonly done: number }
        readonly nextMs: number
      }[]
    }
    return answer.lists[0]
  }
  {
    await using server = await served()
    await server.runDueLists()
    expect(await stateAt(server.url)).toMatchObject({
      nextMs: clock.nowMs() + 6 * 3_600_000,
      last: { done: 1, changes: 1, failures: [] },
    })
    const kept = { registry: server.registry, repository: 'kept/a' }
    expect(await client.tags(kept)).toEqual(['1'])
    await pushImage(from.registry, 'a', '2', [layerOf(2)])
    clock.pass(5 * 3_600_000)
    await server.runDueLists()
    expect(await client.tags(kept)).toEqual(['1'])
  }
  await using server = await served()
  expect((await stateAt(server.url))?.last).toMatchObject({ done: 1 })
  clock.pass(3_600_000)
  await server.runDueLists()
  const kept = { registry: server.registry, repository: 'kept/a' }
  expect(await client.tags(kept)).toEqual(['1', '2'])
  // The clock was months ahead, and is set right.
  await pushImage(from.registry, 'a', '3', [layerOf(3)])
  clock.pass(-100 * 86_400_000)
  await server.runDueLists()
  expect(await client.tags(kept)).toEqual(['1', '2', '3'])
})

test('a list that would write to an upstream’s repository is refused at the start', async () => {
  using folder = temporaryFolder()
  const upstreams = 'upstreams: { up: { registry: docker.io } }'
  const text = `${upstreams}\nsync: { bad: { from: quay.io/a, to: up/a } }`
  const config = parseRegistryConfig(text, 'registry.yaml')
  await expect(serve({ dir: folder.path, port: 0, config })).rejects.toMatchObject({
    code: 'oci/pulled-repository',
  })
  const fine = parseRegistryConfig('sync: { ok: { from: quay.io/a, to: b } }', 'registry.yaml')
  await using _ = await serve({ dir: folder.path, port: 0, config: fine })
})
