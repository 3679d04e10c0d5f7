/** A workflow of GitHub Actions that pushes, through registry.yaml and the tools' own log-ins. */
import { expect, test } from 'bun:test'
import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { digestOf, temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { serve } from '#server/index.ts'
import { outside } from '../outside.ts'
import { ourRegistry, tool } from './servers.ts'

const yaml = `access:
  anonymous: public/**
  oidc:
    issuer: https://token.actions.githubusercontent.com
    audience: registry.example.org
    keys: jwks.json
    rules:
      - when: { repository: 'ORG/*', ref: refs/heads/main }
        repositories: ['\${repository}', '\${repository}/**']
        actions: [pull, push]
      - when: { repository: 'ORG/*' }
        repositories: org/**
        actions: pull
`
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

function workflowToken(claims: object): string {
  const now = Math.floor(Date.now() / 1000)
  const all = {
    iss: 'https://token.actions.githubusercontent.com',
    aud: 'registry.example.org',
    sub: 'repo:ORG/name:ref:refs/heads/main',
    repository: 'ORG/name',
    ref: 'refs/heads/main',
    event_name: 'push',
    iat: now,
    exp: now + 300,
    ...claims,
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${part(all)}`
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
}

function writeKeys(folder: string): void {
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }]
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys }))
}

async function registryForWorkflows() {
  const folder = temporaryFolder()
  writeKeys(folder.path)
  const config = parseRegistryConfig(yaml, 'registry.yaml')
  const server = await ourRegistry({ config, folder: folder.path })
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const push = async (url: string, repository: string, headers: Record<string, string>) => {
  const path = `${url}/v2/${repository}/blobs/uploads/?digest=${digestOf('x')}`
  return (await fetch(path, { method: 'POST', headers, body: 'x' })).status
}
const basic = (token: string) => ({
  authorization: `Basic ${Buffer.from(`github:${token}`).toString('base64')}`,
})

test('the main branch pushes its own repository, by each way of logging in', async () => {
  await using server = await registryForWorkflows()
  const token = workflowToken({})
  const query = 'service=backlot&scope=repository:org/name/image:pull,push'
  const answer = await fetch(`${server.url}/v2/token?${query}`, { headers: basic(token) })
  const derived = z.object({ token: z.string(), expires_in: z.number() }).parse(await answer.json())
  expect(derived.expires_in).toBeLessThanOrEqual(300)
  const ways = [
    basic(token),
    { authorization: `Bearer ${token}` },
    { authorization: `Bearer ${derived.token}` },
  ]
  for (const headers of ways) {
    expect(await push(server.url, 'org/name/image', headers)).toBe(201)
    expect(await push(server.url, 'org/name-evil', headers)).toBe(403)
    expect(await push(server.url, 'public/x', headers)).toBe(403)
  }
})

test('a rule that is taken away holds no longer, also for who has logged in', async () => {
  using folder = temporaryFolder()
  writeKeys(folder.path)
  const config = (text: string) => parseRegistryConfig(text, 'registry.yaml')
  const start = { dir: folder.path, folder: folder.path, port: 0, config: config(yaml) }
  await using server = await serve(start)
  const login = { headers: basic(workflowToken({})) }
  const scope = 'scope=repository:org/name:pull,push'
  const answer = await (await fetch(`${server.url}/v2/token?${scope}`, login)).json()
  const { token } = z.object({ token: z.string() }).parse(answer)
  const headers = { authorization: `Bearer ${token}` }
  expect(await push(server.url, 'org/name', headers)).toBe(201)
  await server.reload(config(`${yaml}\nlimits: { requests: 100 }`))
  expect(await push(server.url, 'org/name', headers)).toBe(201)
  await server.reload(config(yaml.replace('[pull, push]', 'pull')))
  expect(await push(server.url, 'org/name', headers)).toBe(401)
  expect(await push(server.url, 'org/name', login.headers)).toBe(403)
})

test('a push that takes longer than the token of the workflow comes to its end', async () => {
  using folder = temporaryFolder()
  writeKeys(folder.path)
  let nowMs = Date.now()
  const config = parseRegistryConfig(
    yaml.replace('access:', 'access:\n  token-lifetime: 30m'),
    'registry.yaml',
  )
  const clock = { nowMs: () => nowMs }
  await using server = await ourRegistry({ config, folder: folder.path, clock })
  const issued = async (headers: Record<string, string>) => {
    const scope = 'scope=repository:org/name:pull,push'
    const answer = await fetch(`${server.url}/v2/token?${scope}`, { headers })
    const schema = z.object({ token: z.string(), expires_in: z.number() })
    return { status: answer.status, ...schema.partial().parse(await answer.json()) }
  }
  const login = basic(workflowToken({}))
  const first = await issued(login)
  expect(first.expires_in).toBe(1800)
  const headers = { authorization: `Bearer ${first.token}` }
  nowMs += 600_000
  expect(await push(server.url, 'org/name', headers)).toBe(201)
  expect((await issued(login)).status).toBe(401)
  // One that was made of it ends with it.
  expect((await issued(headers)).expires_in).toBe(1200)
  nowMs += 1_300_000
  expect(await push(server.url, 'org/name', headers)).toBe(401)
})

test('others pull, or do nothing at all', async () => {
  await using server = await registryForWorkflows()
  expect(await push(server.url, 'org/name', basic(workflowToken({})))).toBe(201)
  const read = async (claims: object) => {
    const headers = basic(workflowToken(claims))
    const there = await fetch(`${server.url}/v2/org/name/blobs/${digestOf('x')}`, { headers })
    return [there.status, await push(server.url, 'org/name', headers)]
  }
  expect(await read({ ref: 'refs/heads/dev' })).toEqual([200, 403])
  expect(await read({ ref: 'refs/pull/1/merge', event_name: 'pull_request' })).toEqual([200, 403])
  expect(await read({ event_name: 'pull_request_target' })).toEqual([200, 403])
  expect(await read({ repository: 'ORG-evil/name' })).toEqual([403, 403])
  expect(await read({ aud: 'else' })).toEqual([401, 401])
  expect(await read({ exp: 1 })).toEqual([401, 401])
})

test('while the keys cannot be read no token is called bad', async () => {
  using folder = temporaryFolder()
  let isUp = false
  let nowMs = Date.now()
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'one' }]
  await using issuer = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => (isUp ? Response.json({ keys }) : new Response('down', { status: 502 })),
  })
  const text = yaml.replace('jwks.json', `http://127.0.0.1:${issuer.port}/jwks`)
  await using server = await ourRegistry({
    config: parseRegistryConfig(text, 'registry.yaml'),
    folder: folder.path,
    clock: { nowMs: () => nowMs },
  })
  // More often than failed log-ins are borne from one address.
  for (let at = 0; at < 25; at += 1)
    expect(await push(server.url, 'org/name', basic(workflowToken({})))).toBe(503)
  expect(await push(server.url, 'org/name', basic('no token'))).toBe(401)
  isUp = true
  nowMs += 31_000
  expect(await push(server.url, 'org/name', basic(workflowToken({})))).toBe(201)
})

outside(['skopeo'])('skopeo logs in with a token of a workflow', async () => {
  await using server = await registryForWorkflows()
  using folder = temporaryFolder()
  const auth = join(folder.path, 'auth.json')
  const flags = ['--tls-verify=false', '--authfile', auth, '-u', 'github', '--password-stdin']
  const login = (token: string) => tool(['skopeo', 'login', ...flags, server.registry], {}, token)
  await login(workflowToken({}))
  await expect(login(workflowToken({ exp: 1 }))).rejects.toThrow(/401|unauthorized|invalid/i)
})
