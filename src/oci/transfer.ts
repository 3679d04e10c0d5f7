/**
 * Copying a manifest and all that it names between layouts and registries.
 *
 * Invariant: children arrive before parents, what hangs on the manifest before its tags, and the
 * tags last of all; whoever reads the target in between sees no torn graph. Nothing is sent that
 * is there, and what can be mounted from another repository of the registry is not sent either.
 */
import { AppError, type Digest, type Emit, silent, throwIfCancelled } from '#kernel/index.ts'
import type { BlobPushOutcome, PulledManifest } from './client/contract.ts'
import { isForeignLayer, isManifestType } from './media-types.ts'
import { describe, observed, type Place, type Side, sideOf } from './places.ts'
import { childrenOf, type Descriptor, parseManifest } from './schema.ts'

const depthMax = 8
const manifestsMax = 10_000
const progressBytes = 1024 * 1024

export interface TransferOptions {
  readonly from: Place
  readonly to: Place
  /** A tag or a digest at `from`; a layout's tag is its reference name. */
  readonly reference: string
  /** Tags to write at `to`, last of all; none: the manifest is reachable by digest only. */
  readonly tags?: readonly string[]
  /** Also copy what hangs on the manifest (SBOM, provenance, signatures); default false. */
  readonly referrers?: boolean
  /** Repositories on the target registry that may have a blob already, per digest. */
  readonly mountFrom?: (digest: Digest) => string | undefined
  /** Of an index, the manifests to copy; default all. The index itself is copied as it is. */
  readonly choose?: (child: Descriptor) => boolean
  /** Leave out manifests of an index that `from` does not have either; default: that is a failure. */
  readonly sparse?: boolean
  /** A blob that both sides have and that is much like this one, so that only the rest is sent. */
  readonly baseOf?: (blob: Descriptor) => Descriptor | undefined
  readonly parallel?: number
  readonly emit?: Emit
  readonly signal?: AbortSignal
}

export interface TransferReport {
  readonly descriptor: Descriptor
  /** Manifests that were not there. */
  readonly manifests: number
  readonly blobs: {
    readonly existed: number
    readonly mounted: number
    readonly copied: number
  }
  /** Payload bytes that were copied. */
  readonly bytesCopied: number
}

/** What has to be copied: blobs in any order, then manifests in this order. */
interface Graph {
  readonly manifests: PulledManifest[]
  readonly blobs: Map<Digest, Descriptor>
  readonly seen: Set<Digest>
}

/** Copies the graph. @throws AppError of the places; what arrived stays for the next attempt */
export async function transfer(options: TransferOptions): Promise<TransferReport> {
  const { emit = silent, reference, tags = [] } = options
  const from = sideOf(options.from)
  const to = sideOf(options.to)
  const task = `transfer ${reference}`
  const startMs = performance.now()
  emit({ kind: 'start', task, label: reference })
  try {
    const root = await from.manifest(reference)
    const graph: Graph = { manifests: [], blobs: new Map(), seen: new Set() }
    const { choose = () => true, sparse = false } = options
    const walk = { from, to, graph, choose, sparse }
    await collect(walk, root, 0)
    const hanging = options.referrers ? await collectReferrers(walk, root.digest) : []
    const counts = await copyBlobs({ options, from, to, task, emit }, [...graph.blobs.values()])
    for (const manifest of graph.manifests) await to.putManifest(manifest)
    for (const manifest of hanging) await to.root(manifest, [])
    await to.root(root, tags)
    const outcome = counts.bytesCopied === 0 && graph.manifests.length === 0 ? 'reused' : 'done'
    emit({ kind: 'end', task, outcome, durationMs: performance.now() - startMs })
    return { descriptor: describe(root), manifests: graph.manifests.length, ...counts }
  } catch (error) {
    emit({ kind: 'end', task, outcome: 'failed', durationMs: performance.now() - startMs })
    throw error
  }
}

interface Walk {
  readonly from: Side
  readonly to: Side
  readonly graph: Graph
  readonly choose: (child: Descriptor) => boolean
  readonly sparse: boolean
}

