/** Layers in the hands of skopeo and podman: copied, pulled and run as they are. */
import { expect } from 'bun:test'
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Digest, digestOf, one, type TemporaryFolder } from '#kernel/index.ts'
import { outside } from '../../test/outside.ts'
import { tocPlaces } from './chunked.ts'
import { packLayer } from './pack.ts'
import { openStore, type Store } from './store.ts'
import { unpackLayer } from './unpack.ts'

const busybox = Bun.which('busybox')
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

outside(process.getuid?.() === 0 ? programs : ['root'])(
  'skopeo copies a layer unchanged, podman pulls it and runs what is in it',
  async () => {
    using folder = lowerCaseFolder()
    const store = openStore(join(folder.path, 'home'))
    const source = join(folder.path, 'source')
    mkdirSync(join(source, 'usr/local/bin'), { recursive: true })
    copyFileSync(busybox ?? '', join(source, 'usr/local/bin/busybox'))
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

interface Written {
  readonly layer: { digest: Digest; size: number; annotations: Record<string, string> }
  readonly diffId: Digest
  readonly entries: readonly Record<string, unknown>[]
}

/** The layer of an image layout, and the table of contents that its annotations point to. */
function written(layout: string): Written {
  const bytes = (digest: string) => readFileSync(join(layout, 'blobs', digest.replace(':', '/')))
  const manifest = JSON.parse(bytes(manifestDigest(layout)).toString())
  const [layer] = manifest.layers
  const [place] = tocPlaces(layer.annotations)
  if (place === undefined || place === 'bad') throw new Error('no table of contents')
  const { offset, length } = place
  const text = Bun.zstdDecompressSync(bytes(layer.digest).subarray(offset, offset + length))
  const config = JSON.parse(bytes(manifest.config.digest).toString())
  return { layer, diffId: config.rootfs.diff_ids[0], entries: JSON.parse(text.toString()).entries }
}

/** What both writers say of an entry: not where its frames are, nor times that no tar here has. */
function comparable(entries: Written['entries']) {
  const own = new Set(['offset', 'endOffset', 'accesstime', 'changetime'])
  return entries
    .filter((entry) => entry['type'] !== 'chunk')
    .map((entry) =>
      Object.fromEntries(
        Object.entries(entry).filter(([key]) => !own.has(key) && !key.startsWith('chunk')),
      ),
    )
}

outside(['podman', 'root'])(
  'podman writes the table of contents that we write, and its layer unpacks to the same tree',
  async () => {
    using folder = lowerCaseFolder()
    const store = openStore(join(folder.path, 'home'))
    const source = join(folder.path, 'source')
    mkdirSync(join(source, 'usr/local/lib/empty'), { recursive: true })
    const noise = new Bun.CryptoHasher('sha512')
    const big = Array.from({ length: 50_000 }, () => noise.update('more').copy().digest())
    writeFileSync(join(source, 'usr/local/lib/big'), Buffer.concat(big))
    writeFileSync(join(source, 'usr/local/lib/none'), '')
    writeFileSync(join(source, 'usr/local/lib/tool'), '#!/bin/sh\n', { mode: 0o755 })
    writeFileSync(join(source, `usr/local/lib/\u00fc-${'n'.repeat(150)}`), 'long')
    symlinkSync('tool', join(source, 'usr/local/lib/link'))
    await imageOf(store, source)
    const theirs = join(folder.path, 'theirs')

    const folders = ['--root', join(folder.path, 'root'), '--runroot', join(folder.path, 'run')]
    const podman = ['podman', ...folders, '--cgroup-manager=cgroupfs', '--storage-driver=vfs']
    const image = run([...podman, 'pull', '-q', `oci:${store.home}:test`]).trim()
    const how = ['--compression-format', 'zstd:chunked']
    run([...podman, 'push', '-q', ...how, image, `oci:${theirs}:test`])

    const ours = written(store.home)
    const other = written(theirs)
    expect(other.layer.digest).not.toBe(ours.layer.digest)
    expect(other.diffId).toBe(ours.diffId)
    expect(comparable(ours.entries)).toEqual(comparable(other.entries))
    const bytes = readFileSync(join(theirs, 'blobs', other.layer.digest.replace(':', '/')))
    await store.blobs.write(one(bytes), { maxBytes: bytes.byteLength })
    const tree = await unpackLayer(store, { ...other.layer, diffId: other.diffId })
    expect(tree.fileList).toBe((await unpackLayer(store, ours.layer)).fileList)
  },
  120_000,
)

function manifestDigest(layout: string): string {
  const index: { manifests: { digest: string }[] } = JSON.parse(
    readFileSync(join(layout, 'index.json'), 'utf8'),
  )
  return index.manifests[0]?.digest ?? ''
}
