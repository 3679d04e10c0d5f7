import { expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { parseRegistryConfig } from '#model/index.ts'
import { exposures } from './exposure.ts'

const tls = 'tls: { certificate: a.crt, key: a.key }'

test.each<[string, string, string[]]>([
  ['127.0.0.1', '{}', []],
  ['localhost', '{}', []],
  ['::1', '{}', []],
  ['0.0.0.0', '{}', ['Whoever reaches 0.0.0.0 may read, push and delete everything']],
  ['::', `listen: { ${tls} }`, ['Whoever reaches :: may read, push and delete everything']],
  ['10.0.0.5', 'access: {}', ['Passwords and tokens go to 10.0.0.5 without TLS']],
  ['10.0.0.5', `{ access: {}, listen: { ${tls} } }`, []],
  ['10.0.0.5', '{ access: {}, listen: { url: "https://a.b" } }', []],
  ['10.0.0.5', '{ access: {}, listen: { proxies: [10.0.0.1] } }', []],
])('%s with %s', (host, yaml, texts) => {
  using folder = temporaryFolder()
  const config = parseRegistryConfig(yaml, 'registry.yaml')
  const found = exposures({ host, config, dir: folder.path, folder: folder.path })
  expect(found.map(({ text }) => text)).toEqual(texts)
})

test('secrets that everybody may read are told, unless their folder is closed', () => {
  using folder = temporaryFolder()
  const { path } = folder
  chmodSync(path, 0o755)
  for (const [name, mode] of [
    ['a.key', 0o600],
    ['hub.txt', 0o644],
    ['service.db', 0o644],
  ] as const) {
    writeFileSync(join(path, name), 'x')
    chmodSync(join(path, name), mode)
  }
  const config = parseRegistryConfig(
    `listen: { ${tls} }
upstreams: { docker.io: { accounts: [{ username: a, password-file: hub.txt }] } }`,
    'registry.yaml',
  )
  const found = () => exposures({ host: '127.0.0.1', config, dir: path, folder: path })
  const both = `${join(path, 'hub.txt')}, ${join(path, 'service.db')}`
  expect(found()).toMatchObject([{ text: `Everybody on this machine may read ${both}` }])
  chmodSync(path, 0o700)
  expect(found()).toEqual([])
})
