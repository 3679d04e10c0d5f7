/**
 * Container tools of others against our server: push, pull, copy, inspect, log-in.
 *
 * Their stores live in a temporary folder; nothing of the machine's own is touched.
 */
import { expect } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TemporaryFolder, temporaryFolder } from '#kernel/index.ts'
import { dockerCredentials, openLayout, registryClient, transfer } from '#oci/index.ts'
import { diskBlobs } from '#store/index.ts'
import { outside } from '../outside.ts'
import { guardedRegistry, ourRegistry, tool } from './servers.ts'

const timeoutMs = 60_000
const ada = {
  name: 'ada',
  kind: 'user',
  grants: [{ repositories: ['lab/**'], actions: ['pull', 'push'] }],
} as const

/** Arguments and environment that keep podman and buildah inside a folder. */
function containerTool(folder: TemporaryFolder) {
  const storage = ['--root', join(folder.path, 'root'), '--runroot', join(folder.path, 'run')]
  const flags = [...storage, '--storage-driver', 'vfs']
  const env = { HOME: folder.path, XDG_RUNTIME_DIR: folder.path, TMPDIR: folder.path }
  return (program: string, ...argv: readonly string[]) => tool([program, ...flags, ...argv], env)
}

/** An image of one file, made by buildah in an OCI layout. */
async function buildahImage(folder: TemporaryFolder): Promise<string> {
  const run = containerTool(folder)
  const file = join(folder.path, 'hello.txt')
  writeFileSync(file, 'hello from a layer\n')
  const container = (await run('buildah', 'from', 'scratch')).trim()
  await run('buildah', 'copy', container, file, '/hello.txt')
  await run('buildah', 'config', '--label', 'org.example.made-by=test', container)
  await run('buildah', 'commit', container, 'localhost/made:1')
  return 'localhost/made:1'
}

outside(['buildah', 'podman', 'skopeo'])(
  'buildah pushes, podman pulls, skopeo copies, and all see the same image',
  async () => {
    await using server = await ourRegistry()
    using folder = temporaryFolder()
    const run = containerTool(folder)
    const image = await buildahImage(folder)
    const [first, second] = [`${server.registry}/tools/a:1`, `${server.registry}/tools/b:2`]

    await run('buildah', 'push', '--tls-verify=false', image, `docker://${first}`)
    await run('podman', 'pull', '--tls-verify=false', first)
    const labels = await run('podman', 'image', 'inspect', first, '--format', '{{.Labels}}')
    expect(labels).toContain('org.example.made-by:test')

    await run('podman', 'push', '--tls-verify=false', first, `docker://${second}`)
    const flags = ['--src-tls-verify=false', '--dest-tls-verify=false']
    const third = `${server.registry}/tools/c:3`
    await tool(['skopeo', 'copy', ...flags, `docker://${second}`, `docker://${third}`], {
      HOME: folder.path,
    })
    const inspected = await tool(['skopeo', 'inspect', '--tls-verify=false', `docker://${third}`], {
      HOME: folder.path,
    })
    expect(JSON.parse(inspected)).toMatchObject({
      RepoTags: ['3'],
      Labels: { 'org.example.made-by': 'test' },
    })
  },
  timeoutMs,
)

outside(['skopeo'])(
  'an artifact of ours is copied by skopeo to a folder and back, digest for digest',
  async () => {
    await using server = await ourRegistry()
    using folder = temporaryFolder()
    const [dir, out] = [join(folder.path, 'layout'), join(folder.path, 'out')]
    mkdirSync(dir)
    const { layout, digest } = await zstdImage(dir)
    const client = registryClient()
    const repository = { registry: server.registry, repository: 'art' }
    await transfer({
      from: { kind: 'layout', layout },
      to: { kind: 'registry', client, repository },
      reference: 'it',
      tags: ['1'],
    })
    const at = `docker://${server.registry}/art`
    const env = { HOME: folder.path }
    const flags = ['--src-tls-verify=false', '--dest-tls-verify=false', '--preserve-digests']
    await tool(['skopeo', 'copy', ...flags, `${at}:1`, `oci:${out}:it`], env)
    await tool(['skopeo', 'copy', ...flags, `oci:${out}:it`, `${at}:2`], env)
    expect((await client.resolve({ ...repository, tag: '2' }))?.digest).toBe(digest)
    await tool(['skopeo', 'delete', '--tls-verify=false', `${at}:2`], env)
    expect(await client.tags(repository)).toEqual([])
  },
  timeoutMs,
)

