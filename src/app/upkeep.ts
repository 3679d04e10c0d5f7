/**
 * Keeping the local store: what may go, what is broken, what this machine lacks.
 *
 * Invariant: collection keeps what a tag of the store, a lockfile that was used here, or a view
 * in use reaches, and whatever somebody who is at work may have made or asked for.
 */
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { visiblePath } from '#build/index.ts'
import { runDoctor } from '#env/index.ts'
import {
  type Digest,
  limits,
  readAll,
  removeTree,
  systemCode,
  tryLock,
  walk,
} from '#kernel/index.ts'
import { buildArtifactType } from '#model/index.ts'
import { childrenOf, type ParsedManifest, parseManifest, subjectOf } from '#oci/index.ts'
import { collect, sweepViews, verifyStore } from '#store/index.ts'
import { verifyIndex } from './mend-index.ts'
import { workingSince } from './at-work.ts'
import { forgetLocalBuilds } from './builds.ts'
import { sweepLeftovers } from './leftovers.ts'
import type { DoctorCheck, GcResult, VerifyResult } from './results.ts'
import { knownLockfiles, viewsInUse } from './roots.ts'
import type { World } from './world.ts'

const dayMs = 24 * 60 * 60 * 1000
const clockSlackMs = 20

interface Age {
  readonly keepDays: number
  readonly dryRun: boolean
}

/** Removes builds, files and views that nothing reaches and that are older than `keepDays`. */
export async function collectGarbage(world: World, options: Age): Promise<GcResult> {
  const { home, clock } = world.context
  const { keepDays, dryRun } = options
  // Whoever begins after this writes what is younger; file times come from a coarser clock.
  const nowMs = clock.nowMs() - clockSlackMs
  const since = workingSince(home)
  const graceMs = Math.max(keepDays * dayMs, since === undefined ? 0 : nowMs - since)
  const young = await keptManifests(world, nowMs - graceMs)
  // What others are at work with may be any build.
  const all = world.layout.roots().map((root) => root.digest)
  const kept = since === undefined ? young : new Set([...young, ...all])
  const gone = world.layout.roots().filter((root) => !kept.has(root.digest))
  const views = viewsInUse(home)
  if (!dryRun) for (const root of gone) await world.layout.drop(root.digest)
  const roots = await reachable(world, kept)
  const then = { nowMs: () => nowMs }
  const report = await collect(world.store, roots, { graceMs, dryRun, clock: then, views })
  const { lockfiles } = knownLockfiles(home)
  if (!dryRun) sweepLeftovers({ home, lockfiles, oldestMs: nowMs - graceMs })
  const { removedBlobs, removedFiles, removedViews, keptBlobs, freedBytes } = report
  return { removedBlobs, removedFiles, removedViews, keptBlobs, freedBytes, dryRun }
}

/**
 * Builds that a lockfile names or that are young, what is tagged and is no build, and whatever
 * hangs on one of them.
 */
async function keptManifests(world: World, oldestMs: number): Promise<ReadonlySet<Digest>> {
  const { layout, store, context } = world
  const locked = knownLockfiles(context.home).builds
  const young = new Set<Digest>()
  for await (const blob of store.blobs.list())
    if (blob.modifiedMs > oldestMs) young.add(blob.digest)
  const kept = new Set<Digest>()
  const hanging: { readonly digest: Digest; readonly on: Digest }[] = []
  for (const root of layout.roots()) {
    const parsed = await manifestOf(world, root.digest)
    const subject = parsed === undefined ? undefined : subjectOf(parsed)
    if (subject !== undefined) hanging.push({ digest: root.digest, on: subject.digest })
    else if (!isBuild(parsed) || locked.has(root.digest) || young.has(root.digest))
      kept.add(root.digest)
  }
  // A build that the index lost, but that a lockfile names.
  for (const digest of locked) if ((await store.blobs.size(digest)) !== undefined) kept.add(digest)
  for (const { digest, on } of hanging) if (kept.has(on)) kept.add(digest)
  return kept
}

function isBuild(parsed: ParsedManifest | undefined): boolean {
  return parsed?.kind === 'manifest' && parsed.manifest.artifactType === buildArtifactType
}

