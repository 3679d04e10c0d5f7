/**
 * Keeping the local store: what may go, what is broken, what this machine lacks.
 *
 * Invariant: collection keeps what a tag of the store, a lockfile that was used here, or a view
 * in use reaches.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runDoctor } from '#env/index.ts'
import { type Digest, limits, lock, readAll } from '#kernel/index.ts'
import { childrenOf, parseManifest, subjectOf } from '#oci/index.ts'
import { collect, verifyStore } from '#store/index.ts'
import type { DoctorCheck, GcResult, VerifyResult } from './results.ts'
import type { World } from './world.ts'

const dayMs = 24 * 60 * 60 * 1000

/** Removes blobs, files and views that nothing reaches and that are older than `keepDays`. */
export async function collectGarbage(
  world: World,
  options: { readonly keepDays: number; readonly dryRun: boolean },
): Promise<GcResult> {
  using _held = await lock(join(world.context.home, 'locks', 'gc'))
  const roots = await reachable(world)
  const report = await collect(world.store, roots, {
    graceMs: options.keepDays * dayMs,
    dryRun: options.dryRun,
    clock: world.context.clock,
  })
  const { removedBlobs, removedFiles, removedViews, keptBlobs, freedBytes } = report
  return { removedBlobs, removedFiles, removedViews, keptBlobs, freedBytes, dryRun: options.dryRun }
}

/** Every digest that a tag or a kept manifest leads to. */
async function reachable(world: World): Promise<ReadonlySet<Digest>> {
  const { layout, store } = world
  const seen = new Set<Digest>()
  const queue = layout.roots().map((root) => root.digest)
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    if (seen.has(digest)) continue
    seen.add(digest)
    if ((await store.blobs.size(digest)) === undefined) continue
    const bytes = await readAll(store.blobs.read(digest), limits.manifestBytesMax, digest)
    const parsed = parseManifest(bytes, undefined, digest)
    const children = childrenOf(parsed).map((child) => child.digest)
    if (parsed.kind === 'index') queue.push(...children)
    else for (const child of children) seen.add(child)
    const subject = subjectOf(parsed)
    if (subject !== undefined) queue.push(subject.digest)
  }
  return seen
}

/** What can be made again at any time, below the home folder. */
const remakable = ['views', 'work', 'sources', 'ccache', 'runs', 'shells', 'logs', 'tmp'] as const

/** Removes what can be made again; builds stay. */
export async function cleanHome(
  world: World,
  options: { readonly dryRun: boolean },
): Promise<GcResult> {
  const { home } = world.context
  using _held = await lock(join(home, 'locks', 'gc'))
  let freedBytes = 0
  let removedFiles = 0
  let removedViews = 0
  for (const name of remakable) {
    const folder = join(home, name)
    if (!existsSync(folder)) continue
    if (name === 'views') removedViews = readdirSync(folder).length
    const size = name === 'views' ? { files: 0, bytes: 0 } : sizeOf(folder)
    freedBytes += size.bytes
    removedFiles += size.files
    if (!options.dryRun) rmSync(folder, { recursive: true, force: true })
  }
  const { dryRun } = options
  return { removedBlobs: 0, removedFiles, removedViews, keptBlobs: 0, freedBytes, dryRun }
}

function sizeOf(folder: string): { readonly files: number; readonly bytes: number } {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = files.map(
    (entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0,
  )
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

export async function verify(
  world: World,
  options: { readonly repair: boolean },
): Promise<VerifyResult> {
  const report = await verifyStore(world.store, options)
  const corrupt = [
    ...report.corruptBlobs.map((digest) => ({ name: digest as string, detail: 'wrong blob' })),
    ...report.corruptFiles.map((name) => ({ name, detail: 'wrong file' })),
  ]
  return {
    checkedBlobs: report.blobs,
    checkedFiles: report.files,
    corrupt,
    repaired: options.repair && corrupt.length > 0,
  }
}

export async function doctor(world: World): Promise<readonly DoctorCheck[]> {
  const { env, home } = world.context
  const checks = await runDoctor({ env, home })
  return checks.map(({ name, state, purpose, required, found, hint }) => ({
    name,
    state,
    purpose,
    required,
    found,
    ...(hint === undefined ? {} : { hint }),
  }))
}
