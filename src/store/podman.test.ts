/** Layers in the hands of skopeo and podman: copied, pulled and run as they are. */
import { expect } from 'bun:test'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, one, type TemporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { packLayer } from './pack.ts'
import { openStore, type Store } from './store.ts'

const busybox = '/usr/bin/busybox'
const programs = ['skopeo', 'podman', 'runc', 'busybox']

/** Writes the config, the manifest and the index of an image with one layer. */
async function imageOf(store: Store, folder: string): Promise<void> {
  const { descriptor, diffId } = await packLayer(store, folder, { epochSeconds: 1_600_000_000 })
  const put = async (value: unknown, mediaType: string) => {
    const bytes = Buffer.from(JSON.stringify(value))
    await store.blobs.write(one(bytes), { maxBytes: 1e6 })
    return { mediaType, digest: digestOf(bytes), size: bytes.byteLength }
  }
  const config = await put(
    {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Entrypoint: ['/usr/local/bin/busybox'] },
      rootfs: { type: 'layers', diff_ids: [diffId] },
    },
    'application/vnd.oci.image.config.v1+json',
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await put(
    { schemaVersion: 2, mediaType, config, layers: [descriptor] },
    mediaType,
  )
  const annotations = { 'org.opencontainers.image.ref.name': 'test' }
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] }
  writeFileSync(join(store.home, 'index.json'), JSON.stringify(index))
}

/** podman takes a layout's path for a name, and names are lower case. */
function lowerCaseFolder(): TemporaryFolder {
  const path = join(tmpdir(), `backlot-podman-${process.pid}`)
  mkdirSync(path)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function run(argv: readonly string[]): string {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, HOME: '/root' }
  const done = Bun.spawnSync([...argv], { env })
  if (done.exitCode !== 0) throw new Error(`${argv.join(' ')}\n${done.stderr.toString()}`)
  return done.stdout.toString()
}

const isAble = process.getuid?.() === 0 && existsSync(busybox)

outside(isAble ? programs : ['busybox-static and root'])(
  'skopeo copies a layer unchanged, podman pulls it and runs what is in it',
  async () => {
    using folder = lowerCaseFolder()
    const store = openStore(join(folder.path, 'home'))
    const source = join(folder.path, 'source')
    mkdirSync(join(source, 'usr/local/bin'), { recursive: true })
    copyFileSync(busybox, join(source, 'usr/local/bin/busybox'))
    writeFileSync(join(source, 'usr/local/hello'), 'hello from a layer\n')
    await imageOf(store, source)
    const copy = join(folder.path, 'copy')

    run(['skopeo', 'copy', `oci:${store.home}:test`, `oci:${copy}:test`])
    const runc = Bun.which('runc', { PATH: '/usr/sbin:/usr/bin:/sbin' }) ?? 'runc'
    const folders = ['--root', join(folder.path, 'root'), '--runroot', join(folder.path, 'run')]
    const drivers = ['--cgroup-manager=cgroupfs', '--storage-driver=vfs', '--runtime', runc]
    const podman = ['podman', ...folders, ...drivers]
    const image = run([...podman, 'pull', '-q', `oci:${copy}:test`]).trim()
    const limits = ['--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=1000:1000']
    const words = ['run', '--rm', '--network=none', ...limits, image, 'cat', '/usr/local/hello']

    expect(run([...podman, ...words])).toBe('hello from a layer\n')
    const before = readFileSync(join(store.home, 'index.json'), 'utf8')
    const manifest: unknown = JSON.parse(before)
    expect(manifest).toMatchObject({ manifests: [{ digest: manifestDigest(copy) }] })
  },
  120_000,
)

function manifestDigest(layout: string): string {
  const index: { manifests: { digest: string }[] } = JSON.parse(
    readFileSync(join(layout, 'index.json'), 'utf8'),
  )
  return index.manifests[0]?.digest ?? ''
}