outside(['skopeo'])(
  'skopeo login stores what our client then reads; without it everything is refused',
  async () => {
    await using server = await guardedRegistry()
    await server.accounts.add({ ...ada, password: 'pass:word-of-ada' })
    using folder = temporaryFolder()
    const auth = join(folder.path, 'auth.json')
    const stranger = registryClient()
    await expect(stranger.ping(server.registry)).rejects.toMatchObject({
      code: 'oci/unauthorized',
      hints: [expect.stringContaining(`docker login ${server.registry}`)],
    })
    const login = ['skopeo', 'login', '--tls-verify=false', '--authfile', auth, '-u', 'ada']
    const wrong = tool([...login, '--password-stdin', server.registry], {}, 'wrong')
    await expect(wrong).rejects.toThrow(/401|invalid username|unauthorized/i)
    await tool([...login, '--password-stdin', server.registry], {}, 'pass:word-of-ada')
    expect(readFileSync(auth, 'utf8')).toContain(server.registry)
    const known = registryClient({ credentials: dockerCredentials({ paths: [auth], env: {} }) })
    await known.ping(server.registry)
  },
  timeoutMs,
)

const logIns: Readonly<Record<string, (registry: string, auth: string) => readonly string[]>> = {
  docker: (registry) => ['docker', 'login', '-u', 'ada', '--password-stdin', registry],
  podman: (registry, auth) => podmanLike('podman', registry, auth),
  buildah: (registry, auth) => podmanLike('buildah', registry, auth),
  skopeo: (registry, auth) => podmanLike('skopeo', registry, auth),
}

function podmanLike(program: string, registry: string, auth: string): readonly string[] {
  const flags = ['--tls-verify=false', '--authfile', auth, '-u', 'ada', '--password-stdin']
  return [program, 'login', ...flags, registry]
}

for (const [program, argv] of Object.entries(logIns))
  outside([program, 'skopeo'])(
    `${program} login: with the password it goes on, with another it does not`,
    async () => {
      await using server = await guardedRegistry()
      await server.accounts.add({ ...ada, password: 'pass:word-of-ada' })
      using folder = temporaryFolder()
      const auth = join(folder.path, 'config.json')
      const env = { HOME: folder.path, DOCKER_CONFIG: folder.path, XDG_RUNTIME_DIR: folder.path }
      const line = argv(server.registry, auth)
      await expect(tool(line, env, 'wrong')).rejects.toThrow(/401|unauthorized|invalid username/i)
      await tool(line, env, 'pass:word-of-ada')
      // What it stored lets skopeo push where ada may, and nowhere else.
      const image = join(folder.path, 'layout')
      mkdirSync(image)
      await zstdImage(image)
      const copy = (to: string) =>
        tool(
          ['skopeo', 'copy', '--authfile', auth, '--dest-tls-verify=false', `oci:${image}:it`, to],
          env,
        )
      await copy(`docker://${server.registry}/lab/image:1`)
      await expect(copy(`docker://${server.registry}/eve/image:1`)).rejects.toThrow(
        /denied|forbidden/i,
      )
    },
    timeoutMs,
  )

outside(['podman', 'skopeo'])(
  'strangers pull what everybody may pull, and nothing else',
  async () => {
    await using server = await guardedRegistry("access: { anonymous: ['lab/public/**'] }")
    const robot = await server.accounts.add({ ...ada, name: 'ci', kind: 'token' })
    using folder = temporaryFolder()
    const image = join(folder.path, 'layout')
    mkdirSync(image)
    await zstdImage(image)
    const env = { HOME: folder.path, XDG_RUNTIME_DIR: folder.path, TMPDIR: folder.path }
    const push = ['skopeo', 'copy', '--dest-creds', `ci:${robot.secret}`, '--dest-tls-verify=false']
    for (const name of ['lab/public/image', 'lab/private'])
      await tool([...push, `oci:${image}:it`, `docker://${server.registry}/${name}:1`], env)
    const run = containerTool(folder)
    const pull = (name: string) =>
      run('podman', 'pull', '--tls-verify=false', `${server.registry}/${name}:1`)
    await pull('lab/public/image')
    await expect(pull('lab/private')).rejects.toThrow(/unauthorized|authentication required/i)
  },
  timeoutMs,
)

/** An image with one empty zstd layer, as our builds have them. */
async function zstdImage(dir: string) {
  const blobs = diskBlobs(dir)
  const layout = openLayout(dir, blobs)
  const put = async (bytes: Uint8Array, mediaType: string) => {
    const chunks = (async function* () {
      yield bytes
    })()
    const { digest } = await blobs.write(chunks, { maxBytes: bytes.byteLength })
    return { mediaType, digest, size: bytes.byteLength }
  }
  const json = (value: object) => new TextEncoder().encode(JSON.stringify(value))
  const tar = new Uint8Array(10_240)
  const diffId = (await put(tar, 'application/octet-stream')).digest
  const layer = await put(Bun.zstdCompressSync(tar), 'application/vnd.oci.image.layer.v1.tar+zstd')
  const config = await put(
    json({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [diffId] },
    }),
    'application/vnd.oci.image.config.v1+json',
  )
  const manifestType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await put(
    json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }),
    manifestType,
  )
  await layout.tag('it', manifest)
  return { layout, digest: manifest.digest }
}
