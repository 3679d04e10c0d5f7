/** File systems in memory that a test mounts, where this user may. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from './outside.ts'
import { toolPath } from './protocol/servers.ts'

export interface MountedDisk extends Disposable {
  readonly path: string
  readonly mounted: boolean
}

interface DiskKind {
  /** A full `tmpfs` says so; a `ramfs` knows nothing but the page cache. */
  readonly type: 'tmpfs' | 'ramfs'
  readonly sizeBytes: number
}

export function mountedDisk({ type, sizeBytes }: DiskKind): MountedDisk {
  const folder = temporaryFolder()
  const path = join(folder.path, 'disk')
  mkdirSync(path)
  const mounted = succeeds(['mount', '-t', type, '-o', `size=${sizeBytes}`, type, path])
  return {
    path,
    mounted,
    [Symbol.dispose]: () => {
      if (mounted) succeeds(['umount', '-l', path])
      folder[Symbol.dispose]()
    },
  }
}

/** A test that runs where this user may mount such a file system. */
export function onDisk(type: DiskKind['type']): ReturnType<typeof outside> {
  using disk = mountedDisk({ type, sizeBytes: 65_536 })
  return outside(disk.mounted ? ['mount', 'umount'] : [`the right to mount a ${type}`])
}

function succeeds(argv: readonly string[]): boolean {
  const env = { PATH: toolPath }
  return Bun.spawnSync([...argv], { env, stdio: ['ignore', 'ignore', 'ignore'] }).success
}
