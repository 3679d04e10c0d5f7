/**
 * The OCI distribution checklist for manifests, tags and referrers, against our server.
 *
 * Source: OCI distribution-spec 1.1 and its development text; docs/http-api.md.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { digestOf, limits } from '#kernel/index.ts'
import { mediaTypes, referrersTag, registryClient } from '#oci/index.ts'
import {
  blobOf,
  bodyOf,
  emptyConfig,
  indexOf,
  manifestOf,
  seededBytes,
  type TestManifest,
} from './content.ts'
import type { StorageKind } from '../storages.ts'
import { ourApp, storedRegistry, type TestRegistry } from './servers.ts'

/** The checklist on one storage. */
export function distributionManifestsContract(kind: StorageKind): void {
  const { test } = kind
  let server: TestRegistry | undefined
  beforeAll(async () => {
    if (kind.isPossible) server = await storedRegistry(kind)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  const layer = blobOf(seededBytes(100, 31))
  const missing = digestOf('missing')

  const ask = (method: string, path: string, init: RequestInit = {}) =>
    fetch(new URL(path, server?.url), { method, ...init })

  async function pushBlobs(name: string): Promise<void> {
    for (const { bytes, descriptor } of [layer, emptyConfig]) {
      const path = `/v2/${name}/blobs/uploads/?digest=${descriptor.digest}`
      expect((await ask('POST', path, { body: bytes.slice() })).status).toBe(201)
    }
  }

  const put = (name: string, reference: string, manifest: TestManifest) =>
    ask('PUT', `/v2/${name}/manifests/${reference}`, {
      headers: { 'content-type': manifest.mediaType },
      body: manifest.bytes.slice(),
    })

  function encoded(value: object, mediaType: string = mediaTypes.manifest): TestManifest {
    const bytes = new TextEncoder().encode(JSON.stringify(value))
    const digest = digestOf(bytes)
    return { bytes, digest, mediaType, descriptor: { mediaType, digest, size: bytes.byteLength } }
  }

  async function tagsOf(name: string, query = ''): Promise<unknown> {
    const body: unknown = await (await ask('GET', `/v2/${name}/tags/list${query}`)).json()
    return typeof body === 'object' && body !== null ? Reflect.get(body, 'tags') : body
  }

  test('a manifest comes back byte for byte, with its type, by tag and by digest', async () => {
    const name = 'whole'
    await pushBlobs(name)
    const manifest = manifestOf([layer])
    const answer = await put(name, 'v1', manifest)
    expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([
      201,
      manifest.digest,
    ])
    expect(answer.headers.get('oci-subject')).toBeNull()
    for (const reference of ['v1', manifest.digest]) {
      for (const method of ['GET', 'HEAD']) {
        const found = await ask(method, `/v2/${name}/manifests/${reference}`)
        expect([found.status, found.headers.get('content-type')]).toEqual([200, manifest.mediaType])
        expect(found.headers.get('docker-content-digest')).toBe(manifest.digest)
        expect(found.headers.get('content-length')).toBe(`${manifest.bytes.byteLength}`)
        const bytes = await bodyOf(found)
        expect(bytes).toEqual(method === 'GET' ? manifest.bytes : new Uint8Array(0))
      }
    }
    const other = await ask('GET', `/v2/elsewhere/manifests/${manifest.digest}`)
    expect(other.status).toBe(404)
    const bad = await ask('GET', `/v2/${name}/manifests/sha256:baddigeststring`)
    expect([400, 404]).toContain(bad.status)
  })

  test('odd but right manifests are taken', async () => {
    const name = 'odd'
    await pushBlobs(name)
    const child = manifestOf([layer])
    const { digest: _, ...rest } = emptyConfig.descriptor
    const foreign = {
      mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
      digest: missing,
      size: 9,
      urls: ['https://example.org/layer'],
    }
    const base = { schemaVersion: 2, config: emptyConfig.descriptor, layers: [layer.descriptor] }
    const odd: readonly TestManifest[] = [
      encoded({ ...base, layers: [] }),
      encoded({ ...base, 'org.example.custom': { deep: [1] }, extra: true }),
      encoded({ ...base, config: { ...emptyConfig.descriptor, data: 'e30=' } }),
      encoded({ ...base, layers: [foreign] }),
      encoded({ ...base, subject: { mediaType: mediaTypes.manifest, digest: missing, size: 1 } }),
      encoded({ ...base, annotations: { big: 'x'.repeat(4_000_000) } }),
      encoded({ schemaVersion: 2, manifests: [] }, mediaTypes.index),
      indexOf([child, indexOf([child])]),
      encoded({ ...base, config: { ...rest, digest: emptyConfig.descriptor.digest } }),
    ]
    for (const [at, manifest] of odd.entries()) {
      expect([at, (await put(name, `t${at}`, manifest)).status]).toEqual([at, 201])
      const back = await ask('GET', `/v2/${name}/manifests/${manifest.digest}`)
      expect(await bodyOf(back)).toEqual(manifest.bytes)
    }
  })

  test('wrong manifests are refused with the code that fits, and move no tag', async () => {
    const name = 'wrong'
    await pushBlobs(name)
    const good = manifestOf([layer])
    const unknown = manifestOf([blobOf(seededBytes(10, 99))])
    const cases: readonly (readonly [string, TestManifest, number, string])[] = [
      ['t', unknown, 400, 'MANIFEST_BLOB_UNKNOWN'],
      ['t', encoded({ schemaVersion: 2 }), 400, 'MANIFEST_INVALID'],
      ['t', encoded({ ...emptyConfig.descriptor, schemaVersion: 1 }), 400, 'MANIFEST_INVALID'],
      ['t', { ...good, bytes: new TextEncoder().encode('{') }, 400, 'MANIFEST_INVALID'],
      ['t', { ...good, mediaType: mediaTypes.index }, 400, 'MANIFEST_INVALID'],
      ['t', { ...good, mediaType: 'text/plain' }, 400, 'MANIFEST_INVALID'],
      [missing, good, 400, 'DIGEST_INVALID'],
      ['.hidden', good, 400, 'TAG_INVALID'],
      ['x'.repeat(129), good, 400, 'TAG_INVALID'],
      ['t', { ...good, bytes: new Uint8Array(limits.manifestBytesMax + 1) }, 413, 'SIZE_INVALID'],
    ]
    for (const [reference, manifest, status, code] of cases) {
      const answer = await put(name, reference, manifest)
      expect([code, answer.status]).toEqual([code, status])
      expect(await answer.json()).toMatchObject({ errors: [{ code }] })
    }
    expect((await ask('GET', `/v2/${name}/manifests/t`)).status).toBe(404)
  })

  test('where sparse images are allowed, blobs may be missing', async () => {
    await using app = await ourApp({ sparse: true })
    const { bytes, mediaType, digest } = manifestOf([layer])
    const headers = { 'content-type': mediaType }
    const answer = await app.ask('PUT', '/v2/s/manifests/t', { headers, body: bytes.slice() })
    expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([201, digest])
  })

  test('tags by parameter: many for one digest, and too many are refused', async () => {
    const name = 'parameters'
    await pushBlobs(name)
    const manifest = manifestOf([layer])
    const tags = Array.from({ length: 12 }, (_, at) => `t${at}`)
    const query = [...tags, 't0'].map((tag) => `tag=${tag}`).join('&')
    const answer = await put(name, `${manifest.digest}?${query}`, manifest)
    expect([answer.status, answer.headers.get('oci-tag')]).toEqual([201, tags.join(', ')])
    expect(await tagsOf(name)).toEqual([...tags].sort())
    const many = Array.from({ length: 101 }, (_, at) => `tag=m${at}`).join('&')
    expect((await put(name, `${manifest.digest}?${many}`, manifest)).status).toBe(414)
    expect((await put(name, `${manifest.digest}?tag=a/b`, manifest)).status).toBe(400)
  })

  test('a tag is replaced only if it is what the client read', async () => {
    const to = { registry: server?.registry ?? '', repository: 'conditions' }
    await pushBlobs(to.repository)
    const client = registryClient()
    const manifests = ['a', 'b', 'c'].map((k) => manifestOf([layer], { annotations: { k } }))
    const [a = manifestOf([]), ...others] = manifests
    const first = { ...a, tag: 'catalog', replaces: 'absent' } as const
    await client.pushManifest(to, first)
    await client.pushManifest(to, first)
    const other = { ...manifestOf([]), tag: 'catalog', replaces: 'absent' } as const
    await expect(client.pushManifest(to, other)).rejects.toMatchObject({ code: 'oci/tag-moved' })
    const racing = others.map((one) =>
      client.pushManifest(to, { ...one, tag: 'catalog', replaces: a.digest }),
    )
    const outcomes = await Promise.allSettled(racing)
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const winner = others[outcomes.findIndex(({ status }) => status === 'fulfilled')]
    expect((await client.resolve({ ...to, tag: 'catalog' }))?.digest).toBe(winner?.digest)
  })

  test('a tag is deleted only if it is what the client read', async () => {
    const name = 'conditional-delete'
    await pushBlobs(name)
    const [before, after] = ['a', 'b'].map((k) => manifestOf([layer], { annotations: { k } }))
    if (before === undefined || after === undefined) throw new TypeError('No manifests')
    await put(name, 'moved', before)
    await put(name, 'moved', after)
    const remove = async (reference: string, match: string) => {
      const headers = { 'if-match': match }
      return (await ask('DELETE', `/v2/${name}/manifests/${reference}`, { headers })).status
    }
    expect(await remove('moved', `"${before.digest}"`)).toBe(412)
    expect(await remove(after.digest, `"${before.digest}"`)).toBe(412)
    expect(await remove('moved', '"v1"')).toBe(400)
    expect(await tagsOf(name)).toEqual(['moved'])
    expect(await remove('absent', `"${before.digest}"`)).toBe(404)
    expect(await remove('moved', `"${after.digest}"`)).toBe(202)
    expect(await remove(before.digest, `"${before.digest}"`)).toBe(202)
    expect(await tagsOf(name)).toEqual([])
  })

  test('a sha512 manifest is found under its name', async () => {
    const name = 'sha512'
    await pushBlobs(name)
    const manifest = manifestOf([layer])
    const digest = digestOf(manifest.bytes, 'sha512')
    const answer = await put(name, `${digest}?tag=x`, manifest)
    expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([201, digest])
    const head = await ask('HEAD', `/v2/${name}/manifests/x`)
    expect(head.headers.get('docker-content-digest')).toBe(digest)
  })

  test('the list of tags, in pages', async () => {
    const name = 'tags'
    expect((await ask('GET', `/v2/${name}/tags/list`)).status).toBe(404)
    await pushBlobs(name)
    for (const tag of ['c', 'B', 'a', '_x', '1.0']) await put(name, tag, manifestOf([layer]))
    const all = ['1.0', 'B', '_x', 'a', 'c']
    expect(await tagsOf(name)).toEqual(all)
    expect(await tagsOf(name, '?last=B')).toEqual(['_x', 'a', 'c'])
    expect(await tagsOf(name, '?last=Zzz')).toEqual(['_x', 'a', 'c'])
    expect(await tagsOf(name, '?n=100&last=z')).toEqual([])
    const zero = await ask('GET', `/v2/${name}/tags/list?n=0`)
    expect([await zero.json(), zero.headers.get('link')]).toEqual([{ name, tags: [] }, null])
    const seen: unknown[] = []
    for (let next: string | undefined = `/v2/${name}/tags/list?n=2`; next !== undefined; ) {
      const answer = await ask('GET', next)
      seen.push(await answer.json())
      next = /^<(.+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
    }
    expect(seen).toEqual([['1.0', 'B'], ['_x', 'a'], ['c']].map((tags) => ({ name, tags })))
    for (const query of ['?n=-1', '?n=x'])
      expect((await ask('GET', `/v2/${name}/tags/list${query}`)).status).toBe(400)
  })

  test('deletion: a tag goes alone, a digest with its tags, at once', async () => {
    const name = 'deletion'
    await pushBlobs(name)
    const manifest = manifestOf([layer])
    for (const tag of ['a', 'b', 'c']) await put(name, tag, manifest)
    expect((await ask('DELETE', `/v2/${name}/manifests/a`)).status).toBe(202)
    expect((await ask('GET', `/v2/${name}/manifests/a`)).status).toBe(404)
    expect((await ask('GET', `/v2/${name}/manifests/b`)).status).toBe(200)
    expect((await ask('DELETE', `/v2/${name}/manifests/${manifest.digest}`)).status).toBe(202)
    for (const reference of ['b', 'c', manifest.digest]) {
      expect((await ask('HEAD', `/v2/${name}/manifests/${reference}`)).status).toBe(404)
      expect((await ask('DELETE', `/v2/${name}/manifests/${reference}`)).status).toBe(404)
    }
    expect(await tagsOf(name)).toEqual([])
    expect((await put(name, 'again', manifest)).status).toBe(201)
  })

  async function referrers(name: string, digest: string, query = '') {
    const answer = await ask('GET', `/v2/${name}/referrers/${digest}${query}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, mediaTypes.index])
    const body: unknown = await answer.json()
    expect(body).toMatchObject({ schemaVersion: 2, mediaType: mediaTypes.index })
    return { answer, manifests: Reflect.get(Object(body), 'manifests') as unknown }
  }

  test('referrers: subject told, filter, fallbacks for the type, nothing is no error', async () => {
    const name = 'referrers'
    expect((await referrers('nowhere', missing)).manifests).toEqual([])
    expect((await ask('GET', `/v2/${name}/referrers/sha256:bad`)).status).toBe(400)
    await pushBlobs(name)
    const subject = manifestOf([layer])
    const about = { subject: subject.descriptor }
    const sbom = manifestOf([], { ...about, artifactType: 'a/sbom', annotations: { k: 'v' } })
    const { digest: configDigest, size } = emptyConfig.descriptor
    const config = { mediaType: 'a/config', digest: configDigest, size }
    const plain = encoded({ schemaVersion: 2, config, layers: [], ...about })
    const index = encoded({ schemaVersion: 2, manifests: [], ...about }, mediaTypes.index)
    for (const manifest of [sbom, plain, index]) {
      const answer = await put(name, manifest.digest, manifest)
      expect([answer.status, answer.headers.get('oci-subject')]).toEqual([201, subject.digest])
    }
    const wanted = [
      { ...sbom.descriptor, artifactType: 'a/sbom', annotations: { k: 'v' } },
      { ...plain.descriptor, mediaType: mediaTypes.manifest, artifactType: 'a/config' },
      { ...index.descriptor },
    ].sort((a, b) => (a.digest < b.digest ? -1 : 1))
    expect((await referrers(name, subject.digest)).manifests).toEqual(wanted)
    const filtered = await referrers(name, subject.digest, '?artifactType=a/sbom')
    expect(filtered.answer.headers.get('oci-filters-applied')).toBe('artifactType')
    expect(filtered.manifests).toEqual([expect.objectContaining({ digest: sbom.digest })])
    const first = await referrers(name, subject.digest, '?n=2')
    const next = /^<(.+)>; rel="next"$/.exec(first.answer.headers.get('link') ?? '')?.[1] ?? ''
    const second = await (await ask('GET', next)).json()
    expect([first.manifests, Reflect.get(Object(second), 'manifests')]).toEqual([
      wanted.slice(0, 2),
      wanted.slice(2),
    ])
    await ask('DELETE', `/v2/${name}/manifests/${sbom.digest}`)
    expect((await referrers(name, subject.digest)).manifests).toHaveLength(2)
  })

  test('referrers that an older client listed under a tag are served too', async () => {
    const name = 'fallback'
    await pushBlobs(name)
    const old = manifestOf([layer], { artifactType: 'a/old' })
    await put(name, old.digest, old)
    const listed = { ...old.descriptor, artifactType: 'a/old' }
    const gone = { ...old.descriptor, digest: missing }
    const list = encoded({ schemaVersion: 2, manifests: [listed, gone] }, mediaTypes.index)
    await put(name, referrersTag(missing), list)
    expect((await referrers(name, missing)).manifests).toEqual([listed])
  })
}
