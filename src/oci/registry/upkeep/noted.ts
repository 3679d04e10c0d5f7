/**
 * What upkeep changes for clients, in the audit log: what retention lets go, what is restored.
 *
 * Invariant: nothing is written where nobody asked for a log, which has its tables once access was
 * restricted or an account was made. Not here: what clients change (`#server`).
 */
import type { Actor } from '../../access/accounts.ts'
import { recordAll } from '../../access/audit.ts'
import type { Storage } from '../storage.ts'

export interface UpkeepChange {
  readonly action: 'tag.expire' | 'manifest.expire' | 'tag.restore' | 'manifest.restore'
  readonly repository: string
  /** A digest, or a tag and the digest that it named. */
  readonly subject: string
}

/** Who changes what, and when. */
export interface By {
  readonly actor: Actor
  readonly nowMs: number
}

const batchMax = 500

/** Durable on return. */
export async function noteChanges(
  { database }: Storage,
  changes: readonly UpkeepChange[],
  { actor, nowMs }: By,
): Promise<void> {
  if (changes.length === 0 || !(await hasLog(database))) return
  for (let at = 0; at < changes.length; at += batchMax) {
    const events = changes
      .slice(at, at + batchMax)
      .map((change) => ({ ...change, ...actor, outcome: 'done' }))
    await database.transaction((within) => recordAll(within, events, nowMs))
  }
}

async function hasLog(database: Storage['database']): Promise<boolean> {
  const areas = await database.query('SELECT 1 AS one FROM schema_version WHERE area = ?', [
    'access',
  ])
  return areas.length > 0
}
