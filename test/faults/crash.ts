/**
 * kill -9 at random moments of build, publish and serve, and what has to hold afterwards.
 *
 * After every kill: no process of it is left, the same command succeeds, the store is sound, what
 * was acknowledged is there; and after a `gc` no temporary file is.
 */
import { expect } from 'bun:test'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { digestOf } from '#kernel/index.ts'
import { ended, type Project, type Running } from '../cli/harness.ts'
import { builtPlace, chainPlace, elsewhere, generator, succeeds, temporaryFiles } from './place.ts'
import { type Served, serveRegistry } from './registry.ts'

export interface Soak {
  readonly rounds: number
  readonly seed: number
  /** Told after every round. */
  readonly note: (text: string) => void
}

/** Kills a `build` at random moments. */
export async function killBuilds({ rounds, seed, note }: Soak): Promise<void> {
  const random = generator(seed)
  using place = chainPlace()
  const startMs = performance.now()
  await succeeds(place, 'build', '-q')
  const wholeMs = performance.now() - startMs
  for (let round = 1; round <= rounds; round += 1) {
    changeSources(place, round)
    const atMs = random() * wholeMs
    const state = await killedAfter(place.start('build', '-q'), atMs)
    await nothingRuns(place)
    await succeeds(place, 'build', '-q')
    await isSound(place)
    note(`build ${round}: ${state} at ${atMs.toFixed(0)} ms`)
  }
  await leavesNothing(place)
}

function changeSources(place: Project, round: number): void {
  for (const file of ['libone/src/one.cpp', 'libtwo/src/two.cpp', 'app/src/app.cpp'])
    appendFileSync(join(place.folder, 'recipes', file), `\nint unused_${round};\n`)
}

/** Kills a `publish` at random moments. */
export async function killPublishes({ rounds, seed, note }: Soak): Promise<void> {
  const random = generator(seed)
  using place = await builtPlace()
  await using registry = await serveRegistry(place)
  const wholeMs = await publishingMs(place, registry)
  for (let round = 1; round <= rounds; round += 1) {
    const to = `${registry.host}/round-${round}`
    const atMs = random() * wholeMs
    const state = await killedAfter(place.start('publish', '--to', to), atMs)
    await succeeds(place, 'publish', '--to', to)
    await isThere(place, to)
    note(`publish ${round}: ${state} at ${atMs.toFixed(0)} ms`)
  }
  await isSound(place)
  await leavesNothing(place)
  holdsWhatItNames(registry.data)
}

/** How long it takes the second time; the first time files have to be read. */
async function publishingMs(place: Project, { host }: Served): Promise<number> {
  await succeeds(place, 'publish', '--to', `${host}/first`)
  const startMs = performance.now()
  await succeeds(place, 'publish', '--to', `${host}/second`)
  return performance.now() - startMs
}

/** Kills a `serve` at random moments of a `publish`. */
export async function killServers({ rounds, seed, note }: Soak): Promise<void> {
  const random = generator(seed)
  using place = await builtPlace()
  let server: Served = await serveRegistry(place)
  try {
    const wholeMs = await publishingMs(place, server)
    for (let round = 1; round <= rounds; round += 1) {
      const { host, data } = server
      const to = `${host}/round-${round}`
      const publishing = ended(place.start('publish', '--to', to))
      const atMs = random() * wholeMs
      await killedAfter(server.child, atMs)
      server = await serveRegistry(place, { data, port: host.split(':')[1] ?? '' })
      const { exitCode, stderr } = await publishing
      // What was acknowledged has to be there without being sent again.
      if (exitCode === 0) await isThere(place, to)
      await succeeds(place, 'publish', '--to', to)
      await isThere(place, to)
      holdsWhatItNames(data)
      note(
        `serve ${round}: killed at ${atMs.toFixed(0)} ms, publish ended with ${exitCode} ${stderr.split('\n').find((line) => line.startsWith('error')) ?? ''}`,
      )
    }
    for (let round = 1; round <= rounds; round += 1)
      await isThere(place, `${server.host}/round-${round}`)
    await server.stop()
    holdsWhatItNames(server.data)
    expect(temporaryFiles(server.data).filter((path) => path.startsWith('.tmp'))).toEqual([])
  } finally {
    await server.stop()
  }
}

/** What else writes: the store, the project's folder, folders that the user names. */
const others = [
  'gc --keep-days 0',
  'lock --update',
  'clean',
  'view linked-N',
  'install prefix',
  'image build oci:image:N',
  'store verify --repair',
  'run app',
] as const

