/**
 * Bun's runtimes for other targets, from the npm registry that npm is set up with.
 *
 * Invariant: a runtime is used only when its package hashes to what package-lock.json says; the
 * lock lists the packages of all platforms, of which npm installs this one's.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AppError, assert, runOrThrow, temporaryFolder } from '#kernel/index.ts'
import { environmentWith } from './environment.ts'

const root = join(import.meta.dir, '..')
const cache = join(root, 'node_modules/.cache/runtimes')

interface Runtime {
  /** Name of the program in `dist/`. */
  readonly file: string
  readonly target: Bun.Build.CompileTarget
  readonly package: string
  readonly program: string
}

/** The targets that Backlot is compiled for. */
export const runtimes: readonly Runtime[] = [
  runtime('linux-x86_64', 'bun-linux-x64', 'linux-x64'),
  runtime('linux-aarch64', 'bun-linux-arm64', 'linux-aarch64'),
  runtime('macos-arm64', 'bun-darwin-arm64', 'darwin-aarch64'),
  runtime('macos-x86_64', 'bun-darwin-x64', 'darwin-x64'),
  runtime('windows-x86_64', 'bun-windows-x64', 'windows-x64'),
]

function runtime(name: string, target: Bun.Build.CompileTarget, platform: string): Runtime {
  const suffix = name.startsWith('windows') ? '.exe' : ''
  const file = `backlot-${name}${suffix}`
  return { file, target, package: `@oven/bun-${platform}`, program: `bin/bun${suffix}` }
}

/**
 * The path of a runtime, fetched once.
 * @throws AppError `kernel/program-failed` when npm cannot fetch it or its bytes are others.
 */
export async function fetchRuntime(wanted: Runtime): Promise<string> {
  const { version, integrity } = lockedPackage(wanted.package)
  const folder = join(cache, `${basename(wanted.package)}-${version}`)
  const program = join(folder, wanted.program)
  if (existsSync(program)) return program
  using temporary = temporaryFolder(cache)
  const spec = `${wanted.package}@${version}`
  const argv = ['npm', 'pack', '--silent', '--pack-destination', temporary.path, spec]
  const { stdout } = await runOrThrow(argv, { cwd: root, env: environmentWith() })
  const archive = join(temporary.path, stdout.trim().split('\n').at(-1) ?? '')
  const bytes = readFileSync(archive)
  const actual = `sha512-${new Bun.CryptoHasher('sha512').update(bytes).digest('base64')}`
  if (actual !== integrity)
    throw new AppError('kernel/program-failed', `${spec} is ${actual}, expected ${integrity}`)
  const unpacked = new Bun.Archive(bytes)
  await unpacked.extract(temporary.path)
  chmodSync(join(temporary.path, 'package', wanted.program), 0o755)
  mkdirSync(dirname(folder), { recursive: true })
  renameSync(join(temporary.path, 'package'), folder)
  return program
}

function lockedPackage(name: string): { version: string; integrity: string } {
  const lock: unknown = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const entry = property(property(lock, 'packages'), `node_modules/${name}`)
  const version = property(entry, 'version')
  const integrity = property(entry, 'integrity')
  assert(typeof version === 'string', `package-lock.json has the version of ${name}`)
  assert(typeof integrity === 'string', `package-lock.json has the integrity of ${name}`)
  return { version, integrity }
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined
}
