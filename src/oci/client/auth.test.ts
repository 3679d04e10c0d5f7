import { expect, test } from 'bun:test'
import { authorizer, parseChallenge } from './auth.ts'

const bearer = (realm: string, service?: string, ...scopes: string[]) =>
  ({ kind: 'bearer', realm, service, scopes }) as const

test.each([
  ['Basic realm="x"', { kind: 'basic' }],
  ['basic', { kind: 'basic' }],
  ['Negotiate, Basic realm="x"', { kind: 'basic' }],
  ['Bearer realm="https://a/t"', bearer('https://a/t')],
  [
    'Bearer realm="https://a/t",service="reg",scope="repository:a/b:pull,push"',
    bearer('https://a/t', 'reg', 'repository:a/b:pull,push'),
  ],
  ['bearer service=reg, realm=https://a/t', bearer('https://a/t', 'reg')],
  [
    'Bearer realm="https://a/t",scope="repository:a:pull repository:b:pull"',
    bearer('https://a/t', undefined, 'repository:a:pull', 'repository:b:pull'),
  ],
  ['Basic realm="x", Bearer realm="https://a/t"', bearer('https://a/t')],
  ['Bearer error="insufficient_scope"', undefined],
  ['Digest realm="x"', undefined],
  ['', undefined],
  [null, undefined],
] as const)('%s', (header, want) => {
  expect(parseChallenge(header)).toEqual(want)
})

/** An authorizer whose token service counts what it gives. */
function counted() {
  let [given, nowMs] = [0, 1_000_000]
  const auth = authorizer({
    clock: { nowMs: () => nowMs },
    credentials: async () => undefined,
    tokenHost: () => true,
    fetch: async () => {
      given += 1
      return Response.json({ token: `t${given}`, expires_in: 60 })
    },
  })
  const headers = { 'www-authenticate': 'Bearer realm="https://a.test/t"' }
  const refused = new Response(null, { status: 401, headers })
  return {
    pass: (ms: number) => (nowMs += ms),
    header: (repository: string) => auth.header('a.test', [repository]),
    refuse: (header: string | undefined) =>
      auth.challenged('a.test', refused, { scopes: ['r'], header }),
    given: () => given,
  }
}

test('a token that has expired or was refused is fetched anew once for all', async () => {
  const auth = counted()
  expect(await auth.refuse(undefined)).toBe('Bearer t1')
  auth.pass(60_000)
  const anew = await Promise.all(Array.from({ length: 50 }, () => auth.header('r')))
  expect(new Set(anew)).toEqual(new Set(['Bearer t2']))
  const after = await Promise.all(Array.from({ length: 50 }, () => auth.refuse('Bearer t2')))
  expect(new Set(after)).toEqual(new Set(['Bearer t3']))
  expect(await auth.refuse('Bearer t2')).toBe('Bearer t3')
})

test('of many repositories the last tokens are kept', async () => {
  const auth = counted()
  await auth.refuse(undefined)
  for (let at = 0; at < 1500; at += 1) await auth.header(`r${at}`)
  expect(auth.given()).toBe(1501)
  await auth.header('r1499')
  expect(auth.given()).toBe(1501)
  await auth.header('r0')
  expect(auth.given()).toBe(1502)
})