async function manifestOf(world: World, digest: Digest): Promise<ParsedManifest | undefined> {
  const { blobs } = world.store
  if ((await blobs.size(digest)) === undefined) return undefined
  const bytes = await readAll(blobs.read(digest), limits.manifestBytesMax, digest)
  return parseManifest(bytes, undefined, digest)
}

/** Every digest that these manifests lead to. */
async function reachable(world: World, kept: ReadonlySet<Digest>): Promise<ReadonlySet<Digest>> {
  const seen = new Set<Digest>()
  const queue = [...kept]
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    if (seen.has(digest)) continue
    seen.add(digest)
    const parsed = await manifestOf(world, digest)
    if (parsed === undefined) continue
    const children = childrenOf(parsed).map((child) => child.digest)
    if (parsed.kind === 'index') queue.push(...children)
    else for (const child of children) seen.add(child)
  }
  return seen
}

/** What can be made again at any time, below the home folder, besides the views. */
const remakable = [
  'moved',
  'merged',
  'builds',
  'cache',
  'ccache',
  'runs',
  'shells',
  'logs',
] as const

/** Removes what can be made again and is not in use; builds stay. */
export async function cleanHome(
  world: World,
  options: { readonly dryRun: boolean },
): Promise<GcResult> {
  const { home, clock } = world.context
  const nowMs = clock.nowMs() - clockSlackMs
  const since = Math.min(workingSince(home) ?? nowMs, nowMs)
  const used = viewsInUse(home)
  let freedBytes = 0
  let removedFiles = 0
  const sweep = { oldestMs: since, wanted: used, dryRun: options.dryRun }
  let removedViews = (await sweepViews(world.store, sweep)).removed
  for (const name of remakable) {
    for (const entry of existsSync(join(home, name)) ? readdirSync(join(home, name)) : []) {
      // A lock that somebody may hold stays: without its files, another could take it too.
      if (/\.lock(?:-journal)?$/.test(entry)) continue
      const path = join(home, name, entry)
      using held = name === 'builds' ? tryLock(`${path}.lock`) : free
      const isOld = (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? since) < since
      if (held === undefined || used.has(entry) || !isOld) continue
      const size = sizeOf(path)
      // The files of a moved view are links: only its folders go.
      const linked = name === 'moved'
      if (linked) removedViews += size.files > 1 ? 1 : 0
      else freedBytes += size.bytes
      removedFiles += linked ? 0 : size.files
      if (!options.dryRun) removeTree(path)
    }
  }
  const { dryRun } = options
  return { removedBlobs: 0, removedFiles, removedViews, keptBlobs: 0, freedBytes, dryRun }
}

/** Stands for a lock where none is needed. */
const free: Disposable = { [Symbol.dispose]: () => undefined }

function sizeOf(folder: string): { readonly files: number; readonly bytes: number } {
  const self = lstatSync(folder, { throwIfNoEntry: false })
  if (self === undefined) return { files: 0, bytes: 0 }
  if (!self.isDirectory()) return { files: 1, bytes: self.size }
  let files = 0
  let bytes = 0
  try {
    for (const { path, entry } of walk(folder)) {
      if (entry.isDirectory()) continue
      files += 1
      bytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
    }
  } catch (error) {
    // A failed build may leave folders that nobody can look into; they go all the same. Another
    // collection may take the whole away meanwhile.
    if (!['EACCES', 'ENOENT'].includes(systemCode(error) ?? '')) throw error
  }
  return { files, bytes }
}

export async function verify(
  world: World,
  options: { readonly repair: boolean },
): Promise<VerifyResult> {
  const report = await verifyStore(world.store, options)
  const index = await verifyIndex(world, options)
  if (options.repair && report.corruptBlobs.length > 0) forgetLocalBuilds(world)
  const corrupt = [
    ...(index === undefined ? [] : [{ name: index, detail: 'no index' }]),
    ...report.corruptBlobs.map((digest) => ({ name: digest as string, detail: 'wrong blob' })),
    ...report.corruptFiles.map((name) => ({ name, detail: 'wrong file' })),
    ...report.brokenViews.map((key) => ({ name: `view ${key}`, detail: 'lost files' })),
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
  return await runDoctor({ env, home, buildPath: visiblePath(env['PATH'] ?? '') })
}
