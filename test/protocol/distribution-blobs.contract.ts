/**
 * The OCI distribution checklist for blobs and uploads, over a real socket against our server.
 *
 * Source: OCI distribution-spec 1.1 and its development text; docs/http-api.md.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { type Digest, digestOf } from '#kernel/index.ts'
import { bodyOf, one, seededBytes } from './content.ts'
import type { StorageKind } from '../storages.ts'
import { storedRegistry, type TestRegistry } from './servers.ts'

/** The checklist on one storage. */
export function distributionBlobsContract(kind: StorageKind): void {
  const { test } = kind
  let server: TestRegistry | undefined
  beforeAll(async () => {
    if (kind.isPossible) server = await storedRegistry(kind)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  const bytes = seededBytes(5000, 21)
  const digest = digestOf(bytes)
  const missing = digestOf('missing')

  const ask = (method: string, path: string, init: RequestInit = {}) =>
    fetch(new URL(path, server?.url), { method, ...init })

  async function begin(name: string, query = ''): Promise<string> {
    const answer = await ask('POST', `/v2/${name}/blobs/uploads/${query}`)
    expect(answer.status).toBe(202)
    return answer.headers.get('location') ?? ''
  }

  async function push(name: string, body: Uint8Array, want: Digest = digestOf(body)) {
    const location = await begin(name)
    return await ask('PUT', `${location}?digest=${want}`, { body: body.slice() })
  }

  async function errorCode(answer: Response): Promise<string> {
    const text = await answer.text()
    expect(JSON.parse(text)).toMatchObject({ errors: [{ message: expect.any(String) }] })
    return /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? ''
  }

  async function isThere(name: string, want: Digest, body: Uint8Array): Promise<void> {
    const head = await ask('HEAD', `/v2/${name}/blobs/${want}`)
    expect([head.status, head.headers.get('content-length')]).toEqual([200, `${body.byteLength}`])
    expect(head.headers.get('docker-content-digest')).toBe(want)
    const get = await ask('GET', `/v2/${name}/blobs/${want}`)
    expect(get.headers.get('docker-content-digest')).toBe(want)
    expect(get.headers.get('content-length')).toBe(`${body.byteLength}`)
    expect(await bodyOf(get)).toEqual(body)
  }

  test('GET /v2/ says that this is a registry', async () => {
    for (const path of ['/v2/', '/v2']) expect((await ask('GET', path)).status).toBe(200)
  })

  test('a blob that is not there is 404, a name or digest that cannot be is 400', async () => {
    for (const method of ['GET', 'HEAD', 'DELETE'])
      expect((await ask(method, `/v2/none/blobs/${missing}`)).status).toBe(404)
    expect(await errorCode(await ask('GET', `/v2/none/blobs/${missing}`))).toBe('BLOB_UNKNOWN')
    expect(await errorCode(await ask('GET', '/v2/none/blobs/sha256:bad'))).toBe('DIGEST_INVALID')
    for (const name of ['UPPER', 'a..b', '-a', 'a/', 'a//b', 'a%2f..%2fb', 'x'.repeat(256)]) {
      const answer = await ask('GET', `/v2/${name}/blobs/${missing}`)
      expect([name, answer.status]).toEqual([name, 400])
      expect(await errorCode(answer)).toBe('NAME_INVALID')
    }
  })

  test.each(['sha256', 'sha512'] as const)('%s: every way to push a blob', async (algorithm) => {
    const want = digestOf(bytes, algorithm)
    const ways: Record<string, (name: string) => Promise<Response>> = {
      'post-only': (name) =>
        ask('POST', `/v2/${name}/blobs/uploads/?digest=${want}`, { body: bytes.slice() }),
      'post-put': (name) => push(name, bytes, want),
      algorithm: async (name) => {
        const location = await begin(name, `?digest-algorithm=${algorithm}`)
        return await ask('PUT', `${location}?digest=${want}`, { body: bytes.slice() })
      },
      streamed: async (name) => {
        const location = await begin(name)
        const patch = await ask('PATCH', location, { body: bytes.slice() })
        expect([patch.status, patch.headers.get('range')]).toEqual([202, '0-4999'])
        return await ask('PUT', `${patch.headers.get('location')}?digest=${want}`)
      },
      chunked: async (name) => {
        let location = await begin(name)
        for (const [start, end] of [[0, 2000] as const, [2000, 4000] as const]) {
          const patch = await part('PATCH', location, start, end)
          expect([patch.status, patch.headers.get('range')]).toEqual([202, `0-${end - 1}`])
          location = patch.headers.get('location') ?? ''
        }
        return await part('PUT', `${location}?digest=${want}`, 4000, 5000)
      },
    }
    for (const [way, pushed] of Object.entries(ways)) {
      const name = `${algorithm}/${way}`
      const answer = await pushed(name)
      expect([way, answer.status]).toEqual([way, 201])
      expect(answer.headers.get('docker-content-digest')).toBe(want)
      expect((await ask('GET', answer.headers.get('location') ?? '')).status).toBe(200)
      await isThere(name, want, bytes)
    }
  })

  const part = (method: string, location: string, start: number, end: number) =>
    ask(method, location, {
      headers: { 'content-range': `${start}-${end - 1}` },
      body: bytes.slice(start, end),
    })

  test('the empty blob', async () => {
    expect((await push('empty', new Uint8Array(0))).status).toBe(201)
    await isThere('empty', digestOf(''), new Uint8Array(0))
    const range = { headers: { range: 'bytes=0-1' } }
    expect((await ask('GET', `/v2/empty/blobs/${digestOf('')}`, range)).status).toBe(416)
  })

  test('a wrong digest is refused on every way, and nothing is kept', async () => {
    const name = 'wrong'
    const wrong = digestOf('other bytes')
    const whole = await ask('POST', `/v2/${name}/blobs/uploads/?digest=${wrong}`, {
      body: bytes.slice(),
    })
    expect([whole.status, await errorCode(whole)]).toEqual([400, 'DIGEST_INVALID'])
    expect((await push(name, bytes, wrong)).status).toBe(400)
    const location = await begin(name)
    await ask('PATCH', location, { body: bytes.slice() })
    expect((await ask('PUT', `${location}?digest=${wrong}`)).status).toBe(400)
    expect((await ask('GET', location)).status).toBe(404)
    const other = await begin(name)
    for (const bad of ['', 'sha256:bad', 'md5:d41d8cd98f00b204e9800998ecf8427e', `${digest}0`])
      expect((await ask('PUT', `${other}?digest=${bad}`)).status).toBe(400)
    expect((await ask('HEAD', `/v2/${name}/blobs/${wrong}`)).status).toBe(404)
  })

  test('parts out of order are 416 and say where the upload is; right ones go on', async () => {
    const location = await begin('order')
    await part('PATCH', location, 0, 2000)
    for (const [start, end] of [[3000, 4000] as const, [0, 2000] as const, [1999, 3000] as const]) {
      const patch = await part('PATCH', location, start, end)
      expect([patch.status, patch.headers.get('range')]).toEqual([416, '0-1999'])
    }
    expect((await part('PUT', `${location}?digest=${digest}`, 3000, 5000)).status).toBe(416)
    const headers = { 'content-range': '5-1' }
    expect((await ask('PATCH', location, { headers, body: 'x' })).status).toBe(416)
    const unequal = { 'content-range': '2000-2009' }
    expect((await ask('PATCH', location, { headers: unequal, body: 'x' })).status).toBe(400)
    const short = await ask('PATCH', location, {
      headers: { 'content-range': '2000-2999' },
      body: one(bytes.slice(2000, 2500)),
    })
    expect([short.status, await errorCode(short)]).toEqual([400, 'BLOB_UPLOAD_INVALID'])
    expect((await ask('GET', location)).headers.get('range')).toBe('0-2499')
    expect((await part('PUT', `${location}?digest=${digest}`, 2500, 5000)).status).toBe(201)
  })

  test('the state of an upload, and its end', async () => {
    const location = await begin('state')
    const fresh = await ask('GET', location)
    expect([fresh.status, fresh.headers.get('range')]).toEqual([204, '0-0'])
    await part('PATCH', location, 0, 1000)
    const state = await ask('GET', location)
    expect([state.status, state.headers.get('range')]).toEqual([204, '0-999'])
    expect(state.headers.get('location')).toBe(location)
    expect((await ask('GET', location.replace('state', 'other'))).status).toBe(404)
    expect((await ask('DELETE', location)).status).toBe(204)
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const answer = await ask(method, location)
      expect([answer.status, await errorCode(answer)]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN'])
    }
    for (const id of ['x', '..', '%2e%2e%2fregistry.db', crypto.randomUUID()])
      expect((await ask('GET', `/v2/state/blobs/uploads/${id}`)).status).toBe(404)
  })

  test('ranges of a blob', async () => {
    await push('ranges', bytes)
    const get = (range: string) => ask('GET', `/v2/ranges/blobs/${digest}`, { headers: { range } })
    const wanted: readonly (readonly [string, number, number])[] = [
      ['bytes=0-0', 0, 1],
      ['bytes=10-19', 10, 20],
      ['bytes=4990-', 4990, 5000],
      ['bytes=-10', 4990, 5000],
      ['bytes=-9999', 0, 5000],
      ['bytes=4000-9999', 4000, 5000],
    ]
    for (const [range, start, end] of wanted) {
      const answer = await get(range)
      expect([range, answer.status]).toEqual([range, 206])
      expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/5000`)
      expect(answer.headers.get('content-length')).toBe(`${end - start}`)
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.slice(start, end))
    }
    for (const range of ['bytes=5000-', 'bytes=9000-9001', 'bytes=500-0', 'bytes=-0']) {
      const answer = await get(range)
      expect([range, answer.status]).toEqual([range, 416])
      expect(answer.headers.get('content-range')).toBe('bytes */5000')
    }
    for (const range of ['bytes=a-b', 'lines=1-2', 'bytes=0-1,5-6'])
      expect((await get(range)).status).toBe(200)
  })

  test('mounts: from a repository, from anywhere, and what cannot be', async () => {
    await push('mount/from', bytes)
    for (const query of [`mount=${digest}&from=mount/from`, `mount=${digest}`]) {
      const name = `mount/to${query.length}`
      const answer = await ask('POST', `/v2/${name}/blobs/uploads/?${query}`)
      expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([201, digest])
      await isThere(name, digest, bytes)
    }
    const queries = [
      `mount=${missing}&from=mount/from`,
      `mount=${missing}`,
      `mount=${digest}&from=x`,
    ]
    for (const query of [...queries, `mount=${digest}&from=..%2fx`]) {
      const answer = await ask('POST', `/v2/mount/no/blobs/uploads/?${query}`)
      expect(answer.status).toBe(202)
      const location = answer.headers.get('location') ?? ''
      expect(
        (await ask('PUT', `${location}?digest=${digest}`, { body: bytes.slice() })).status,
      ).toBe(201)
      await ask('DELETE', `/v2/mount/no/blobs/${digest}`)
    }
  })

  test('a blob is only in the repositories that it was pushed to', async () => {
    await push('own/a', bytes)
    expect((await ask('HEAD', `/v2/own/b/blobs/${digest}`)).status).toBe(404)
    await push('own/b', bytes)
    expect((await ask('DELETE', `/v2/own/a/blobs/${digest}`)).status).toBe(202)
    expect((await ask('GET', `/v2/own/a/blobs/${digest}`)).status).toBe(404)
    expect((await ask('DELETE', `/v2/own/a/blobs/${digest}`)).status).toBe(404)
    await isThere('own/b', digest, bytes)
  })

  test('a blob that the client has is not sent again', async () => {
    await push('etag', bytes)
    const etag = (await ask('HEAD', `/v2/etag/blobs/${digest}`)).headers.get('etag') ?? ''
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await ask('GET', `/v2/etag/blobs/${digest}`, {
        headers: { 'if-none-match': condition },
      })
      expect([condition, answer.status, await answer.text()]).toEqual([condition, 304, ''])
    }
    const headers = { 'if-none-match': '"other"', 'if-range': etag, range: 'bytes=0-0' }
    expect((await ask('GET', `/v2/etag/blobs/${digest}`, { headers })).status).toBe(206)
  })

  test('HEAD says how long the answer to GET is', async () => {
    await push('length', bytes)
    const paths = ['/v2/', '/v2/length/tags/list', `/v2/length/referrers/${digest}`]
    for (const path of [...paths, `/v2/length/blobs/${missing}`, `/v2/length/blobs/${digest}`]) {
      const [head, get] = [await ask('HEAD', path), await ask('GET', path)]
      const lengths = [head, get].map((answer) => answer.headers.get('content-length'))
      expect([path, head.status, lengths[0]]).toEqual([path, get.status, lengths[1]])
    }
  })

  test('other methods are 405 and other paths 404, in the words of the standard', async () => {
    const post = await ask('POST', `/v2/a/blobs/${digest}`)
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE'])
    expect(await errorCode(post)).toBe('UNSUPPORTED')
    const metrics = await ask('POST', '/metrics')
    expect([metrics.status, metrics.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    for (const path of ['/', '/v1/', '/v2/a', '/v2/a/blobs/', '/v2/%zz/tags/list'])
      expect([path, (await ask('GET', path)).status]).toEqual([path, 404])
  })
}
