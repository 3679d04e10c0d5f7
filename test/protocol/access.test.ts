/** Who may do what: log-ins, tokens and scopes over HTTP, and what strangers can find out. */
import { expect, test } from 'bun:test'
import { z } from 'zod'
import { digestOf } from '#kernel/index.ts'
import { servicePlace, type Grant, listAudit, openDatabase, verifyAudit } from '#oci/index.ts'
import { guardedRegistry, type GuardedRegistry } from './servers.ts'

const password = 'correct horse battery'
const open = "access: { anonymous: ['public/**'] }"

const lab: Grant = { repositories: ['lab/**'], actions: ['pull', 'push'] }
const addUser = async ({ accounts }: GuardedRegistry, name: string, grants: readonly Grant[]) =>
  await accounts.add({ name, kind: 'user', grants, password })
const basic = (name: string, secret = password) => ({
  authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`,
})

const TokenAnswer = z.object({
  token: z.string(),
  access_token: z.string(),
  expires_in: z.number(),
})
type TokenAnswer = z.infer<typeof TokenAnswer>

async function tokenFor(
  { url }: GuardedRegistry,
  scopes: readonly string[],
  headers: Record<string, string> = {},
): Promise<TokenAnswer> {
  const query = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&')
  const answer = await fetch(`${url}/v2/token?service=backlot&${query}`, { headers })
  expect(answer.status).toBe(200)
  return TokenAnswer.parse(await answer.json())
}

const bearer = ({ token }: TokenAnswer) => ({ authorization: `Bearer ${token}` })

/** Puts one blob into a repository. */
async function push(
  { url }: GuardedRegistry,
  repository: string,
  headers: Record<string, string>,
  body = repository,
): Promise<number> {
  const path = `${url}/v2/${repository}/blobs/uploads/?digest=${digestOf(body)}`
  return (await fetch(path, { method: 'POST', headers, body })).status
}

test('strangers learn nothing, and are told where to log in', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  expect(await push(server, 'lab/a', basic('ada'))).toBe(201)
  const there = await fetch(`${server.url}/v2/lab/a/tags/list`)
  const nowhere = await fetch(`${server.url}/v2/lab/b/tags/list`)
  expect([there.status, nowhere.status]).toEqual([401, 401])
  expect((await there.text()).replaceAll('lab/a', 'lab/b')).toBe(await nowhere.text())
  expect(there.headers.get('www-authenticate')).toBe(
    `Bearer realm="${server.url}/v2/token",service="backlot",scope="repository:lab/a:pull", ` +
      'Basic realm="backlot", charset="UTF-8"',
  )
  const ping = await fetch(`${server.url}/v2/`)
  expect(ping.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  for (const path of ['/v2/', '/v2', '/v2/UPPER/tags/list', '/other', '/v2/_catalog'])
    expect((await fetch(server.url + path)).status).toBe(401)
  for (const pair of [basic('ada', 'wrong'), basic('eve'), { authorization: 'Basic !' }])
    expect((await fetch(`${server.url}/v2/`, { headers: pair })).status).toBe(401)
  expect((await fetch(`${server.url}/v2/`, { headers: basic('ada') })).status).toBe(200)
})

test('what is not allowed has one answer, whether it exists or not', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  await addUser(server, 'eve', [{ repositories: ['eve/**'], actions: ['pull', 'push'] }])
  expect(await push(server, 'lab/a', basic('ada'))).toBe(201)
  const digest = digestOf('lab/a')
  const asked = async (path: string, method = 'GET') => {
    const answer = await fetch(`${server.url}/v2/${path}`, { method, headers: basic('eve') })
    return [answer.status, [...answer.headers.keys()].sort(), await answer.text()]
  }
  for (const rest of ['tags/list', `blobs/${digest}`, 'manifests/1', `referrers/${digest}`])
    for (const method of ['GET', 'HEAD', 'DELETE', 'PATCH']) {
      const there = await asked(`lab/a/${rest}`, method)
      expect(there).toEqual(await asked(`lab/nothing/${rest}`, method))
      expect(there[0]).toBe(403)
    }
  const uploads = await asked('lab/a/blobs/uploads/', 'POST')
  expect(uploads).toEqual(await asked('lab/nothing/blobs/uploads/', 'POST'))
  const mount = async (from: string) => {
    const path = `${server.url}/v2/eve/x/blobs/uploads/?mount=${digest}${from}`
    return (await fetch(path, { method: 'POST', headers: basic('eve') })).status
  }
  // 202: as if nobody had the blob.
  expect(await Promise.all(['', '&from=lab/a', '&from=lab/nothing'].map(mount))).toEqual([
    202, 202, 202,
  ])
})

test('what everybody may pull, who logged in may pull and mount as well', async () => {
  await using server = await guardedRegistry(open)
  await addUser(server, 'root', [{ repositories: ['**'], actions: ['admin'] }])
  await addUser(server, 'ada', [lab])
  expect(await push(server, 'public/base', basic('root'))).toBe(201)
  const digest = digestOf('public/base')
  const derived = bearer(await tokenFor(server, ['repository:public/base:pull'], basic('ada')))
  for (const headers of [{}, basic('ada'), derived]) {
    const blob = await fetch(`${server.url}/v2/public/base/blobs/${digest}`, { headers })
    expect(await blob.text()).toBe('public/base')
  }
  const mount = `${server.url}/v2/lab/a/blobs/uploads/?mount=${digest}&from=public/base`
  expect((await fetch(mount, { method: 'POST', headers: basic('ada') })).status).toBe(201)
  expect(await push(server, 'public/base', basic('ada'))).toBe(403)
  expect(await push(server, 'public/base', derived)).toBe(403)
})

test('the list of repositories has neither names nor gaps of others', async () => {
  await using server = await guardedRegistry(open)
  await addUser(server, 'root', [{ repositories: ['**'], actions: ['admin'] }])
  const names = ['a/1', 'lab/1', 'lab/2', 'm/1', 'public/1', 'public/2', 'z/1']
  for (const name of names) expect(await push(server, name, basic('root'))).toBe(201)
  await addUser(server, 'ada', [lab])
  const page = async (query: string, headers: Record<string, string>) => {
    const answer = await fetch(`${server.url}/v2/_catalog${query}`, { headers })
    return [await answer.json(), answer.headers.get('link')]
  }
  expect(await page('?n=1', basic('ada'))).toEqual([
    { repositories: ['lab/1'] },
    '</v2/_catalog?n=1&last=lab%2F1>; rel="next"',
  ])
  expect(await page('?n=2&last=lab/2', basic('ada'))).toEqual([
    { repositories: ['public/1', 'public/2'] },
    null,
  ])
  expect(await page('?n=0', basic('ada'))).toEqual([{ repositories: [] }, null])
  expect(await page('', {})).toEqual([{ repositories: ['public/1', 'public/2'] }, null])
  expect(await page('', basic('root'))).toEqual([{ repositories: names }, null])
})

test('a token allows what was asked for and is permitted, and no more', async () => {
  await using server = await guardedRegistry(open)
  await addUser(server, 'ada', [lab])
  const pull = await tokenFor(server, ['repository:lab/a:pull'], basic('ada'))
  expect(pull.access_token).toBe(pull.token)
  expect(pull.expires_in).toBe(300)
  const refusal = await fetch(`${server.url}/v2/lab/a/blobs/uploads/`, {
    method: 'POST',
    headers: bearer(pull),
  })
  expect(refusal.status).toBe(401)
  expect(refusal.headers.get('www-authenticate')).toContain(
    'scope="repository:lab/a:pull,push",error="insufficient_scope"',
  )
  const scopes = ['repository:lab/a:pull,push repository:lab/b:push', 'repository:eve/x:pull']
  const wide = await tokenFor(server, scopes, basic('ada'))
  expect(await push(server, 'lab/a', bearer(wide))).toBe(201)
  expect(await push(server, 'lab/b', bearer(wide))).toBe(201)
  expect(await push(server, 'lab/c', bearer(wide))).toBe(401)
  expect(await push(server, 'eve/x', bearer(wide))).toBe(403)
  const nobody = await tokenFor(server, ['repository:public/a:pull,push', 'repository:lab/a:pull'])
  const get = async (path: string) =>
    (await fetch(`${server.url}${path}`, { headers: bearer(nobody) })).status
  expect(await get('/v2/')).toBe(200)
  expect(await get('/v2/public/a/tags/list')).toBe(404)
  expect(await get('/v2/lab/a/tags/list')).toBe(401)
  expect(await push(server, 'public/a', bearer(nobody))).toBe(401)
  const patterns = await tokenFor(
    server,
    ['repository:**:pull', 'registry:catalog:*'],
    basic('ada'),
  )
  expect(
    (await fetch(`${server.url}/v2/lab/a/tags/list`, { headers: bearer(patterns) })).status,
  ).toBe(401)
  const list = await fetch(`${server.url}/v2/_catalog`, { headers: bearer(patterns) })
  expect(list.status).toBe(200)
})

test('the OAuth2 form takes passwords, and robot tokens as refresh tokens', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  const robot = await server.accounts.add({ name: 'ci', kind: 'token', grants: [lab] })
  const post = async (form: Record<string, string>) => {
    const body = new URLSearchParams({ service: 'backlot', client_id: 'x', ...form })
    return await fetch(`${server.url}/v2/token`, { method: 'POST', body })
  }
  const scope = 'repository:lab/a:pull,push'
  const forms = [
    { grant_type: 'password', username: 'ada', password, scope },
    { grant_type: 'refresh_token', refresh_token: robot.secret, scope },
  ]
  for (const form of forms) {
    const answer = await post(form)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(await push(server, 'lab/a', bearer(TokenAnswer.parse(await answer.json())))).toBe(201)
  }
  expect((await post({ grant_type: 'password', username: 'ada', password: 'no' })).status).toBe(401)
  expect((await post({ grant_type: 'authorization_code', code: 'x' })).status).toBe(400)
  expect((await post({ grant_type: 'password', username: 'x'.repeat(70_000) })).status).toBe(413)
})

test('a revoked account is out with its next request, bearer tokens and all', async () => {
  await using server = await guardedRegistry()
  const robot = await server.accounts.add({ name: 'ci', kind: 'token', grants: [lab] })
  const scope = ['repository:lab/a:pull,push']
  const asBearer = { authorization: `Bearer ${robot.secret}` }
  for (const headers of [basic('any', robot.secret), asBearer])
    expect(await push(server, 'lab/a', headers)).toBe(201)
  const derived = bearer(await tokenFor(server, scope, basic('ci', robot.secret)))
  expect(await push(server, 'lab/a', derived)).toBe(201)
  expect(await server.accounts.revoke('user', 'ci')).toBe(false)
  expect(await server.accounts.revoke('token', 'ci')).toBe(true)
  for (const headers of [derived, basic('any', robot.secret), asBearer])
    expect(await push(server, 'lab/a', headers)).toBe(401)
  // An account of the same name is another one.
  await server.accounts.add({ name: 'ci', kind: 'token', grants: [lab] })
  expect(await push(server, 'lab/a', derived)).toBe(401)
})

test('forged and altered tokens are refused', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  const { token } = await tokenFor(server, ['repository:lab/a:pull,push'], basic('ada'))
  const [head = '', body = '', signature = ''] = token.split('.')
  const json = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = z.looseObject({}).parse(JSON.parse(Buffer.from(body, 'base64url').toString()))
  const wider = { ...claims, grants: [{ repositories: ['**'], actions: ['admin'] }] }
  const forged = [
    `${head}.${json(wider)}.${signature}`,
    `${json({ alg: 'none', kid: '1' })}.${body}.`,
    `${json({ alg: 'HS256', kid: '../../etc/passwd' })}.${body}.${signature}`,
    `${json({ alg: 'HS256', kid: '9999' })}.${body}.${signature}`,
    `${json({ alg: 'HS512', kid: '1' })}.${body}.${signature}`,
    `${head}.${body}.`,
    `${head}.${body}.${signature}A`,
    `${token}.${signature}`,
    `${head}.${body}.${signature.slice(0, -2)}`,
    'blt_',
    `blt_${'A'.repeat(43)}`,
    'x'.repeat(12_000),
    'eyJ.eyJ.eyJ',
  ]
  for (const one of forged)
    expect(await push(server, 'lab/a', { authorization: `Bearer ${one}` })).toBe(401)
  expect(await push(server, 'lab/a', { authorization: `Bearer ${token}` })).toBe(201)
})

test('no token is given that is too long to be sent', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  const asked = async (count: number) => {
    const body = new URLSearchParams({ grant_type: 'password', username: 'ada', password })
    for (let at = 0; at < count; at += 1)
      body.append('scope', `repository:lab/${'a'.repeat(200)}${at}:pull`)
    return await fetch(`${server.url}/v2/token`, { method: 'POST', body })
  }
  const { token } = TokenAnswer.parse(await (await asked(40)).json())
  const headers = { authorization: `Bearer ${token}` }
  expect((await fetch(`${server.url}/v2/`, { headers })).status).toBe(200)
  for (const count of [60, 101]) expect((await asked(count)).status).toBe(400)
})

test('passwords cannot be guessed at speed', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  const attempt = async (secret: string) =>
    await fetch(`${server.url}/v2/`, { headers: basic('ada', secret) })
  const guesses = Array.from({ length: 20 }, (_, at) => attempt(`guess number ${at}`))
  expect((await Promise.all(guesses)).every(({ status }) => status === 401)).toBe(true)
  const after = await attempt('one more guess')
  expect([after.status, after.headers.get('retry-after')]).toEqual([429, '60'])
})

test('changes and refusals are in the audit log before they are answered', async () => {
  await using server = await guardedRegistry()
  await addUser(server, 'ada', [lab])
  const records = async () => {
    const database = openDatabase(servicePlace(server))
    const all = await listAudit(database, { limit: 100 })
    expect(await verifyAudit(database)).toMatchObject({ kind: 'whole', head: { seq: all.length } })
    await database.close()
    return all.map(({ who, action, repository, subject, source, outcome }) =>
      [who, action, repository, subject, source, outcome].join(' ').trim(),
    )
  }
  expect(await push(server, 'lab/a', basic('ada'), '{}')).toBe(201)
  expect(await push(server, 'eve/x', basic('ada'))).toBe(403)
  expect(await push(server, 'lab/a', basic('ada', 'wrong'))).toBe(401)
  expect(await push(server, 'lab/a', {})).toBe(401)
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 }
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    artifactType: 'application/x-test',
    config,
    layers: [],
  })
  const at = `${server.url}/v2/lab/a/manifests/1.0`
  const headers = { ...basic('ada'), 'content-type': 'application/vnd.oci.image.manifest.v1+json' }
  expect((await fetch(at, { method: 'PUT', headers, body: manifest })).status).toBe(201)
  expect((await fetch(at, { method: 'DELETE', headers })).status).toBe(403)
  expect((await fetch(at, { headers })).status).toBe(200)
  const others = `${server.url}/v2/eve/x/manifests/1.0`
  expect((await fetch(others, { method: 'HEAD', headers })).status).toBe(403)
  expect(await records()).toEqual([
    'system account.add  ada  done',
    `ada blob.push lab/a ${digestOf('{}')} 127.0.0.1 done`,
    'ada uploads.post eve/x  127.0.0.1 oci/denied',
    'ada login   127.0.0.1 oci/unauthorized',
    `ada manifest.push lab/a 1.0 ${digestOf(manifest)} 127.0.0.1 done`,
    'ada manifest.delete lab/a 1.0 127.0.0.1 oci/denied',
    'ada manifest.head eve/x 1.0 127.0.0.1 oci/denied',
  ])
})
