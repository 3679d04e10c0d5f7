/**
 * Container tools of others through the cache: by prefix, and as a mirror of another registry.
 */
import { expect } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../outside.ts'
import { dockerHub } from './hub.ts'
import { cacheOf, upstreamAt } from './proxied.ts'
import { debianRegistry, tool } from './servers.ts'

const timeoutMs = 90_000

/** Arguments and environment that keep a tool inside a folder. */
function within(folder: string) {
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run')]
  const flags = [...storage, '--storage-driver', 'vfs']
  const env = { HOME: folder, XDG_RUNTIME_DIR: folder, TMPDIR: folder }
  return {
    env,
    run: (program: string, ...argv: readonly string[]) => tool([program, ...flags, ...argv], env),
  }
}

outside(['docker-registry', 'buildah', 'podman', 'skopeo'])(
  'podman and skopeo pull through, also as a mirror in registries.conf',
  async () => {
    await using origin = await debianRegistry()
    await using hub = dockerHub({ backing: origin.url })
    await using cache = await cacheOf([upstreamAt(hub.registry)])
    using folder = temporaryFolder()
    const { env, run } = within(folder.path)
    const file = join(folder.path, 'hello.txt')
    writeFileSync(file, 'hello through a cache\n')
    const container = (await run('buildah', 'from', 'scratch')).trim()
    await run('buildah', 'copy', container, file, '/hello.txt')
    await run('buildah', 'commit', container, 'localhost/made:1')
    const image = `docker://${origin.registry}/library/hello:1`
    await run('buildah', 'push', '--tls-verify=false', 'localhost/made:1', image)

    const name = `${cache.registry}/up/library/hello:1`
    await run('podman', 'pull', '--tls-verify=false', name)
    const flags = ['--src-tls-verify=false']
    const layout = `oci:${join(folder.path, 'out')}:1`
    await tool(['skopeo', 'copy', ...flags, `docker://${name}`, layout], env)
    const listed = await tool(
      ['skopeo', 'list-tags', '--tls-verify=false', `docker://${cache.registry}/up/library/hello`],
      env,
    )
    expect(JSON.parse(listed)).toMatchObject({ Tags: ['1'] })
    expect(hub.pulls).toEqual({ '': 1 })
    expect(hub.count('GET /v2/library/hello/blobs/')).toBe(2)

    const config = join(folder.path, 'registries.conf')
    writeFileSync(
      config,
      `[[registry]]
location = "hub.example"
[[registry.mirror]]
location = "${cache.registry}/up"
insecure = true
`,
    )
    const mirrored = join(folder.path, 'mirrored')
    const conf = ['skopeo', '--registries-conf', config, 'copy']
    const mirror = 'docker://hub.example/library/hello:1'
    await tool([...conf, mirror, `oci:${mirrored}:1`], env)
    expect(readFileSync(join(mirrored, 'index.json'), 'utf8')).toContain('sha256:')
    expect(hub.pulls).toEqual({ '': 1 })

    hub.instead = () => new Response('down', { status: 503 })
    await run('podman', 'rmi', '--all', '--force')
    await run('podman', 'pull', '--tls-verify=false', name)
  },
  timeoutMs,
)
