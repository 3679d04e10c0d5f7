import { expect, test } from 'bun:test'
import { parseRegistryConfig, registryJsonSchema } from './registry-config.ts'

const read = (text: string) => parseRegistryConfig(text, 'registry.yaml')

test('sizes and durations become bytes and milliseconds', () => {
  const { limits } = read('limits: { blob: 1.5GiB, idle-timeout: 2m }')
  expect(limits).toMatchObject({ blob: 1.5 * 1024 ** 3, 'idle-timeout': 120_000 })
})

test('one rule, one action, one repository may stand without a list', () => {
  const { access } = read(`access:
  anonymous: public/**
  oidc:
    issuer: https://token.actions.githubusercontent.com
    audience: registry.example.org
    keys: jwks.json
    rules:
      - when: { repository: aswf/openexr, ref: refs/heads/main }
        repositories: \${repository}/**
        actions: push
`)
  expect(access).toMatchObject({
    anonymous: ['public/**'],
    'token-lifetime': 300_000,
    oidc: [{ rules: [{ repositories: ['${repository}/**'], actions: ['push'] }] }],
  })
})

test('an address to listen on may stand in brackets, as URLs have it', () => {
  expect(read('listen: { host: "[::1]" }').listen?.host).toBe('::1')
})

test('an upstream needs no more than its name', () => {
  const { upstreams } = read('upstreams: { ghcr.io: {}, hub: { registry: docker.io } }')
  expect(upstreams?.['ghcr.io']).toEqual({
    accounts: [],
    mirrors: [],
    private: false,
    'private-hosts': [],
    'plain-http': false,
    'token-hosts': [],
    unprefixed: [],
    fresh: 300_000,
    absent: 30_000,
    'spare-below': 0.1,
    wait: 10_000,
  })
  expect(upstreams?.['hub']?.registry).toBe('docker.io')
})

test('a list of what is copied', () => {
  const { sync } = read(`sync:
  images: { from: docker.io, to: kept, repositories: [a/b, c], regex: '^v', newest: 3, every: 6h }
  weekly: { from: quay.io/a, to: quay.io/b, cron: '0 3 * * 1' }
`)
  expect(sync?.['images']).toMatchObject({
    repositories: ['a/b', 'c'],
    newest: 3,
    every: 21_600_000,
  })
  expect(sync?.['images']?.regex?.test('v1')).toBe(true)
  expect(sync?.['weekly']?.cron?.weekdays).toEqual(new Set([1]))
})

test.each([
  ['upstreams: { Docker.io: {} }', 'is not the beginning of a repository name'],
  ['upstreams: { a: {}, a/b: {} }', 'has a prefix that is part of another one'],
  ['upstreams: { a: { registry: "https://x" } }', 'is not a registry such as ghcr.io'],
  ['upstreams: { a: { namespaces: x.y }, b: { namespaces: [x.y] } }', 'means two of them'],
  ['upstreams: { a: { spare-below: 0.1 } }', 'is not a percentage such as 10%'],
  ['upstreams: { a: { wait: 2m } }', 'which no client waits'],
  ['upstreams: { a: { accounts: { username: b } } }', "'password-file' is missing"],
  ['sync: { a: { from: docker.io, to: b } }', 'names a whole registry'],
  ['sync: { a: { from: b, to: c, every: 1h, cron: "* * * * *" } }', 'both `every` and `cron`'],
  ['sync: { a: { from: b, to: c, every: 1s } }', 'is less than a minute'],
  ['sync: { a: { from: b, to: c, cron: daily } }', 'is not a schedule'],
  ['sync: { a: { from: b, to: c, regex: "(" } }', 'is not a regular expression'],
  ['sync: { a: { from: b, to: c, semver: latest } }', 'is not a range of versions'],
  ['sync: { a: { from: b, to: c, semver: ">=2 <" } }', 'is not a range of versions'],
  ['sync: { a: { from: b, to: c, semver: ">=2.0, <4" } }', 'is not a range of versions'],
  ['sync: { a: { from: B/c, to: c } }', 'is not a repository such as'],
  ['sync: { a: { from: b, to: c, platforms: linux } }', 'is not a platform such as linux/amd64'],
])('%s is refused in words', (text, complaint) => {
  expect(() => read(text)).toThrow(complaint)
})

test.each([
  '>=2.0 <4',
  '>= 1.2',
  '^1',
  '~>1.2',
  'v1.x',
  '1.2 - 2.3',
  '1 || 2.*',
  '*',
  '1.0.0-rc.1+b',
])('%s is a range of versions', (semver) => {
  const { sync } = read(`sync: { a: { from: b, to: c, semver: '${semver}' } }`)
  expect(sync?.['a']).toMatchObject({ semver })
})

test.each(['', '\n', '# access: {}\n\n'])(
  'a file without keys is refused, as one cut off is',
  (text) => {
    expect(() => read(text)).toThrow('registry.yaml:1:1: the file has no keys')
  },
)

test.each([
  ['acess: {}', "1:1: unknown key 'acess' in the file (did you mean 'access'?)"],
  ['listen: { prot: 1 }', "1:11: unknown key 'prot' in listen (did you mean 'port'?)"],
  ['listen: { port: 70000 }', "'listen.port' is not a port: at most 65535"],
  ['listen: { tls: { certificate: a } }', "'key' is missing in listen.tls"],
  ['listen: { url: "https://a:b@c" }', "'listen.url' is not an http(s) URL"],
  ['listen: { proxies: [proxy.example] }', "'listen.proxies[0]' is not an address or a network"],
  ['listen: { proxies: [10.0.0.0/99] }', "'listen.proxies[0]' is not an address or a network"],
  ['listen: { proxies: [999.0.0.1] }', "'listen.proxies[0]' is not an address or a network"],
  ['limits: { requests: 0 }', "'limits.requests' is 0, which lets nothing through"],
  ['limits: { blob: 0 }', "'limits.blob' is 0, which lets nothing through"],
  ['limits: { blob: lots }', "'limits.blob' is not a size such as 64KiB, 500MB or 10GiB"],
  ['limits: { idle-timeout: 1h }', "'limits.idle-timeout' is not between 8s and 255s"],
  ['access: { anonymous: [/etc] }', "'access.anonymous[0]' is not a pattern of repositories"],
  [
    'access: { oidc: { issuer: "https://a", audience: b, keys: c, rules: [{ when: { ref: "*" }, repositories: "**", actions: push }] } }',
    'wants at least one of sub, repository',
  ],
  [
    'access: { oidc: { issuer: "https://a", audience: b, keys: c, rules: [{ when: { sub: a }, repositories: a, actions: admin }] } }',
    "'admin' is not one of pull, push, delete",
  ],
  [
    'access: { oidc: { issuer: "https://a", audience: b, keys: "http://a/jwks", rules: [{ when: { sub: a }, repositories: a, actions: pull }] } }',
    'is read without TLS',
  ],
])('%s is refused with its place', (text, complaint) => {
  expect(() => read(text)).toThrow(complaint)
  expect(() => read(text)).toThrow(
    expect.objectContaining({ hints: ['docs/formats/registry-yaml.md describes every key.'] }),
  )
})

test('the JSON Schema takes numbers where the file has them', () => {
  const text = JSON.stringify(registryJsonSchema())
  expect(text).toContain('"title":"registry.yaml"')
  expect(text).toContain('"integer"')
})
