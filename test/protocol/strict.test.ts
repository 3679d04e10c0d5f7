/** What no client sends: on every storage it is refused in words, and never a fault of ours. */
import { afterAll, describe, expect } from 'bun:test'
import { digestOf, systemClock } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { accessMigrations, accountsIn, openDatabase, servicePlace } from '#oci/index.ts'
import { serve } from '#server/index.ts'
import { type StorageKind, stopStorages, storageKinds } from '../storages.ts'

afterAll(stopStorages)

const password = 'correct horse battery'
const blob = 'hello world'
const digest = digestOf(blob)
const imageType = 'application/vnd.oci.image.manifest.v1+json'
const indexType = 'application/vnd.oci.image.index.v1+json'
const descriptor = { mediaType: 'application/octet-stream', digest, size: blob.length }
const image = { schemaVersion: 2, mediaType: imageType, config: descriptor, layers: [descriptor] }

const basic = (name: string, secret = password) => ({
  authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`,
})

/** A guarded server in which `ada` may do everything in `lab`, and what it warned of. */
async function guarded(kind: StorageKind) {
  const place = await kind.open()
  const { served, options } = place
  const warnings: string[] = []
  const access = parseRegistryConfig('access: {}', 'registry.yaml')
  const config = { ...access, ...served.config }
  const emit = (event: { kind: string; text?: string }) =>
    event.kind === 'warning' && warnings.push(event.text ?? '')
  const server = await serve({ ...served, config, port: 0, emit })
  const database = openDatabase(servicePlace({ dir: served.dir, postgres: options.postgres }))
  await database.migrate('access', accessMigrations)
  const grants = [{ repositories: ['lab/**'], actions: ['pull', 'push', 'delete'] }] as const
  await accountsIn(database, systemClock).add({ name: 'ada', kind: 'user', password, grants })
  const ask = (method: string, path: string, init: RequestInit = {}) =>
    fetch(server.url + path, {
      method,
      ...init,
      headers: { ...basic('ada'), ...Object.fromEntries(new Headers(init.headers)) },
    })
  const pushed = `/v2/lab/a/blobs/uploads/?digest=${digest}`
  expect((await ask('POST', pushed, { body: blob })).status).toBe(201)
  return {
    url: server.url,
    ask,
    warnings,
    put: async (manifest: unknown, type = imageType) => {
      const body = typeof manifest === 'string' ? manifest : JSON.stringify(manifest)
      const headers = { 'content-type': type }
      return (await ask('PUT', '/v2/lab/a/manifests/t', { headers, body })).status
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      await database.close()
      await place[Symbol.asyncDispose]()
    },
  }
}

for (const kind of storageKinds)
  describe(kind.name, () => {
    kind.test('pages and filters that no name could be', async () => {
      await using server = await guarded(kind)
      const status = async (path: string) => (await server.ask('GET', path)).status
      const lists = ['lab/a/tags/list', `lab/a/referrers/${digest}`]
      for (const list of lists) {
        for (const query of ['last=%00', 'last=a%00b', 'last=%ff', 'n=99999999999999999999'])
          expect([query, await status(`/v2/${list}?${query}`)]).toEqual([query, 200])
        for (const query of ['n=', 'n=-1', 'n=1e3', 'n=0x1', 'n=%00'])
          expect([query, await status(`/v2/${list}?${query}`)]).toEqual([query, 400])
      }
      expect(await status(`/v2/lab/a/referrers/${digest}?artifactType=%00`)).toBe(400)
      for (const rest of ['manifests/%00', 'manifests/a%00', 'blobs/%00', 'blobs/uploads/%00'])
        expect([400, 404]).toContain(await status(`/v2/lab/a/${rest}`))
      expect(server.warnings).toEqual([])
    })

    kind.test('names and passwords that nobody has, and refusals that are recorded', async () => {
      await using server = await guarded(kind)
      for (const name of ['a\0b', '\0', '\ud800', "' OR 1=1 --", 'x'.repeat(8000)]) {
        for (const headers of [basic(name), basic('ada', name)])
          expect((await fetch(`${server.url}/v2/`, { headers })).status).toBe(401)
        const form = { grant_type: 'password', username: name, password: name }
        const answer = await fetch(`${server.url}/v2/token`, {
          method: 'POST',
          body: new URLSearchParams(form),
        })
        expect(answer.status).toBe(401)
      }
      for (const rest of ['manifests/%00', `manifests/${'x'.repeat(700)}`, 'blobs/%00%0a'])
        for (const method of ['PUT', 'DELETE'])
          expect((await server.ask(method, `/v2/secret/${rest}`, { body: '{}' })).status).toBe(403)
      expect(server.warnings).toEqual([])
    })

    kind.test('manifests that other programs would read otherwise', async () => {
      await using server = await guarded(kind)
      const { put } = server
      const text = JSON.stringify(image)
      const other = { ...descriptor, digest: digestOf('another') }
      for (const bad of [
        { ...image, artifactType: 'a\0b' },
        { ...image, subject: descriptor, artifactType: 'a\nb' },
        { ...image, config: { ...descriptor, mediaType: 'x\0y' } },
        { ...image, layers: [{ ...descriptor, mediaType: '\u007f' }] },
        { ...image, Layers: [other] },
        { ...image, MANIFESTS: [other] },
        { ...image, manifests: [] },
        { ...image, layers: [{ ...descriptor, size: -1 }] },
        { ...image, layers: [{ ...descriptor, size: blob.length + 1 }] },
        { ...image, config: { ...descriptor, size: 0 }, layers: [] },
        { schemaVersion: 2, config: descriptor, manifests: [] },
        { ...image, layers: [{ ...descriptor, digest: digest.toUpperCase() }] },
        { ...image, layers: Array.from({ length: 10_000 }, () => other) },
        `${text.slice(0, -1)},"layers":[]}`,
        text.replace('"size"', '"digest":"","size"'),
        `\ufeff${text}`,
        `${text}x`,
        `${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}`,
        '',
        'null',
      ])
        expect(await put(bad)).toBe(400)
      const child = JSON.stringify({ ...image, annotations: { k: 'child' } })
      expect(await put(child)).toBe(201)
      const entry = { mediaType: imageType, digest: digestOf(child), size: child.length + 1 }
      expect(await put({ schemaVersion: 2, manifests: [entry] }, indexType)).toBe(400)
      await server.ask('DELETE', '/v2/lab/a/manifests/t')
      for (const odd of [{ config: descriptor }, { layers: [] }])
        expect(await put({ schemaVersion: 2, manifests: [], ...odd }, indexType)).toBe(400)
      const invalid = new Uint8Array([...new TextEncoder().encode(text.slice(0, -1)), 0xff, 0x7d])
      const headers = { 'content-type': imageType }
      const asked = await server.ask('PUT', '/v2/lab/a/manifests/t', { headers, body: invalid })
      expect(asked.status).toBe(400)
      expect((await server.ask('GET', '/v2/lab/a/manifests/t')).status).toBe(404)
      expect(
        await put({ ...image, layers: Array.from({ length: 10_000 }, () => descriptor) }),
      ).toBe(201)
      const deep = `{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},${text.slice(1)}`
      expect([201, 400]).toContain(await put(deep))
      expect(await put({ ...image, subject: descriptor, annotations: { 'a\0': '\ud800' } })).toBe(
        201,
      )
      expect((await server.ask('GET', `/v2/lab/a/referrers/${digest}`)).status).toBe(200)
      expect(server.warnings).toEqual([])
    })

    kind.test('what is not theirs is not mounted, told apart, or taken from', async () => {
      await using server = await guarded(kind)
      const mount = (query: string) =>
        server.ask('POST', `/v2/lab/b/blobs/uploads/?mount=${digest}${query}`)
      expect((await mount('&from=lab/a')).status).toBe(201)
      const absent = digestOf('nobody has it')
      for (const from of ['&from=secret/a', '&from=%00', '&from=..%2flab', ''])
        expect(
          (await server.ask('POST', `/v2/lab/b/blobs/uploads/?mount=${absent}${from}`)).status,
        ).toBe(202)
      const answers = await Promise.all(
        ['secret/a', 'none/at/all'].flatMap((name) =>
          ['tags/list', `blobs/${digest}`, 'manifests/t', `referrers/${digest}`].map(
            async (rest) => {
              const answer = await server.ask('GET', `/v2/${name}/${rest}`)
              const stranger = await fetch(`${server.url}/v2/${name}/${rest}`)
              return [answer.status, await answer.text(), stranger.status].join(' ')
            },
          ),
        ),
      )
      expect(new Set(answers).size).toBe(1)
      expect(server.warnings).toEqual([])
    })
  })
