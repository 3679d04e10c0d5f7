/** A changed registry.yaml and SIGHUP, and SIGTERM while clients are busy: nobody is cut off. */
import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { serve } from '#server/index.ts'
import { programArgv } from '../cli/harness.ts'
import { outside } from '../outside.ts'
import { until } from '../until.ts'
import { seededBytes } from './content.ts'
import { heard, tool, toolPath } from './servers.ts'

const config = (yaml: string) => parseRegistryConfig(yaml, 'registry.yaml')

const half = seededBytes(9_000_000, 4)

/** An upload of twice `half`, of which some has arrived, and the end comes when it is released. */
async function heldUpload(url: string) {
  const begun = await fetch(`${url}/v2/open/a/blobs/uploads/`, { method: 'POST' })
  const at = url + (begun.headers.get('location') ?? '')
  const gate = Promise.withResolvers<void>()
  const body = (async function* () {
    yield half
    await gate.promise
    yield half
  })()
  const answer = fetch(at, { method: 'PATCH', body })
  await until(async () => (await fetch(at)).headers.get('range') !== '0-0')
  return { answer, release: gate.resolve, at }
}

test('rules, accounts and limits are taken while an upload goes on', async () => {
  using folder = temporaryFolder()
  await using server = await serve({ dir: folder.path, port: 0, config: config('{}') })
  const { url } = server
  const { answer, release, at } = await heldUpload(url)
  const push = (name: string, tag: string) =>
    fetch(`${url}/v2/${name}/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
      body: JSON.stringify({ schemaVersion: 2, artifactType: `a/${tag}`, manifests: [] }),
    })
  expect((await push('lab/a', 'one')).status).toBe(201)
  expect(await server.reload(config('namespaces: { lab: { tags: 1 } }'))).toEqual([])
  expect((await push('lab/a', 'two')).status).toBe(403)
  release()
  expect((await answer).status).toBe(202)
  const put = `${at}?digest=${digestOf(Buffer.concat([half, half]))}`
  expect((await fetch(put, { method: 'PUT' })).status).toBe(201)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  // What was counted before goes on.
  expect(metrics).toContain('backlot_responses_total{code="403"} 1\n')
  expect(metrics).toContain('backlot_responses_total{code="202"} 2\n')
})

test('what cannot change while it runs stays, and is named', async () => {
  using folder = temporaryFolder()
  const dir = folder.path
  const old = config("access: { anonymous: ['open/**'] }")
  await using server = await serve({ dir, port: 0, config: old })
  const status = async (path: string) => (await fetch(server.url + path)).status
  expect([await status('/v2/open/a/tags/list'), await status('/v2/lab/tags/list')]).toEqual([
    404, 401,
  ])
  // A file that was cut off must not open what was closed.
  expect(await server.reload(config('{}'))).toEqual(['access'])
  expect(await status('/v2/lab/tags/list')).toBe(401)
  const wanted = config(`
listen: { port: 1, url: 'https://registry.example' }
limits: { blob: 1MiB, requests: 5 }
storage: { postgres: { url: 'postgres://nobody@127.0.0.1:1/none' } }
access: { anonymous: ['lab/**'] }
`)
  const later = ['listen.port', 'limits.blob', 'storage']
  expect(await server.reload(wanted)).toEqual(later)
  expect([await status('/v2/open/a/tags/list'), await status('/v2/lab/tags/list')]).toEqual([
    401, 404,
  ])
  const { headers } = await fetch(`${server.url}/v2/`)
  expect(headers.get('www-authenticate')).toContain('realm="https://registry.example/v2/token"')
  expect(await server.reload(wanted)).toEqual(later)
})

test('what cannot be used changes nothing', async () => {
  using folder = temporaryFolder()
  const dir = folder.path
  await using server = await serve({ dir, port: 0, config: config('access: {}') })
  const broken = config(`
access: {}
sync: { a: { from: docker.io/x, to: here, every: 1h, from-account: { username: a, password-file: none } } }
`)
  await expect(server.reload(broken)).rejects.toMatchObject({ code: 'model/bad-file' })
  expect((await fetch(`${server.url}/v2/`)).status).toBe(401)
})

test('SIGHUP reads the file again, SIGTERM lets an upload come to its end', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'registry.yaml')
  writeFileSync(file, 'limits: { drain: 60s }')
  const flags = ['--config', file, '--data', folder.path, '--port', '0']
  const argv = [...programArgv(), 'serve', ...flags]
  const child = Bun.spawn(argv, {
    env: { PATH: toolPath, HOME: folder.path },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const url = await heard(child.stdout, /Serving (\S+) from/)
  const log: string[] = []
  const reading = (async () => {
    for await (const chunk of child.stderr) log.push(new TextDecoder().decode(chunk))
  })()
  const logged = (text: string) => until(() => log.join('').includes(text))
  writeFileSync(file, 'limits: { drain: 60s }\nnamespaces: { open: { size: 5 } }')
  child.kill('SIGHUP')
  await logged('The configuration was read again')
  const digest = digestOf('too much')
  const push = `${url}/v2/open/a/blobs/uploads/?digest=${digest}`
  expect((await fetch(push, { method: 'POST', body: 'too much' })).status).toBe(403)
  writeFileSync(file, 'limits: { drain: 60s')
  child.kill('SIGHUP')
  await logged('The configuration stays as it was')
  writeFileSync(file, 'limits: { drain: 60s }')
  child.kill('SIGHUP')
  await until(() => log.join('').split('was read again').length === 3)
  const { answer, release } = await heldUpload(url)
  child.kill('SIGTERM')
  await until(async () => (await fetch(url).catch(() => undefined)) === undefined)
  release()
  expect((await answer).status).toBe(202)
  expect(await child.exited).toBe(0)
  await reading
})

/** Runs a program in a terminal, hangs it up, and takes the terminal away; prints what it heard. */
const inTerminal = `
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
heard = b''
def until(text):
    global heard
    while text not in heard:
        heard += os.read(terminal, 4096)
until(b'Serving')
os.kill(pid, signal.SIGHUP)
until(b'was read again')
os.close(terminal)
print('ended', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

outside(['python3'])('a terminal that goes away takes the server with it', async () => {
  using folder = temporaryFolder()
  const flags = ['serve', '--data', folder.path, '--port', '0']
  const argv = ['python3', '-c', inTerminal, ...programArgv(), ...flags]
  expect(await tool(argv, { HOME: folder.path })).toBe('ended 0\n')
})
