/**
 * Small builds and a base to bake images from, and podman to run them.
 */
import { copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  bakeImage,
  type BakedImage,
  type BakeRequest,
  type ImagePackage,
  scratch,
} from '#image/index.ts'
import { digestOf, type TemporaryFolder, temporaryFolder } from '#kernel/index.ts'
import { openStore, packLayer, type Store } from '#store/index.ts'
import { tool, toolPath } from '../protocol/servers.ts'

const epochSeconds = 1_666_000_000

export interface Fixture extends Disposable {
  readonly folder: string
  readonly store: Store
}

export function fixture(): Fixture {
  const folder: TemporaryFolder = temporaryFolder()
  return {
    folder: folder.path,
    store: openStore(join(folder.path, 'home')),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

/** A build of these files, relative to the root; those in a `bin` folder are programs. */
export async function fakeBuild(
  { folder, store }: Fixture,
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<ImagePackage> {
  const tree = join(folder, 'trees', name)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), content, { mode: path.includes('bin/') ? 0o755 : 0o644 })
  }
  return packed(store, tree, name)
}

/** A build of a tree that is there. */
export function buildOf({ store }: Fixture, name: string, tree: string): Promise<ImagePackage> {
  return packed(store, tree, name)
}

/** A root file system that is busybox alone. */
export async function busyboxBase(fixed: Fixture): Promise<ImagePackage> {
  const tree = join(fixed.folder, 'trees/busybox')
  mkdirSync(join(tree, 'bin'), { recursive: true })
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'))
  for (const applet of ['sh', 'cat', 'ls', 'echo', 'env', 'id', 'pwd'])
    symlinkSync('busybox', join(tree, 'bin', applet))
  return packed(fixed.store, tree, 'busybox')
}

/** What a C++ program needs of the system: busybox, the loader and the libraries of this host. */
export async function hostBase(fixed: Fixture): Promise<ImagePackage> {
  const tree = join(fixed.folder, 'trees/host')
  const wanted = ['/bin/busybox', '/lib64/ld-linux-x86-64.so.2']
  const cache = await tool(['ldconfig', '-p'])
  for (const library of [
    'libc.so.6',
    'libm.so.6',
    'libstdc++.so.6',
    'libgcc_s.so.1',
    'libz.so.1',
  ]) {
    const line = cache.split('\n').find((one) => one.includes(library) && one.includes('x86-64'))
    wanted.push(line?.split(' => ')[1] ?? library)
  }
  for (const path of wanted) {
    mkdirSync(join(tree, dirname(path)), { recursive: true })
    copyFileSync(realpathSync(path), join(tree, path))
  }
  symlinkSync('busybox', join(tree, 'bin/sh'))
  return packed(fixed.store, tree, 'host')
}

async function packed(store: Store, tree: string, name: string): Promise<ImagePackage> {
  const { descriptor, diffId } = await packLayer(store, tree, { epochSeconds, prefix: '' })
  const layer = { ...descriptor, annotations: { ...descriptor.annotations } }
  return { name, version: '1.0', build: digestOf(name), layer, diffId }
}

/** Bakes for this kind of machine, on nothing unless said otherwise. */
export async function bake(
  { store }: Fixture,
  packages: readonly ImagePackage[],
  more: Partial<BakeRequest> = {},
): Promise<BakedImage> {
  return bakeImage(store, {
    packages,
    base: scratch,
    target: 'linux-x86_64',
    settings: {},
    epochSeconds,
    ...more,
  })
}

export interface Podman extends AsyncDisposable {
  /** podman with a storage of its own. */
  (...argv: readonly string[]): Promise<string>
}

/** What lets containers run where nothing but root and a kernel is given. */
const runOptions = [
  '--rm',
  '--network=none',
  '--ulimit=nofile=1024:4096',
  '--ulimit=nproc=1000:1000',
]

export function podman(driver: 'vfs' | 'overlay' = 'vfs'): Podman {
  const folder = temporaryFolder()
  const runtime = Bun.which('runc', { PATH: toolPath }) ?? 'runc'
  const common = [
    'podman',
    `--root=${folder.path}/root`,
    `--runroot=${folder.path}/run`,
    `--tmpdir=${folder.path}/tmp`,
    '--cgroup-manager=cgroupfs',
    '--events-backend=none',
    `--storage-driver=${driver}`,
    `--runtime=${runtime}`,
  ]
  const ask = (...argv: readonly string[]): Promise<string> => {
    const [command = '', ...rest] = argv
    const options = command === 'run' ? runOptions : []
    return tool([...common, command, ...options, ...rest], { HOME: folder.path })
  }
  return Object.assign(ask, {
    [Symbol.asyncDispose]: async () => {
      // The overlay driver mounts its folder on itself.
      await tool(['sh', '-c', 'umount "$0" 2>/dev/null || true', `${folder.path}/root/overlay`])
      folder[Symbol.dispose]()
    },
  })
}
