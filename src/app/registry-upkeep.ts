/**
 * Looking after what a registry keeps, beside the server that serves it: collection, retention,
 * usage, checks, the bin, and moving everything elsewhere.
 *
 * Every step is a transaction on the database that the server uses. Not here: accounts and the
 * audit log (`registry-admin.ts`).
 */
import { AppError, type Digest, type Emit, isDigest } from '#kernel/index.ts'
import {
  type CheckReport,
  type CollectReport,
  isTag,
  migrateStorage,
  type MigrateReport,
  openUpkeep,
  type OpenRegistryOptions,
  type RecycledItem,
  type RestoreReport,
  type RetainReport,
  type RetentionRule,
  type UsageReport,
} from '#oci/index.ts'
import { localActor } from './registry-admin.ts'

export interface RegistryStorage extends OpenRegistryOptions {
  readonly rules: readonly RetentionRule[]
  readonly graceMs?: number | undefined
  readonly recycleMs?: number | undefined
}

export interface TidyReport {
  readonly retention: RetainReport
  readonly collection: CollectReport
}

export interface RegistryUpkeep extends AsyncDisposable {
  /** Applies the rules of retention, then removes what nothing needs. */
  tidy(options: { readonly dryRun: boolean; readonly graceMs?: number }): Promise<TidyReport>
  usage(depth: number): Promise<UsageReport>
  check(options: { readonly quick: boolean; readonly repair: boolean }): Promise<CheckReport>
  recycled(repository?: string): Promise<readonly RecycledItem[]>
  /** @param reference `REPOSITORY:TAG` or `REPOSITORY@DIGEST`. */
  restore(reference: string): Promise<RestoreReport>
}

/** @throws AppError `oci/bad-layout`, `oci/database-gone` */
export async function openRegistryUpkeep(
  storage: RegistryStorage,
  emit: Emit,
): Promise<RegistryUpkeep> {
  const upkeep = await openUpkeep(storage, localActor())
  const { rules, recycleMs } = storage
  return {
    tidy: async ({ dryRun, graceMs = storage.graceMs }) => {
      const retention = await upkeep.retain(rules, dryRun)
      const collection = await upkeep.collect({
        dryRun,
        ...(graceMs === undefined ? {} : { graceMs }),
        ...(recycleMs === undefined ? {} : { recycleMs }),
      })
      return { retention, collection }
    },
    usage: (depth) => upkeep.usage(depth),
    check: async (options) => {
      const task = 'check'
      emit({ kind: 'start', task, label: 'Reading blobs' })
      const startedMs = performance.now()
      const onProgress = (done: number) => emit({ kind: 'progress', task, done, unit: 'bytes' })
      const report = await upkeep.check({ ...options, onProgress })
      emit({ kind: 'end', task, outcome: 'done', durationMs: performance.now() - startedMs })
      return report
    },
    recycled: (repository) => upkeep.recycled(repository),
    restore: async (reference) => await upkeep.restore(...restorable(reference)),
    [Symbol.asyncDispose]: () => upkeep[Symbol.asyncDispose](),
  }
}

/** Copies a registry into another storage. @throws AppError `kernel/locked`, `kernel/cancelled` */
export async function migrateRegistryTo(
  from: OpenRegistryOptions,
  to: OpenRegistryOptions,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<MigrateReport> {
  const task = 'migrate'
  emit({ kind: 'start', task, label: 'Moving the registry' })
  const startedMs = performance.now()
  const report = await migrateStorage(from, to, {
    signal,
    onProgress: ({ copiedBytes, totalBytes }) =>
      emit({ kind: 'progress', task, done: copiedBytes, total: totalBytes, unit: 'bytes' }),
  })
  emit({ kind: 'end', task, outcome: 'done', durationMs: performance.now() - startedMs })
  return report
}

function restorable(reference: string): [string, { digest: Digest } | { tag: string }] {
  const at = reference.lastIndexOf('@')
  const colon = reference.lastIndexOf(':')
  const digest = reference.slice(at + 1)
  if (at > 0 && isDigest(digest)) return [reference.slice(0, at), { digest }]
  const tag = reference.slice(colon + 1)
  if (at < 0 && colon > 0 && isTag(tag)) return [reference.slice(0, colon), { tag }]
  throw new AppError(
    'oci/bad-reference',
    `'${reference}' is not REPOSITORY:TAG or REPOSITORY@DIGEST`,
    { hints: ['`backlot registry restore` without a name lists what can be restored.'] },
  )
}
