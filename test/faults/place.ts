/**
 * A small chain of C++ packages (libone, libtwo, app) in a folder and a store of its own, for tests
 * that harm them, and what each refusal has to have: a code, a sentence, a hint.
 *
 * The chain is built once for a test file; `builtPlace` gives copies of that.
 * Not here: running the program (`test/cli/harness.ts`), registries (`registry.ts`).
 */
import { expect } from 'bun:test'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openProject, type Outcome, type Project } from '../cli/harness.ts'

const fixture = join(import.meta.dir, 'fixtures/chain')

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly hints: readonly string[]
}

export interface Wanted {
  readonly code: string
  /** 1 when absent. */
  readonly exit?: number
  /** What the sentence says. */
  readonly says?: RegExp | string
  /** What one of the hints says. */
  readonly hint?: RegExp | string
}

/** The chain as files of a project. Its layer of `app` holds a megabyte that does not shrink. */
export function chainPlace(variables: Readonly<Record<string, string>> = {}): Project {
  const place = openProject({}, variables)
  cpSync(fixture, place.folder, { recursive: true })
  writeFileSync(join(place.folder, 'recipes/app/src/payload.bin'), noise(1_000_000, 1))
  return place
}

let template: Promise<Project> | undefined

/** The chain, built: a copy of one that is built once. */
export async function builtPlace(
  variables: Readonly<Record<string, string>> = {},
): Promise<Project> {
  template ??= buildTemplate()
  const from = await template
  const place = openProject({}, variables)
  cpSync(from.folder, place.folder, { recursive: true })
  // Hard links are kept, as a view's files are links to those of the store.
  const copied = Bun.spawnSync(['cp', '-a', from.home, place.home])
  expect(copied.exitCode).toBe(0)
  return place
}

/** Removes what copies are made of; for `afterAll` of a test file. */
export async function removeTemplate(): Promise<void> {
  const from = await template
  template = undefined
  from?.[Symbol.dispose]()
}

async function buildTemplate(): Promise<Project> {
  const place = chainPlace()
  await succeeds(place, 'build')
  expect(await succeeds(place, 'run', 'app')).toMatchObject({ stdout: 'app says 2\n' })
  return place
}

/** A store of its own in the same project: as on another machine. */
export function elsewhere(place: Project): Project {
  const other = openProject({}, {})
  cpSync(place.folder, other.folder, { recursive: true })
  return other
}

/** Runs a line that has to succeed. */
export async function succeeds(place: Project, ...argv: readonly string[]): Promise<Outcome> {
  const outcome = await place.backlot(...argv)
  if (outcome.exitCode !== 0)
    throw new Error(`backlot ${argv.join(' ')} ended with ${outcome.exitCode}:\n${outcome.stderr}`)
  return outcome
}

/** Runs a line that has to be refused, with all that a refusal needs. */
export async function refuses(
  place: Project,
  argv: readonly string[],
  want: Wanted,
): Promise<Refusal> {
  const [command = '', ...rest] = argv
  const outcome = await place.backlot(command, '--format', 'json', ...rest)
  return refused(outcome, want)
}

/** The refusal that an outcome of `--format json` tells. */
export function refused(outcome: Outcome, want: Wanted): Refusal {
  const refusal = refusalOf(outcome)
  expect({ code: refusal.code, exit: outcome.exitCode, message: refusal.message }).toMatchObject({
    code: want.code,
    exit: want.exit ?? 1,
  })
  expect(refusal.message).toMatch(/^\S.{10,}/)
  expect(refusal.hints).not.toBeEmpty()
  if (want.says !== undefined) expect(refusal.message).toMatch(want.says)
  if (want.hint !== undefined) expect(refusal.hints.join('\n')).toMatch(want.hint)
  return refusal
}

function refusalOf({ stdout, stderr, exitCode }: Outcome): Refusal {
  const line = stderr
    .trimEnd()
    .split('\n')
    .findLast((text) => text.startsWith('{"error":'))
  if (line === undefined)
    throw new Error(`No error was printed, exit ${exitCode}:\n${stdout}\n${stderr}`)
  const told: { error: Refusal } = JSON.parse(line)
  return told.error
}

/** Bytes that no compression makes smaller, the same for the same seed. */
export function noise(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  const random = generator(seed)
  for (let at = 0; at < sizeBytes; at += 1) bytes[at] = random() * 256
  return bytes
}

/** Numbers from 0 to 1, the same for the same seed. */
export function generator(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 1) >>> 0
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}

interface Locked {
  readonly build: string
  readonly layer: string
}

/** What the lockfile says of a package. */
export function lockedBuild(place: Project, name: string): Locked {
  const lock: {
    environments: Record<
      string,
      { targets: Record<string, { packages: (Locked & { name: string })[] }> }
    >
  } = JSON.parse(readFileSync(join(place.folder, 'backlot.lock'), 'utf8'))
  const targets = Object.values(lock.environments['default']?.targets ?? {})
  const found = targets[0]?.packages.find((locked) => locked.name === name)
  if (found === undefined) throw new Error(`${name} is not locked`)
  return found
}

/** The path of a blob in a folder that has `blobs/sha256`. */
export function blobPath(folder: string, digest: string): string {
  return join(folder, 'blobs/sha256', digest.replace('sha256:', ''))
}

/** The config blob of a locked build. */
export function configOf(place: Project, name: string): string {
  const manifest: { config: { digest: string } } = JSON.parse(
    readFileSync(blobPath(place.home, lockedBuild(place, name).build), 'utf8'),
  )
  return manifest.config.digest
}

/** Every file below a folder, relative, that a writer left under a temporary name. */
export function temporaryFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /(?:^|\/)\.tmp-|^tmp\/|\.gone$/.test(path))
    .filter((path) => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true)
}
