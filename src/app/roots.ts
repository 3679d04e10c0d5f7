/**
 * What keeps builds in the store alive: lockfiles that were used here, and views that processes
 * stand in.
 *
 * A lockfile is remembered by its path when it is used; it counts for as long as it exists.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  AppError,
  type Digest,
  digestOf,
  digestParts,
  limits,
  readIfPresent,
  systemCode,
  writeFileAtomic,
} from '#kernel/index.ts'
import { parseLockfile } from '#model/index.ts'

/** Remembers that a lockfile uses this store. On a read-only home nothing needs to be kept. */
export function rememberLockfile(home: string, lockPath: string): void {
  const path = join(home, 'projects', digestParts(digestOf(lockPath)).hex.slice(0, 32))
  if (existsSync(path)) return
  try {
    mkdirSync(join(home, 'projects'), { recursive: true })
    writeFileAtomic(path, lockPath)
  } catch (error) {
    if (!(error instanceof AppError) && systemCode(error) === undefined) throw error
  }
}

export interface KnownLockfiles {
  /** Manifest digests of the builds that they name. */
  readonly builds: ReadonlySet<Digest>
  readonly lockfiles: readonly string[]
}

/**
 * The builds that lockfiles name. A lockfile that is gone is forgotten.
 * @throws AppError `model/bad-lockfile`: what it names is unknown, so nothing may be collected.
 */
export function knownLockfiles(home: string): KnownLockfiles {
  const folder = join(home, 'projects')
  const builds = new Set<Digest>()
  const lockfiles: string[] = []
  for (const name of existsSync(folder) ? readdirSync(folder).sort() : []) {
    if (name.startsWith('.')) continue
    const path = readFileSync(join(folder, name), 'utf8')
    const bytes = readIfPresent(path)
    if (bytes === undefined || bytes.byteLength > limits.lockfileBytesMax) {
      rmSync(join(folder, name), { force: true })
      continue
    }
    lockfiles.push(path)
    const lock = parseLockfile(new TextDecoder().decode(bytes), path)
    for (const environment of Object.values(lock.environments))
      for (const target of Object.values(environment.targets))
        for (const locked of target.packages) if (locked.kind === 'build') builds.add(locked.build)
  }
  return { builds, lockfiles }
}

/**
 * Keys of the views that running processes have mounted, point into, or are about to mount; Linux
 * only.
 */
export function viewsInUse(home: string): ReadonlySet<string> {
  const keys = new Set<string>()
  if (process.platform !== 'linux') return keys
  const pattern = /\/(?:views|moved)\/([0-9a-f]{32,64})\//g
  const known = new Set(existsSync(join(home, 'views')) ? readdirSync(join(home, 'views')) : [])
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    for (const file of ['cmdline', 'mountinfo', 'environ'])
      for (const [, key = ''] of readQuietly(`/proc/${pid}/${file}`).matchAll(pattern))
        if (known.has(key)) keys.add(key)
  return keys
}

/** Processes come and go, and those of others do not open up. */
function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