/** Kills the other commands that write at random moments. */
export async function killOthers({ rounds, seed, note }: Soak): Promise<void> {
  const random = generator(seed)
  using place = await builtPlace()
  const lock = readFileSync(join(place.folder, 'backlot.lock'), 'utf8')
  for (let round = 1; round <= rounds; round += 1) {
    const line = others[round % others.length]?.replace('N', String(round)) ?? ''
    // Without a view and a record there is something to do.
    if (round % 2 === 0) rmSync(join(place.home, 'runs'), { recursive: true, force: true })
    if (round % 3 === 0) await succeeds(place, 'clean')
    const atMs = random() * 500
    const state = await killedAfter(place.start(...line.split(' ')), atMs)
    // A view is there whole or not at all; one that is there is not written over.
    const view = join(place.folder, `linked-${round}`)
    if (existsSync(view)) expect(readdirSync(join(view, 'bin'))).toEqual(['app'])
    else await succeeds(place, ...line.split(' '))
    await isSound(place)
    expect(readFileSync(join(place.folder, 'backlot.lock'), 'utf8')).toBe(lock)
    note(`${line} ${round}: ${state} at ${atMs.toFixed(0)} ms`)
  }
  await leavesNothing(place)
}

/** Waits, then kills; what had become of it by then. */
async function killedAfter(child: Running, atMs: number): Promise<'killed' | 'done'> {
  await Bun.sleep(atMs)
  const outcome = child.exitCode === null ? 'killed' : 'done'
  child.kill('SIGKILL')
  await child.exited
  return outcome
}

/** Processes that have to do with the place: by what they were called with, or what they see. */
export function processesOf(place: Project): string[] {
  const mark = basename(dirname(place.home))
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const seen = ['cmdline', 'mountinfo'].map((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'utf8'),
      )
      return [...seen, readlinkSync(`/proc/${pid}/cwd`)].some((text) => text.includes(mark))
    } catch {
      return false // It ended meanwhile.
    }
  })
}

const patienceMs = 10_000

/** The kernel ends the processes of a sandbox a moment after its parent. */
export async function nothingRuns(place: Project): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (processesOf(place).length > 0 && performance.now() < endMs) await Bun.sleep(20)
  expect(processesOf(place)).toEqual([])
}

async function isSound(place: Project): Promise<void> {
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  await succeeds(place, 'store', 'verify')
}

/** After a collection there is no temporary file, and everything in use still works. */
export async function leavesNothing(place: Project): Promise<void> {
  for (const name of ['', 'runs', 'merged', 'cache/trees', 'cache/deb-src/.tmp-get-killed'])
    plant(join(place.home, name))
  plant(place.folder)
  mkdirSync(join(place.home, 'builds/killed-1-0123456789ab/src'), { recursive: true })
  await Bun.sleep(50) // A collection takes what is younger for somebody's.
  await succeeds(place, 'gc', '--keep-days', '0')
  expect(temporaryFiles(place.home)).toEqual([])
  expect(readdirSync(place.folder).filter((name) => name.startsWith('.tmp-'))).toEqual([])
  const failed = existsSync(join(place.home, 'builds'))
    ? readdirSync(join(place.home, 'builds'))
    : []
  expect(failed.filter((name) => !/\.lock(?:-journal)?$/.test(name))).toEqual([])
  await isSound(place)
}

/** What a write that was killed leaves. */
function plant(folder: string): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, '.tmp-backlot.lock-1-1-killed'), 'half')
}

/** Another machine, which has no recipes, gets all builds from the registry. */
async function isThere(place: Project, registry: string): Promise<void> {
  using other = elsewhere(place)
  cpSync(join(place.folder, 'backlot.lock'), join(other.folder, 'backlot.lock'))
  const text = `environment:\n  packages: [app]\nregistry: ${registry}\n`
  writeFileSync(join(other.folder, 'backlot.yaml'), text)
  expect((await succeeds(other, 'build', '--frozen')).stdout).toContain('3 fetched')
  await succeeds(other, 'lock', '--update')
}

/** Each blob of a registry's folder is what its name says. */
function holdsWhatItNames(data: string): void {
  const folder = join(data, 'blobs/sha256')
  for (const name of readdirSync(folder))
    expect<string>(digestOf(readFileSync(join(folder, name)))).toBe(`sha256:${name}`)
}
