/**
 * Copying by lists: the difference first, then what makes it go away.
 *
 * Invariant: looking costs the source HEAD requests and lists of tags, no manifests; what is
 * copied is what was looked at, by digest, whatever the tag names by then. One tag that fails
 * stops no other.
 */
import { AppError, type Digest, type Emit, throwIfCancelled } from '#kernel/index.ts'
import { formatReference } from '../reference.ts'
import { isIndexType, isManifestType } from '../media-types.ts'
import { type Descriptor, parseManifest } from '../schema.ts'
import { transfer } from '../transfer.ts'
import type {
  SyncDifference,
  SyncFailure,
  SyncList,
  SyncPair,
  SyncReport,
  SyncStep,
} from './contract.ts'
import { chosenTags, tagsBeside } from './tags.ts'

const parallel = 4
/** Of an index within an index. */
const depthMax = 4

interface Task {
  readonly pair: SyncPair
  readonly step: SyncStep
}

interface Looked {
  readonly tasks: readonly Task[]
  readonly same: number
  readonly failures: readonly SyncFailure[]
}

export interface SyncOptions {
  readonly emit: Emit
  readonly signal: AbortSignal
}

/** What a run would do. */
export async function syncDifference(
  list: SyncList,
  options: SyncOptions,
): Promise<SyncDifference> {
  const { tasks, same, failures } = await look(list, options)
  return { list: list.name, steps: tasks.map(({ step }) => step), same, failures }
}

/** Does it. @throws AppError `kernel/cancelled` */
export async function runSync(list: SyncList, options: SyncOptions): Promise<SyncReport> {
  const { tasks, same, failures } = await look(list, options)
  const failed = [...failures]
  let [done, bytesCopied] = [0, 0]
  for (const task of tasks) {
    throwIfCancelled(options.signal, 'The copying')
    try {
      bytesCopied += await perform(list, task, options)
      done += 1
    } catch (error) {
      failed.push(failureOf(`${task.step.from}:${task.step.tag}`, error))
    }
  }
  const steps = tasks.map(({ step }) => step)
  return { list: list.name, steps, same, failures: failed, done, bytesCopied }
}

async function look(list: SyncList, { signal }: SyncOptions): Promise<Looked> {
  const tasks: Task[] = []
  const failures: SyncFailure[] = []
  let same = 0
  for (const pair of list.pairs) {
    try {
      const tags = await list.fromClient.tags(pair.from)
      if (tags.length === 0) throw noTags(pair)
      const chosen = chosenTags(tags, list.tags)
      const found = await eachOf(chosen, signal, (tag) => lookAtTag(list, pair, { tag, tags }))
      for (const [at, steps] of found.entries()) {
        if (steps instanceof AppError)
          failures.push(failureOf(`${formatReference(pair.from)}:${chosen[at]}`, steps))
        else if (steps.length === 0) same += 1
        else for (const step of steps) tasks.push({ pair, step })
      }
      if (list.delete)
        for (const step of await deletions(list, pair, tags)) tasks.push({ pair, step })
    } catch (error) {
      failures.push(failureOf(formatReference(pair.from), error))
    }
  }
  return { tasks, same, failures }
}

/** The steps for one tag; none when both sides are the same. */
async function lookAtTag(
  list: SyncList,
  pair: SyncPair,
  { tag, tags }: { readonly tag: string; readonly tags: readonly string[] },
): Promise<readonly SyncStep[]> {
  const [there, here] = await Promise.all([
    list.fromClient.resolve({ ...pair.from, tag }),
    list.toClient.resolve({ ...pair.to, tag }),
  ])
  if (there === undefined) return []
  const { digest } = there
  const names = { from: formatReference(pair.from), to: formatReference(pair.to) }
  const steps: SyncStep[] = []
  if (here === undefined) steps.push({ ...names, tag, action: 'add', digest })
  else if (here.digest !== digest)
    steps.push({ ...names, tag, action: 'update', digest, was: here.digest })
  else if (await lacksPlatforms(list, pair, { descriptor: here, depth: 0 }))
    steps.push({ ...names, tag, action: 'platforms', digest })
  if (!list.referrers) return steps
  if (steps.length === 0 && (await lacksReferrers(list, pair, digest)))
    steps.push({ ...names, tag, action: 'referrers', digest })
  for (const beside of tagsBeside(tags, digest))
    steps.push(...(await lookAtTag({ ...list, referrers: false }, pair, { tag: beside, tags })))
  return steps
}

