/**
 * The door to looking after a registry, beside the server that serves it or within it.
 */
import { type Clock, systemClock } from '#kernel/index.ts'
import type { Actor } from '../access/accounts.ts'
import type { OpenRegistryOptions } from './options.ts'
import { checkIsThere, openStorage, type Storage } from './storage.ts'
import { checkRegistry } from './upkeep/check.ts'
import { collectRegistry } from './upkeep/collect.ts'
import type { RegistryUpkeep } from './upkeep/contract.ts'
import { migrateRegistry, type MigrateProgress, type MigrateReport } from './upkeep/migrate.ts'
import { listRecycled, restoreRecycled } from './upkeep/recycle.ts'
import { retain } from './upkeep/retain.ts'
import { registryUsage } from './upkeep/usage.ts'

export interface OpenUpkeep extends RegistryUpkeep, AsyncDisposable {}

/** Who lets go what no rule keeps, where nobody asked for it. */
const itself: Actor = { who: 'retention', kind: 'system', source: '' }

export function upkeepOf(storage: Storage, clock: Clock, actor = itself): RegistryUpkeep {
  return {
    collect: (options = {}) => collectRegistry(storage, clock, options),
    retain: (rules, dryRun) => retain(storage, clock, { rules, dryRun, actor }),
    usage: (depth) => registryUsage(storage, depth),
    check: (options = {}) => checkRegistry(storage, clock, options),
    recycled: (repository) => listRecycled(storage, repository),
    restore: (repository, what) =>
      restoreRecycled(storage, repository, { what, actor, nowMs: clock.nowMs() }),
  }
}

/**
 * Opens what a server may be serving at this moment.
 * @param actor Who changes it, for the audit log.
 * @throws AppError `oci/bad-layout`, `oci/database-gone`
 */
export async function openUpkeep(options: OpenRegistryOptions, actor?: Actor): Promise<OpenUpkeep> {
  const { clock = systemClock } = options
  checkIsThere(options)
  const storage = await openStorage({ ...settled(options), beside: true })
  return {
    ...upkeepOf(storage, clock, actor),
    [Symbol.asyncDispose]: () => storage.close(),
  }
}

/**
 * Copies a registry into another storage; nobody serves either meanwhile.
 * @throws AppError `kernel/locked` when a server has a folder, `kernel/cancelled`
 */
export async function migrateStorage(
  from: OpenRegistryOptions,
  to: OpenRegistryOptions,
  options: {
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: (progress: MigrateProgress) => void
  } = {},
): Promise<MigrateReport> {
  checkIsThere(from)
  const source = await openStorage(settled(from))
  try {
    const target = await openStorage(settled(to))
    try {
      return await migrateRegistry(source, target, options)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

function settled(options: OpenRegistryOptions) {
  return { ...options, clock: options.clock ?? systemClock, blobBytesMax: Number.MAX_SAFE_INTEGER }
}
