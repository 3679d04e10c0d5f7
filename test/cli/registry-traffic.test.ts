/** `backlot registry stats` and `sync` with the real program against running servers. */
import { expect, test } from 'bun:test'
import { temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { serve } from '#server/index.ts'
import { openProject } from './harness.ts'

async function server(yaml = '{}') {
  const folder = temporaryFolder()
  const config = parseRegistryConfig(yaml, 'registry.yaml')
  const running = await serve({ dir: folder.path, port: 0, config })
  return {
    ...running,
    put: async (name: string, tag: string) => {
      const manifest = { schemaVersion: 2, mediaType: type, manifests: [], annotations: { tag } }
      await fetch(`${running.url}/v2/${name}/manifests/${tag}`, {
        method: 'PUT',
        headers: { 'content-type': type, 'user-agent': 'docker/27.0' },
        body: JSON.stringify(manifest),
      })
    },
    tags: async (name: string) => await (await fetch(`${running.url}/v2/${name}/tags/list`)).json(),
    [Symbol.asyncDispose]: async () => {
      await running.stop()
      folder[Symbol.dispose]()
    },
  }
}

const type = 'application/vnd.oci.image.index.v1+json'

test('sync shows the difference, makes it go away, and says what failed', async () => {
  await using from = await server()
  await using to = await server()
  for (const tag of ['1', '2']) await from.put('aswf/ci', tag)
  using project = openProject({
    'registry.yaml': `sync:
  images: { from: '${from.registry}/aswf', to: kept, repositories: ci }
  broken: { from: '127.0.0.1:1/none', to: kept/none }
`,
  })
  const line = ['registry', 'sync', 'images', '--config', 'registry.yaml', '--server', to.registry]
  const dry = await project.backlot(...line, '--dry-run', '--format', 'json')
  expect([dry.exitCode, JSON.parse(dry.stdout)]).toMatchObject([
    0,
    { dryRun: true, lists: [{ list: 'images', steps: [{ action: 'add', tag: '1' }, {}] }] },
  ])
  expect(await to.tags('kept/ci')).toMatchObject({ errors: [{ code: 'NAME_UNKNOWN' }] })
  const done = await project.backlot(...line)
  expect([done.exitCode, done.stdout]).toMatchObject([
    0,
    expect.stringMatching(/^images: 2 of 2 changes made, 0 B copied, 0 tags unchanged\n {2}add /),
  ])
  expect(await to.tags('kept/ci')).toEqual({ name: 'kept/ci', tags: ['1', '2'] })
  const again = await project.backlot(...line)
  expect(again.stdout).toStartWith('images: 0 of 0 changes made, 0 B copied, 2 tags unchanged')
  const broken = await project.backlot(...line.map((word) => (word === 'images' ? 'broken' : word)))
  expect([broken.exitCode, broken.stdout]).toMatchObject([1, expect.stringContaining('failed')])
  expect(broken.stdout).toMatch(/\n {2}hint: .*run this again\.\n$/)
  const misspelt = await project.backlot(
    ...line.map((word) => (word === 'images' ? 'imags' : word)),
  )
  expect([misspelt.exitCode, misspelt.stderr]).toMatchObject([
    2,
    expect.stringContaining("Did you mean 'images'?"),
  ])
})

test('stats prints what went through, as text and as JSON', async () => {
  await using running = await server()
  await running.put('aswf/ci', '1')
  await fetch(`${running.url}/v2/aswf/ci/manifests/1`, { headers: { 'user-agent': 'podman/5' } })
  using project = openProject()
  const text = await project.backlot('registry', 'stats', running.registry)
  expect(text.exitCode).toBe(0)
  expect(text.stdout).toMatch(/^Since \d{4}-\d\d-\d\d: 2 requests, /)
  expect(text.stdout).toMatch(/\naswf\/ci +2 /)
  expect(text.stdout).toMatch(/\npodman +1 /)
  const json = await project.backlot('registry', 'stats', running.url, '--format', 'json')
  expect(JSON.parse(json.stdout)).toMatchObject({
    total: { requests: expect.any(Number) },
    clients: expect.arrayContaining(
      ['docker', 'backlot'].map((client) => expect.objectContaining({ client })),
    ),
  })
  // What is not this machine speaks TLS, so that no password goes over a network in the clear.
  const tls = await project.backlot('registry', 'stats', `0.0.0.0:${running.port}`)
  expect([tls.exitCode, tls.stderr]).toMatchObject([
    1,
    expect.stringContaining(
      `without TLS, as \`backlot serve\` does: http://0.0.0.0:${running.port}`,
    ),
  ])
  const below = await project.backlot('registry', 'stats', `${running.url}/below`)
  expect([below.exitCode, below.stderr]).toMatchObject([
    2,
    expect.stringContaining('a URL without a path'),
  ])
  const nobody = await project.backlot('registry', 'stats', '127.0.0.1:1')
  expect([nobody.exitCode, nobody.stderr]).toMatchObject([
    1,
    expect.stringContaining('could not be reached: ECONNREFUSED: Unable to connect.\n'),
  ])
})

test('stats says why an upstream fails', async () => {
  const upstream = "{ registry: '127.0.0.1:1', private: true, plain-http: true }"
  await using running = await server(`upstreams: { dead.example: ${upstream} }`)
  expect((await fetch(`${running.url}/v2/dead.example/a/manifests/1`)).status).toBe(502)
  using project = openProject()
  const { stdout } = await project.backlot('registry', 'stats', running.registry)
  expect(stdout).toMatch(
    /\ndead\.example +failing .*\ndead\.example: 127\.0\.0\.1:1 could not be reached/,
  )
})
