import { expect, test } from 'bun:test'
import { parseChallenge } from './auth.ts'

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