/**
 * Whether the target has an index without something that is wanted of it: when it was copied the
 * list named fewer platforms, or the source did not have it. What the source lacks is not wanted.
 */
async function lacksPlatforms(
  list: SyncList,
  pair: SyncPair,
  { descriptor, depth }: { readonly descriptor: Descriptor; readonly depth: number },
): Promise<boolean> {
  const { digest, mediaType } = descriptor
  if (!isIndexType(mediaType) || depth > depthMax) return false
  const { bytes } = await list.toClient.pullManifest({ ...pair.to, digest })
  const parsed = parseManifest(bytes, mediaType, `Manifest ${digest}`)
  for (const child of parsed.kind === 'index' ? parsed.index.manifests : []) {
    if (!isManifestType(child.mediaType) || !fitsPlatform(child, list.platforms)) continue
    const key = { digest: child.digest }
    const here = await list.toClient.resolve({ ...pair.to, ...key })
    if (here === undefined) {
      if ((await list.fromClient.resolve({ ...pair.from, ...key })) !== undefined) return true
    } else if (await lacksPlatforms(list, pair, { descriptor: child, depth: depth + 1 }))
      return true
  }
  return false
}

async function lacksReferrers(list: SyncList, pair: SyncPair, digest: Digest): Promise<boolean> {
  const [there, here] = await Promise.all([
    list.fromClient.referrers(pair.from, digest),
    list.toClient.referrers(pair.to, digest),
  ])
  const known = new Set(here.map((one) => one.digest))
  return there.some((one) => !known.has(one.digest))
}

async function deletions(
  list: SyncList,
  pair: SyncPair,
  there: readonly string[],
): Promise<readonly SyncStep[]> {
  const known = new Set(there)
  const { newest: _, ...choice } = list.tags
  const here = chosenTags(await list.toClient.tags(pair.to), { ...choice, newest: undefined })
  const names = { from: formatReference(pair.from), to: formatReference(pair.to) }
  return here
    .filter((tag) => !known.has(tag))
    .map((tag) => ({ ...names, tag, action: 'delete' as const }))
}

/** Bytes that were copied. */
async function perform(list: SyncList, task: Task, options: SyncOptions): Promise<number> {
  const { pair, step } = task
  if (step.digest === undefined) {
    await list.toClient.deleteManifest({ ...pair.to, tag: step.tag })
    return 0
  }
  const report = await transfer({
    from: { kind: 'registry', client: list.fromClient, repository: pair.from },
    to: { kind: 'registry', client: list.toClient, repository: pair.to },
    reference: step.digest,
    tags: [step.tag],
    referrers: list.referrers,
    choose: (child) => fitsPlatform(child, list.platforms),
    sparse: true,
    emit: options.emit,
    signal: options.signal,
  })
  return report.bytesCopied
}

/** What names no platform, as attestations do not, goes with the rest. */
function fitsPlatform({ platform }: Descriptor, wanted: readonly string[]): boolean {
  if (wanted.length === 0 || platform === undefined || platform.os === 'unknown') return true
  const { os, architecture, variant } = platform
  const name = `${os}/${architecture}`
  return wanted.some((one) => one === name || one === `${name}/${variant}`)
}

/** Some at a time; a failure stands in the place of its result. */
async function eachOf<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<R>,
): Promise<readonly (R | AppError)[]> {
  const results: (R | AppError)[] = []
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) {
      throwIfCancelled(signal, 'The copying')
      const item = items[at]
      if (item === undefined) return
      try {
        results[at] = await work(item)
      } catch (error) {
        if (!(error instanceof AppError)) throw error
        results[at] = error
      }
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return results
}

/** More often a fault, of the source or in the list, than its wish; so nothing is deleted either. */
function noTags({ from }: SyncPair): AppError {
  return new AppError('oci/name-unknown', `${formatReference(from)} has no tags, or is not there`, {
    hints: ['Check the spelling; a registry hides private repositories from strangers.'],
  })
}

function failureOf(what: string, error: unknown): SyncFailure {
  if (!(error instanceof AppError) || error.code === 'kernel/cancelled') throw error
  return { what, message: error.message, hints: error.hints }
}
