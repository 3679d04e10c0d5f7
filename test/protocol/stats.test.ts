/** `/metrics` and `/api/v1/`: what went through, by whom, and what upstreams still allow. */
import { expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openRegistryAdmin } from '#app/index.ts'
import { systemClock, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { serve } from '#server/index.ts'
import { freePort } from '../free-port.ts'
import { blobOf, seededBytes } from './content.ts'
import { dockerHub } from './hub.ts'
import { pushImage } from './proxied.ts'
import { ourRegistry } from './servers.ts'

const layer = blobOf(seededBytes(50_000, 4))

interface Row {
  readonly [key: string]: string | number
}

/** A cache of a hub, in a folder, as `backlot serve --config` makes it. */
async function cacheIn(dir: string, hub: string) {
  mkdirSync(dir, { recursive: true })
  const text = `upstreams: { docker.io: { registry: '${hub}', private: true, plain-http: true } }`
  const server = await serve({ dir, port: 0, config: parseRegistryConfig(text, 'registry.yaml') })
  const json = async (path: string) => {
    const answer = await fetch(`${server.url}/api/v1/${path}`)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by what follows
    return (await answer.json()) as {
      readonly [key: string]: unknown
      readonly rows: readonly Row[]
    }
  }
  return {
    server,
    json,
    metrics: async () => await (await fetch(`${server.url}/metrics`)).text(),
    pull: async (path: string, userAgent: string) => {
      const headers = { 'user-agent': userAgent }
      const answer = await fetch(`${server.url}/v2/${path}`, { headers })
      await answer.arrayBuffer()
      return answer.status
    },
  }
}

/** All series of a text in Prometheus' format; none may stand twice. */
function seriesOf(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => line.slice(0, line.lastIndexOf(' ')))
}

/** The value of a series. */
function sample(text: string, name: string, labels: Record<string, string>): number | undefined {
  const line = text
    .split('\n')
    .find(
      (one) =>
        one.startsWith(`${name}{`) &&
        Object.entries(labels).every(([key, value]) => one.includes(`${key}="${value}"`)),
    )
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1))
}

test('what went through is shown by namespace and client, and outlives a restart', async () => {
  await using origin = await ourRegistry()
  await using hub = dockerHub({ backing: origin.url, limit: 100 })
  using folder = temporaryFolder()
  const dir = join(folder.path, 'data')
  await pushImage(origin.registry, 'library/debian', '12', [layer])
  const blobPath = `docker.io/library/debian/blobs/${layer.descriptor.digest}`
  {
    const cache = await cacheIn(dir, hub.registry)
    await using _ = cache.server
    await pushImage(cache.server.registry, 'aswf/own', '1', [layer])
    for (const agent of ['docker/24.0.7 go/go1.20', 'skopeo/1.9.3', 'skopeo/1.9.3'])
      expect(await cache.pull('docker.io/library/debian/manifests/12', agent)).toBe(200)
    expect(await cache.pull(blobPath, 'containerd/1.7.2')).toBe(200)
    expect(await cache.pull(blobPath, 'containerd/1.7.2')).toBe(200)
    expect(await cache.pull('aswf/none/manifests/1', '<b>unheard of</b>')).toBe(404)

    const text = await cache.metrics()
    const manifests = { namespace: 'docker.io', upstream: 'docker.io', kind: 'manifest' }
    const requests = (labels: Record<string, string>) =>
      sample(text, 'backlot_requests_total', labels)
    expect(requests({ ...manifests, client: 'docker', outcome: 'miss' })).toBe(1)
    expect(requests({ ...manifests, client: 'skopeo', outcome: 'hit' })).toBe(2)
    expect(requests({ kind: 'blob', client: 'containerd', outcome: 'miss' })).toBe(1)
    expect(requests({ kind: 'blob', client: 'containerd', outcome: 'hit' })).toBe(1)
    expect(requests({ namespace: '', client: 'other', outcome: 'absent' })).toBe(1)
    const sent = { kind: 'blob', client: 'containerd', outcome: 'miss' }
    expect(sample(text, 'backlot_sent_bytes_total', sent)).toBe(layer.descriptor.size)
    const received = { upstream: 'docker.io', method: 'GET' }
    expect(sample(text, 'backlot_upstream_received_bytes_total', received)).toBe(
      layer.descriptor.size,
    )
    const remaining = sample(text, 'backlot_upstream_pulls_remaining', { upstream: 'docker.io' })
    expect(remaining).toBe(99)
    const good = { condition: 'good' }
    expect(sample(text, 'backlot_upstream_condition', good)).toBe(1)
    const latency = { method: 'GET', kind: 'manifest', le: '+Inf' }
    expect(sample(text, 'backlot_request_duration_seconds_bucket', latency)).toBe(4)
  }
  const again = await cacheIn(dir, hub.registry)
  await using _ = again.server
  const labels = { client: 'skopeo', kind: 'manifest', outcome: 'hit' }
  expect(sample(await again.metrics(), 'backlot_requests_total', labels)).toBe(2)
  const byClient = await again.json('traffic?by=client,outcome&days=1')
  expect(byClient.rows).toContainEqual({
    client: 'skopeo',
    outcome: 'hit',
    requests: 2,
    sentBytes: expect.any(Number),
    receivedBytes: 0,
  })
  const byRepository = await again.json('traffic?by=repository,day')
  expect(byRepository.rows.map((row) => row['repository'])).toContain('docker.io/library/debian')
  expect(byRepository.rows[0]?.['day']).toMatch(/^\d{4}-\d\d-\d\d$/)
  expect(await again.json('stats')).toMatchObject({
    total: { requests: expect.any(Number) },
    namespaces: expect.arrayContaining([expect.objectContaining({ namespace: 'aswf' })]),
  })
  expect(await again.json('upstreams')).toMatchObject({
    upstreams: [{ prefix: 'docker.io', registry: hub.registry }],
  })
})

