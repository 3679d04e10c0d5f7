import { expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { credentialFiles, dockerCredentials } from './credentials.ts'

const pair = (text: string) => Buffer.from(text).toString('base64')
const password = (username: string, secret: string) =>
  ({ kind: 'password', username, password: secret }) as const

async function found(config: object, registry: string) {
  using folder = temporaryFolder()
  const path = join(folder.path, 'config.json')
  writeFileSync(path, JSON.stringify(config))
  const helper = join(folder.path, 'docker-credential-test')
  writeFileSync(
    helper,
    `#!/bin/sh
read -r host
case "$host" in
  known.example) echo '{"Username":"ada","Secret":"s3cret"}' ;;
  token.example) echo '{"Username":"<token>","Secret":"tok"}' ;;
  none.example) echo 'credentials not found in native keychain'; exit 1 ;;
  *) echo "no: $host" >&2; exit 1 ;;
esac
`,
  )
  chmodSync(helper, 0o755)
  const env = { PATH: `${folder.path}:/usr/bin:/bin` }
  const missing = join(folder.path, 'missing.json')
  return await dockerCredentials({ paths: [missing, path], env })(registry)
}

test.each([
  [{ auths: { 'a.example': { auth: pair('ada:p:w') } } }, password('ada', 'p:w')],
  [{ auths: { 'https://a.example/v2/': { auth: pair('ada:p') } } }, password('ada', 'p')],
  [{ auths: { 'a.example': { username: 'u', password: 'p' } } }, password('u', 'p')],
  [{ auths: { 'a.example': { identitytoken: 't' } } }, { kind: 'identity-token', token: 't' }],
  [{ auths: { 'a.example': {} } }, undefined],
  [{ auths: { 'b.example': { auth: pair('a:b') } } }, undefined],
  [{ auths: null }, undefined],
  [{}, undefined],
] as const)('%j', async (config, want) => {
  expect(await found(config, 'a.example')).toEqual(want)
})

test('Docker Hub is listed under its old address', async () => {
  const auths = { 'https://index.docker.io/v1/': { auth: pair('ada:hub') } }
  expect(await found({ auths }, 'docker.io')).toEqual(password('ada', 'hub'))
})

test('helpers: for one registry, for all, with a token, and one that knows nothing', async () => {
  const one = { credHelpers: { 'known.example': 'test' } }
  expect(await found(one, 'known.example')).toEqual(password('ada', 's3cret'))
  const all = { credsStore: 'test' }
  expect(await found(all, 'known.example')).toEqual(password('ada', 's3cret'))
  expect(await found(all, 'token.example')).toEqual({ kind: 'identity-token', token: 'tok' })
  expect(await found(all, 'none.example')).toBeUndefined()
})

test('a helper that fails, and a file that is none, are errors with a hint', async () => {
  const bad = { code: 'oci/bad-credentials-file', hints: [expect.any(String)] }
  await expect(found({ credsStore: 'test' }, 'odd.example')).rejects.toMatchObject(bad)
  await expect(found({ credsStore: '../x' }, 'odd.example')).rejects.toMatchObject(bad)
  await expect(found({ auths: [] }, 'odd.example')).rejects.toMatchObject(bad)
})

test('a helper that is not installed is named', async () => {
  await expect(found({ credsStore: 'nowhere' }, 'a.example')).rejects.toMatchObject({
    code: 'oci/bad-credentials-file',
    message: 'The credential helper docker-credential-nowhere failed: there is no such program',
  })
})

test('where log-ins are kept, by docker and by podman', () => {
  expect(credentialFiles({ HOME: '/home/ada' }, 7)).toEqual([
    '/home/ada/.docker/config.json',
    '/run/containers/7/auth.json',
    '/home/ada/.config/containers/auth.json',
  ])
  const env = {
    HOME: '/home/ada',
    REGISTRY_AUTH_FILE: '/ci/auth.json',
    DOCKER_CONFIG: '/ci/docker',
    XDG_RUNTIME_DIR: '/run/user/7',
    XDG_CONFIG_HOME: '',
  }
  expect(credentialFiles(env, 7)).toEqual([
    '/ci/auth.json',
    '/ci/docker/config.json',
    '/run/user/7/containers/auth.json',
    '/home/ada/.config/containers/auth.json',
  ])
})

test('a file that cannot be read is told as such, not as a registry that is away', async () => {
  using folder = temporaryFolder()
  const credentials = dockerCredentials({ paths: [folder.path], env: {} })
  await expect(credentials('a.example')).rejects.toMatchObject({
    code: 'oci/bad-credentials-file',
    message: `${folder.path} cannot be read: EISDIR`,
  })
})
