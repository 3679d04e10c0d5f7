/**
 * Registries whose parts fail: a server of several is killed, PostgreSQL or the bucket goes and
 * comes back, the disk becomes read-only. Nothing that was acknowledged is lost.
 */
import { SQL } from 'bun'
import { afterAll, expect } from 'bun:test'
import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, digestOf, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { registryClient } from '#oci/index.ts'
import { serve } from '#server/index.ts'
import { outside } from '../outside.ts'
import { sharedPostgres } from '../postgres.ts'
import { blobOf, bytesOf, emptyConfig, manifestOf, seededBytes } from '../protocol/content.ts'
import { heard, toolPath } from '../protocol/servers.ts'
import { sharedS3, type StoragePlace, stopStorages, storageKinds } from '../storages.ts'

afterAll(stopStorages)
const timeoutMs = 120_000
const shared = storageKinds.find(({ isShared }) => isShared)
const test = shared?.test ?? outside(['a storage for several servers'])
const hasty = { retry: { attempts: 1 } }

async function openShared(): Promise<StoragePlace> {
  if (shared === undefined) throw new Error('There is no storage for several servers')
  return await shared.open()
}

async function child(place: StoragePlace) {
  const script = join(import.meta.dir, '../protocol/serve-child.ts')
  const argv = [process.execPath, script, place.served.dir, '0', place.configFile]
  const process_ = Bun.spawn(argv, { env: {}, stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  const registry = await heard(process_.stdout, /serving (\S+) /)
  return {
    registry,
    url: `http://${registry}`,
    kill: async () => {
      process_.kill('SIGKILL')
      await process_.exited
    },
  }
}

test(
  'two servers, one is killed during uploads: clients go on at the other',
  async () => {
    await using place = await openShared()
    const [first, second] = [await child(place), await child(place)]
    const acknowledged = new Map<string, Digest>()
    const push = async (registry: string, name: string) => {
      const to = { registry, repository: name }
      const client = registryClient(hasty)
      for (let turn = 0; turn < 30; turn += 1) {
        const blob = blobOf(seededBytes(1 + turn * 40_000, turn))
        for (const one of [blob, emptyConfig]) await client.pushBlob(to, one.descriptor, one.source)
        const manifest = manifestOf([blob])
        await client.pushManifest(to, { ...manifest, tag: `t${turn}` })
        acknowledged.set(`${name}:t${turn}`, manifest.digest)
      }
    }
    const pushing = [
      push(first.registry, 'at/first').catch(() => 'broken'),
      push(second.registry, 'at/second').then(() => 'done'),
    ]
    const bytes = seededBytes(21_000_000, 99)
    const begun = await fetch(`${first.url}/v2/big/blobs/uploads/`, { method: 'POST' })
    const location = begun.headers.get('location') ?? ''
    const part = await fetch(`${first.url}${location}`, {
      method: 'PATCH',
      headers: { 'content-range': '0-13999999' },
      body: bytes.slice(0, 14_000_000),
    })
    expect(part.status).toBe(202)
    const half = fetch(`${first.url}${location}`, {
      method: 'PATCH',
      body: new ReadableStream({
        pull: async (controller) => {
          controller.enqueue(bytes.slice(14_000_000, 15_000_000))
          await first.kill()
          controller.close()
        },
      }),
    }).catch(() => undefined)
    await half
    expect(await Promise.all(pushing)).toEqual(['broken', 'done'])

    const state = await fetch(`${second.url}${location}`)
    expect(state.status).toBe(204)
    const at = Number(state.headers.get('range')?.split('-')[1]) + 1
    expect(at).toBeGreaterThanOrEqual(14_000_000)
    const rest = await fetch(`${second.url}${location}?digest=${digestOf(bytes)}`, {
      method: 'PUT',
      headers: { 'content-range': `${at}-20999999` },
      body: bytes.slice(at),
    })
    expect(rest.status).toBe(201)
    const client = registryClient(hasty)
    const big = { registry: second.registry, repository: 'big' }
    expect(await bytesOf(client.pullBlob(big, blobOf(bytes).descriptor))).toEqual(bytes)
    expect(acknowledged.size).toBeGreaterThanOrEqual(30)
    for (const [name, digest] of acknowledged) {
      const [repository = '', tag = ''] = name.split(':')
      const from = { registry: second.registry, repository }
      expect((await client.resolve({ ...from, tag }))?.digest).toBe(digest)
      const blob = blobOf(seededBytes(1 + Number(tag.slice(1)) * 40_000, Number(tag.slice(1))))
      expect(await bytesOf(client.pullBlob(from, blob.descriptor))).toEqual(blob.bytes)
    }
    await second.kill()
  },
  timeoutMs,
)

test('a server has twice as many connections to PostgreSQL as it is told, at most', async () => {
  await using place = await openShared()
  const { postgres } = place.options
  const access = { access: parseRegistryConfig('access: {}', 'registry.yaml').access }
  const connections = 3
  const storage = { ...place.served.config.storage }
  const config = {
    ...access,
    storage: {
      ...storage,
      ...(storage.postgres && { postgres: { ...storage.postgres, connections } }),
    },
  }
  await using server = await serve({ ...place.served, config, port: 0 })
  const basic = (name: string) => `Basic ${btoa(`${name}:${name}`)}`
  await Promise.all(
    Array.from({ length: 60 }, (_, at) =>
      fetch(`${server.url}/v2/x/tags/list`, {
        headers: at % 2 === 0 ? { authorization: basic(`n${at}`) } : {},
      }),
    ),
  )
  await using look = new SQL({ url: postgres?.url ?? '', max: 1 })
  const [row] = await look.unsafe<readonly { n: number }[]>(
    `SELECT CAST(COUNT(*) AS INTEGER) AS n FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  )
  expect(row?.n).toBeLessThanOrEqual(2 * connections)
})

for (const part of ['PostgreSQL', 'the bucket'] as const)
  test(
    `${part} gone and back: 503 with Retry-After meanwhile, nothing is lost`,
    async () => {
      await using place = await openShared()
      await using server = await serve({ ...place.served, port: 0 })
      const to = { registry: server.registry, repository: 'r' }
      const client = registryClient(hasty)
      const blob = blobOf(seededBytes(300_000, 7))
      for (const one of [blob, emptyConfig]) await client.pushBlob(to, one.descriptor, one.source)
      const manifest = manifestOf([blob])
      await client.pushManifest(to, { ...manifest, tag: 'before' })

      const away = part === 'PostgreSQL' ? await sharedPostgres() : await sharedS3()
      await away.kill()
      try {
        const body = Buffer.from(seededBytes(100, 8))
        const digest = digestOf(body)
        const asked = [
          fetch(`${server.url}/v2/r/blobs/${blob.descriptor.digest}`),
          fetch(`${server.url}/v2/r/blobs/uploads/?digest=${digest}`, { method: 'POST', body }),
        ]
        if (part === 'PostgreSQL') asked.push(fetch(`${server.url}/v2/r/manifests/before`))
        for (const answer of await Promise.all(asked))
          expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
      } finally {
        await away.start()
      }
      expect((await client.resolve({ ...to, tag: 'before' }))?.digest).toBe(manifest.digest)
      expect(await bytesOf(client.pullBlob(to, blob.descriptor))).toEqual(blob.bytes)
      const later = blobOf(seededBytes(400_000, 9))
      expect(await client.pushBlob(to, later.descriptor, later.source)).toBe('uploaded')
    },
    timeoutMs,
  )

test('an object that the bucket lost long ago is pushed again by who looks first', async () => {
  await using place = await openShared()
  let nowMs = Date.now() - 3_600_000
  await using server = await serve({ ...place.served, port: 0, clock: { nowMs: () => nowMs } })
  const { bucket } = place.options
  const root = join((await sharedS3()).folder, bucket?.bucket ?? '', bucket?.prefix ?? '')
  const blob = blobOf(seededBytes(1000, 66))
  const client = registryClient(hasty)
  const to = { registry: server.registry, repository: 'r' }
  const push = () => client.pushBlob(to, blob.descriptor, blob.source)
  const harms = [(path: string) => rmSync(path), (path: string) => truncateSync(path, 500)]
  for (const [at, harm] of harms.entries()) {
    expect(await push()).toBe('uploaded')
    // In the second generation, as the first was let go of.
    const generation = at === 0 ? '' : 'again/1/'
    harm(join(root, generation, 'blobs/sha256', blob.descriptor.digest.slice('sha256:'.length)))
    nowMs += 3_600_000
    expect(await push()).toBe('existed')
    await expect(bytesOf(client.pullBlob(to, blob.descriptor))).rejects.toThrow()
  }
  expect(await push()).toBe('uploaded')
  expect(await bytesOf(client.pullBlob(to, blob.descriptor))).toEqual(blob.bytes)
})

test('an object that the bucket lost or cut is told as such, and mended by a push', async () => {
  await using place = await openShared()
  const told: string[] = []
  const emit = (event: { kind: string; text?: string }) => void told.push(event.text ?? '')
  await using server = await serve({ ...place.served, port: 0, emit })
  const { bucket } = place.options
  const root = join((await sharedS3()).folder, bucket?.bucket ?? '', bucket?.prefix ?? '')
  const { bytes, descriptor } = blobOf(seededBytes(1000, 6))
  const path = join(root, 'blobs/sha256', descriptor.digest.slice('sha256:'.length))
  const url = `${server.url}/v2/r/blobs/${descriptor.digest}`
  const push = () =>
    fetch(`${server.url}/v2/r/blobs/uploads/?digest=${descriptor.digest}`, {
      method: 'POST',
      body: bytes.slice(),
    })
  for (const [harm, status, code] of [
    [() => truncateSync(path, 500), 500, 'UNKNOWN'],
    [() => rmSync(path), 404, 'BLOB_UNKNOWN'],
  ] as const) {
    expect((await push()).status).toBe(201)
    harm()
    const answer = await fetch(url)
    expect([answer.status, await answer.json()]).toMatchObject([
      status,
      { errors: [{ code, message: expect.stringContaining('push it again') }] },
    ])
    expect(told.splice(0)).toEqual([expect.stringContaining('GET failed')])
  }
  expect((await push()).status).toBe(201)
  expect(await (await fetch(url)).bytes()).toEqual(bytes)
})

function succeeds(...argv: readonly string[]): boolean {
  const stdio: ['ignore', 'ignore', 'ignore'] = ['ignore', 'ignore', 'ignore']
  return Bun.spawnSync([...argv], { env: { PATH: toolPath }, stdio }).success
}

/** Makes a folder read-only for who opens files in it from now on. */
function readOnly(path: string): Disposable & { readonly worked: boolean } {
  const worked =
    succeeds('mount', '--bind', path, path) && succeeds('mount', '-o', 'remount,bind,ro', path)
  return { worked, [Symbol.dispose]: () => void succeeds('umount', '-l', path) }
}

function canMount(): boolean {
  using folder = temporaryFolder()
  using mounted = readOnly(folder.path)
  return mounted.worked
}

const mounting = outside(canMount() ? ['mount', 'umount'] : ['the right to mount'])

mounting('a disk that is read-only: told as such, and reads go on', async () => {
  using folder = temporaryFolder()
  const dir = join(folder.path, 'registry')
  {
    await using server = await serve({ dir, port: 0 })
    const to = { registry: server.registry, repository: 'r' }
    const client = registryClient(hasty)
    const blob = blobOf(seededBytes(100_000, 3))
    for (const one of [blob, emptyConfig]) await client.pushBlob(to, one.descriptor, one.source)
    await client.pushManifest(to, { ...manifestOf([blob]), tag: 'before' })
    const other = blobOf(seededBytes(100_000, 4))
    {
      using mounted = readOnly(join(dir, 'uploads'))
      expect(mounted.worked).toBe(true)
      await expect(client.pushBlob(to, other.descriptor, other.source)).rejects.toThrow(
        /cannot write to its folder/,
      )
      expect(await bytesOf(client.pullBlob(to, blob.descriptor))).toEqual(blob.bytes)
    }
    expect(await client.pushBlob(to, other.descriptor, other.source)).toBe('uploaded')
  }
  using mounted = readOnly(dir)
  expect(mounted.worked).toBe(true)
  await expect(serve({ dir, port: 0 })).rejects.toMatchObject({ code: 'kernel/read-only' })
})