/** Adds a manifest and what it names, children first. */
async function collect(walk: Walk, manifest: PulledManifest, depth: number): Promise<void> {
  const { to, graph, choose } = walk
  if (graph.seen.has(manifest.digest)) return
  graph.seen.add(manifest.digest)
  if (depth > depthMax || graph.seen.size > manifestsMax)
    throw new AppError('oci/bad-manifest', `${manifest.digest} is part of a graph without end`)
  const parsed = parseManifest(manifest.bytes, manifest.mediaType, `Manifest ${manifest.digest}`)
  const there = await to.complete(describe(manifest))
  if (there && parsed.kind === 'manifest') return
  for (const child of childrenOf(parsed)) {
    if (parsed.kind === 'index' && isManifestType(child.mediaType)) {
      const found = choose(child) ? await childAt(walk, child) : undefined
      if (found !== undefined) await collect(walk, found, depth + 1)
    } else if (!isForeignLayer(child.mediaType)) graph.blobs.set(child.digest, child)
  }
  if (!there) graph.manifests.push(manifest)
}

/** A manifest of an index; undefined for one that may be missing. */
async function childAt(
  { from, sparse }: Walk,
  { digest }: Descriptor,
): Promise<PulledManifest | undefined> {
  try {
    return await from.manifest(digest)
  } catch (error) {
    const isMissing = error instanceof AppError && error.code === 'oci/manifest-unknown'
    if (isMissing && sparse) return undefined
    throw error
  }
}

/** What hangs on a manifest, and on that in turn; the manifests that hang. */
async function collectReferrers(walk: Walk, subject: Digest): Promise<readonly PulledManifest[]> {
  const hanging: PulledManifest[] = []
  const queue: Digest[] = [subject]
  for (let at = 0; at < queue.length && at < manifestsMax; at += 1) {
    for (const { digest } of await walk.from.referrers(queue[at] ?? subject)) {
      if (queue.includes(digest)) continue
      const manifest = await walk.from.manifest(digest)
      await collect(walk, manifest, 0)
      hanging.push(manifest)
      queue.push(digest)
    }
  }
  return hanging
}

interface Copying {
  readonly options: TransferOptions
  readonly from: Side
  readonly to: Side
  readonly task: string
  readonly emit: Emit
}

/** Copies blobs, some at a time; the first failure stops those that have not begun. */
async function copyBlobs(copying: Copying, blobs: readonly Descriptor[]) {
  const { options, task, emit } = copying
  const counts: Record<BlobPushOutcome, number> = { existed: 0, mounted: 0, uploaded: 0 }
  const total = blobs.reduce((sum, { size }) => sum + size, 0)
  const queue = [...blobs]
  let [done, told, bytesCopied] = [0, 0, 0]
  const heard = (bytes: number) => {
    done += bytes
    if (done - told < progressBytes && done < total) return
    told = done
    emit({ kind: 'progress', task, done: Math.min(done, total), total, unit: 'bytes' })
  }
  const worker = async () => {
    for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) {
      throwIfCancelled(options.signal, 'The transfer')
      const outcome = await copyBlob(copying, blob, heard)
      counts[outcome] += 1
      if (outcome === 'uploaded') bytesCopied += blob.size
      else heard(blob.size)
    }
  }
  const workers = Array.from({ length: Math.max(1, options.parallel ?? 4) }, async () => {
    try {
      await worker()
    } catch (error) {
      queue.length = 0
      throw error
    }
  })
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  const { existed, mounted, uploaded: copied } = counts
  return { blobs: { existed, mounted, copied }, bytesCopied }
}

async function copyBlob(
  { options, from, to }: Copying,
  blob: Descriptor,
  heard: (bytes: number) => void,
): Promise<BlobPushOutcome> {
  const given = options.mountFrom?.(blob.digest)
  const base = options.baseOf?.(blob)
  return await to.putBlob(blob, observed(from.blob(blob), heard), {
    mountFrom: given ?? sameRegistry(from.place, to.place),
    base: base === undefined ? undefined : { digest: base.digest, source: from.blob(base) },
    signal: options.signal,
  })
}

/** The source repository, when both are on one registry. */
function sameRegistry(from: Place, to: Place): string | undefined {
  if (from.kind !== 'registry' || to.kind !== 'registry') return undefined
  const same = from.repository.registry === to.repository.registry
  return same ? from.repository.repository : undefined
}
