/** Tokens as GitHub Actions signs them, and everything that a forger could hand in instead. */
import { afterAll, describe, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import type { Grant } from './principal.ts'
import { jwksAt } from './jwks.ts'
import { oidcIdentity, type OidcProvider, type OidcRule } from './oidc.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

const nowMs = 1_800_000_000_000
const issuer = 'https://token.actions.githubusercontent.com'
const audience = 'registry.example.org'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const jwk = (kid: string, key: KeyObject, more: object = {}) => ({
  ...key.export({ format: 'jwk' }),
  kid,
  use: 'sig',
  ...more,
})
const keySet = {
  keys: [
    jwk('rsa', rsa.publicKey, { alg: 'RS256' }),
    jwk('ec', ec.publicKey),
    jwk('weak', weak.publicKey),
    jwk('enc', other.publicKey, { use: 'enc' }),
    { kty: 'oct', kid: 'oct', k: 'AAAA' },
    { kty: 'RSA', kid: 'broken', n: '!', e: 'AQAB' },
    'not a key',
  ],
}
const keysPath = join(folder.path, 'jwks.json')
writeFileSync(keysPath, JSON.stringify(keySet))

const main: OidcRule = {
  when: { repository: 'ORG/NAME', ref: 'refs/heads/main' },
  repositories: ['${repository}', '${repository}/**'],
  actions: ['pull', 'push'],
}
const claims = {
  iss: issuer,
  aud: audience,
  sub: 'repo:ORG/NAME:ref:refs/heads/main',
  repository: 'ORG/NAME',
  ref: 'refs/heads/main',
  event_name: 'push',
  job_workflow_ref: 'ORG/NAME/.github/workflows/ci.yml@refs/heads/main',
  iat: nowMs / 1000 - 10,
  nbf: nowMs / 1000 - 10,
  exp: nowMs / 1000 + 300,
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

interface Made {
  readonly header?: object
  readonly claims?: object
  readonly key?: KeyObject
}

function token({ header = {}, claims: more = {}, key = rsa.privateKey }: Made = {}): string {
  const text = `${part({ alg: 'RS256', typ: 'JWT', kid: 'rsa', ...header })}.${part({ ...claims, ...more })}`
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

function provider(rules: readonly OidcRule[] = [main], place = keysPath): OidcProvider {
  const jwks = jwksAt({ place, clock: { nowMs: () => nowMs }, warn: () => undefined })
  return { issuer, audience, jwks, rules }
}

const identity = async (text: string, providers = [provider()]) =>
  await oidcIdentity(text, providers, { nowMs: () => nowMs })

test('a token of the main branch may push its repository', async () => {
  expect(await identity(token())).toEqual({
    name: claims.sub,
    grants: [{ repositories: ['org/name', 'org/name/**'], actions: ['pull', 'push'] }],
    expiresMs: claims.exp * 1000,
  })
  const elliptic = token({ header: { alg: 'ES256', kid: 'ec' }, key: ec.privateKey })
  expect(await identity(elliptic)).toMatchObject({ name: claims.sub })
  expect(await identity(token({ claims: { aud: ['x', audience] } }))).toBeDefined()
})

test('one issuer may have several audiences, each with its own rules', async () => {
  const reading: OidcRule = { ...main, repositories: ['mirror/**'], actions: ['pull'] }
  const second = { ...provider([reading]), audience: 'mirror.example.org' }
  const found = await identity(token({ claims: { aud: second.audience } }), [provider(), second])
  expect(found?.grants).toEqual([{ repositories: ['mirror/**'], actions: ['pull'] }])
  expect((await identity(token(), [provider(), second]))?.grants).toMatchObject([
    { actions: ['pull', 'push'] },
  ])
})

const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' })
const withHmac = (secret: string | Buffer) => {
  const text = `${part({ alg: 'HS256', kid: 'rsa' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
const [head = '', body = '', signature = ''] = token().split('.')

describe('a token is refused', () => {
  test.each<[string, string]>([
    ['alg none', `${part({ alg: 'none', kid: 'rsa' })}.${body}.`],
    ['alg None', `${part({ alg: 'None', kid: 'rsa' })}.${body}.${signature}`],
    ['HS256 under the public key', withHmac(publicPem)],
    [
      'HS256 under the modulus',
      withHmac(Buffer.from(String(rsa.publicKey.export({ format: 'jwk' }).n), 'base64url')),
    ],
    ['RS512', token({ header: { alg: 'RS512' } })],
    ['ES256 said of an RSA key', token({ header: { alg: 'ES256' } })],
    ['another key', token({ key: other.privateKey })],
    ['a key that is for encryption', token({ header: { kid: 'enc' }, key: other.privateKey })],
    ['a key that is too short', token({ header: { kid: 'weak' }, key: weak.privateKey })],
    ['no kid', token({ header: { kid: undefined } })],
    ['a kid that is a path', token({ header: { kid: '../../../dev/null' } })],
    ['a kid that is a member of objects', token({ header: { kid: '__proto__' } })],
    ['a kid that is a number', token({ header: { kid: 0 } })],
    ['an endless kid', token({ header: { kid: 'k'.repeat(300) } })],
    ['a critical extension', token({ header: { crit: ['b64'], b64: false } })],
    [
      'keys of its own',
      token({ header: { kid: 'mine', jwk: jwk('mine', other.publicKey) }, key: other.privateKey }),
    ],
    ['another audience', token({ claims: { aud: 'registry.example.org.evil' } })],
    ['no audience', token({ claims: { aud: undefined } })],
    ['an audience that is none', token({ claims: { aud: [] } })],
    ['another issuer', token({ claims: { iss: `${issuer}.evil` } })],
    ['another issuer by a slash', token({ claims: { iss: `${issuer}/` } })],
    ['expired', token({ claims: { exp: nowMs / 1000 } })],
    ['no end', token({ claims: { exp: undefined } })],
    ['an end that is text', token({ claims: { exp: '9999999999' } })],
    ['not valid yet', token({ claims: { nbf: nowMs / 1000 + 120 } })],
    ['issued in the future', token({ claims: { iat: nowMs / 1000 + 120 } })],
    ['no subject', token({ claims: { sub: undefined } })],
    ['changed claims', `${head}.${part({ ...claims, repository: 'ORG/OTHER' })}.${signature}`],
    ['no signature', `${head}.${body}.`],
    ['half a signature', `${head}.${body}.${signature.slice(0, 100)}`],
    ['two parts', `${head}.${body}`],
    ['four parts', `${head}.${body}.${signature}.${signature}`],
    ['too long', token({ claims: { padding: 'x'.repeat(20_000) } })],
    ['no JSON', `eyJ.${body}.${signature}`],
    ['arrays', `${part([])}.${part([])}.${signature}`],
    ['an empty text', ''],
  ])('%s', async (_why, text) => {
    expect(await identity(text)).toBeUndefined()
  })
})

const pull: readonly Grant[] = [{ repositories: ['org/name', 'org/name/**'], actions: ['pull'] }]
const open: OidcRule = { ...main, when: { repository: 'ORG/NAME' } }
const bySub: OidcRule = { ...main, when: { sub: 'repo:ORG/NAME:**' }, repositories: ['org/name'] }

describe('claims', () => {
  test.each<[string, object, OidcRule, readonly Grant[]]>([
    ['a branch', { ref: 'refs/heads/dev' }, main, []],
    ['a tag of that name', { ref: 'refs/tags/main' }, main, []],
    ['a look-alike repository', { repository: 'ORG/NAME-evil' }, main, []],
    ['a repository in other case', { repository: 'org/name' }, main, []],
    ['a claim that is no text', { ref: ['refs/heads/main'] }, main, []],
    ['a pull request', { ref: 'refs/pull/7/merge', event_name: 'pull_request' }, open, pull],
    ['a pull request by its ref', { ref: 'refs/pull/7/merge', event_name: undefined }, open, pull],
    [
      'a pull request by its sub',
      { sub: 'repo:ORG/NAME:pull_request', event_name: '' },
      open,
      pull,
    ],
    ['pull_request_target on main', { event_name: 'pull_request_target' }, main, pull],
    ['a look-alike sub', { sub: 'repo:ORG/NAME-evil:ref:refs/heads/main' }, bySub, []],
    ['a sub of another owner', { sub: 'repo:x/repo:ORG/NAME:ref:refs/heads/main' }, bySub, []],
    ['a repository that is a pattern', { repository: '**' }, { ...main, when: { sub: '**' } }, []],
    ['a repository that leads out', { repository: '../x' }, { ...main, when: { sub: '**' } }, []],
    [
      'a repository that is missing',
      { repository: undefined },
      { ...main, when: { sub: '**' } },
      [],
    ],
  ])('%s', async (_what, more, rule, grants) => {
    expect((await identity(token({ claims: more }), [provider([rule])]))?.grants).toEqual(grants)
  })

  test('a rule that speaks of the event means what it says', async () => {
    const rule: OidcRule = {
      when: { repository: 'ORG/NAME', event_name: 'pull_request' },
      repositories: ['${repository}/pr/**'],
      actions: ['push'],
    }
    const text = token({ claims: { event_name: 'pull_request', ref: 'refs/pull/1/merge' } })
    expect((await identity(text, [provider([rule])]))?.grants).toEqual([
      { repositories: ['org/name/pr/**'], actions: ['push'] },
    ])
  })
})

test('keys behind a URL: once for all who wait, anew for a key that is not known', async () => {
  let asked = 0
  let keys: object[] = [jwk('old', rsa.publicKey)]
  await using server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => {
      asked += 1
      return Response.json({ keys })
    },
  })
  let [time, warnings] = [nowMs, 0]
  const place = `http://127.0.0.1:${server.port}/jwks`
  const jwks = jwksAt({ place, clock: { nowMs: () => time }, warn: () => (warnings += 1) })
  const found = await Promise.all([1, 2, 3].map(() => jwks.key('old', 'RS256')))
  expect([found.every((key) => key !== undefined), asked]).toEqual([true, 1])
  keys = [jwk('new', ec.publicKey)]
  expect(await jwks.key('new', 'ES256')).toBeUndefined() // Asked less than half a minute ago.
  for (let at = 0; at < 100; at += 1)
    expect(await jwks.key(`forged ${at}`, 'RS256')).toBeUndefined()
  expect(asked).toBe(1)
  time += 31_000
  expect(await jwks.key('new', 'ES256')).toBeDefined()
  expect(await jwks.key('old', 'RS256')).toBeUndefined()
  expect(asked).toBe(2)
  await server.stop(true)
  time += 4_000_000
  expect(await jwks.key('new', 'ES256')).toBeDefined()
  expect(await jwks.key('new', 'RS256')).toBeUndefined()
  expect([asked, warnings]).toEqual([2, 1])
})

test('too large, a redirect, no such file: no keys, and a warning', async () => {
  await using server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ url }) =>
      url.endsWith('/large')
        ? new Response(JSON.stringify({ keys: [], x: 'x'.repeat(300_000) }))
        : Response.redirect('/large'),
  })
  const at = `http://127.0.0.1:${server.port}`
  for (const place of [`${at}/large`, `${at}/else`, join(folder.path, 'nothing'), folder.path]) {
    const warnings: string[] = []
    const jwks = jwksAt({
      place,
      clock: { nowMs: () => nowMs },
      warn: (text) => warnings.push(text),
    })
    await expect(jwks.key('rsa', 'RS256')).rejects.toMatchObject({ code: 'oci/issuer-gone' })
    expect(warnings).toHaveLength(1)
  }
})