test('the text is what Prometheus reads', async () => {
  await using origin = await ourRegistry()
  await origin.registry
  await fetch(`${origin.url}/v2/`, { headers: { 'user-agent': 'docker "x"\\' } })
  const answer = await fetch(`${origin.url}/metrics`)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const lines = (await answer.text()).trimEnd().split('\n')
  const name = '[a-z_:][a-z0-9_:]*'
  const series = new RegExp(
    `^${name}(?:\\{${name}="(?:[^"\\\\]|\\\\.)*"(?:,${name}="(?:[^"\\\\]|\\\\.)*")*\\})? [0-9.e+-]+$`,
  )
  const typed = new Set<string>()
  for (const line of lines) {
    const type = /^# TYPE (\S+) (?:counter|gauge|histogram)$/.exec(line)?.[1]
    if (type !== undefined) {
      expect(typed.has(type)).toBe(false)
      typed.add(type)
    } else if (!line.startsWith('# HELP ')) {
      expect(line).toMatch(series)
      const base = /^[a-z_]+/.exec(line)?.[0]?.replace(/_(?:bucket|sum|count)$/, '') ?? ''
      expect([...typed].at(-1)).toBe(base)
    }
  }
})

test.each(['traffic?by=password', 'traffic?days=x', 'traffic?limit=-1'])(
  '%s is refused with words',
  async (path) => {
    await using origin = await ourRegistry()
    const answer = await fetch(`${origin.url}/api/v1/${path}`)
    expect([answer.status, await answer.text()]).toMatchObject([
      400,
      expect.stringMatching(/ is '/),
    ])
  },
)

test('each way to an upstream is one series, also of one host', async () => {
  await using origin = await ourRegistry()
  await pushImage(origin.registry, 'one/a', '1', [layer])
  await using hub = dockerHub({ backing: origin.url })
  using folder = temporaryFolder()
  const { registry } = hub
  const upstream = {
    registry: `${registry}/one`,
    mirrors: [`${registry}/two`, `${registry}/three`, `${registry}/three`],
    private: true,
    'plain-http': true,
  }
  const config = parseRegistryConfig(JSON.stringify({ upstreams: { up: upstream } }), 'r.yaml')
  await using server = await serve({ dir: folder.path, port: 0, config })
  hub.instead = ({ url }) =>
    url.includes('/one/') ? new Response('down', { status: 500 }) : undefined
  await fetch(`${server.url}/v2/up/a/manifests/1`)
  const series = seriesOf(await (await fetch(`${server.url}/metrics`)).text())
  expect(new Set(series).size).toBe(series.length)
  expect(series.filter((one) => one.startsWith('backlot_upstream_pulls_limit'))).toEqual(
    ['two', 'three'].map(
      (path) =>
        `backlot_upstream_pulls_limit{upstream="up",registry="${registry}/${path}",account=""}`,
    ),
  )
})

test('what lists and statistics send is counted to the byte', async () => {
  await using origin = await ourRegistry()
  const image = await pushImage(origin.registry, 'aswf/a', '1', [layer])
  let sentBytes = 0
  for (const path of ['aswf/a/tags/list', '_catalog', `aswf/a/referrers/${image.digest}`, '']) {
    const answer = await fetch(`${origin.url}/v2/${path}`, { headers: { 'user-agent': 'helm' } })
    expect(answer.headers.get('content-length')).toMatch(/^\d+$/)
    sentBytes += (await answer.bytes()).byteLength
    const head = await fetch(answer.url, { method: 'HEAD', headers: { 'user-agent': 'helm' } })
    expect(head.headers.get('content-length')).toBe(answer.headers.get('content-length'))
  }
  const headers = { 'user-agent': 'helm', 'if-none-match': '*' }
  expect((await fetch(`${origin.url}/v2/aswf/a/manifests/1`, { headers })).status).toBe(304)
  const answer = await fetch(`${origin.url}/api/v1/traffic?by=client`)
  expect(await answer.json()).toMatchObject({
    rows: expect.arrayContaining([{ client: 'helm', requests: 9, sentBytes, receivedBytes: 0 }]),
  })
})

test('repositories that do not exist make no rows', async () => {
  await using origin = await ourRegistry()
  const digest = layer.descriptor.digest
  for (let at = 0; at < 25; at += 1)
    for (const rest of ['manifests/latest', `referrers/${digest}`])
      await fetch(`${origin.url}/v2/scan/${at}/${rest}`)
  const answer = await fetch(`${origin.url}/api/v1/traffic?by=repository`)
  expect(await answer.json()).toMatchObject({ rows: [{ repository: '', requests: 50 }] })
})

test('what a client does wrong is refused, and no failure that wakes anybody', async () => {
  await using origin = await ourRegistry()
  for (const path of ['a/tags/list?n=x', 'A/tags/list', 'a/manifests/-', 'a/blobs/sha256:x'])
    expect((await fetch(`${origin.url}/v2/${path}`)).status).toBe(400)
  const answer = await fetch(`${origin.url}/api/v1/traffic?by=outcome`)
  expect(await answer.json()).toMatchObject({ rows: [{ outcome: 'refused', requests: 4 }] })
})

test('servers of one machine count each for itself, and together in sums', async () => {
  using folder = temporaryFolder()
  const seen: unknown[] = []
  for (const port of [freePort(), freePort()]) {
    await using server = await serve({ dir: folder.path, port })
    await fetch(`${server.url}/v2/`, { headers: { 'user-agent': 'crane' } })
    const text = await (await fetch(`${server.url}/metrics`)).text()
    const sums = await fetch(`${server.url}/api/v1/traffic?by=client`)
    seen.push([sample(text, 'backlot_requests_total', { client: 'crane' }), await sums.json()])
  }
  const sum = (requests: number) => ({
    rows: expect.arrayContaining([expect.objectContaining({ client: 'crane', requests })]),
  })
  expect(seen).toEqual([
    [1, expect.objectContaining(sum(1))],
    [1, expect.objectContaining(sum(2))],
  ])
})

test('where access is restricted, statistics are for few, and for no stranger', async () => {
  using folder = temporaryFolder()
  const config = parseRegistryConfig('access: { anonymous: "**" }', 'registry.yaml')
  await using server = await serve({ dir: folder.path, port: 0, config })
  await using admin = await openRegistryAdmin({ dir: folder.path, clock: systemClock })
  const secretOf = async (name: string, pattern: string) =>
    (
      await admin.accounts.add({
        kind: 'token',
        name,
        grants: [{ repositories: [pattern], actions: ['pull'] }],
      })
    ).secret
  const statusFor = async (secret: string | undefined, path: string) => {
    const basic = `Basic ${btoa(`robot:${secret}`)}`
    const headers = secret === undefined ? {} : { authorization: basic }
    return (await fetch(`${server.url}${path}`, { headers })).status
  }
  const [scraper, reader, one] = [
    await secretOf('scraper', '_metrics'),
    await secretOf('reader', '**'),
    await secretOf('one', 'aswf/**'),
  ]
  for (const path of ['/metrics', '/api/v1/stats', '/api/v1/traffic', '/api/v1/nothing']) {
    const found = path.endsWith('nothing') ? 404 : 200
    expect([await statusFor(scraper, path), await statusFor(reader, path)]).toEqual([found, found])
    expect([await statusFor(one, path), await statusFor(undefined, path)]).toEqual([403, 401])
  }
})
