/**
 * Whose turn it is: of several servers on one database, one does what is done now and then.
 */
import type { Clock } from '#kernel/index.ts'
import type { Database, Migration } from '../database/contract.ts'

export const upkeepMigrations: readonly Migration[] = [
  ({ text, integer }) => [
    `CREATE TABLE upkeep_run (name ${text} PRIMARY KEY, at_ms ${integer} NOT NULL)`,
  ],
]

/**
 * True for one caller in each `everyMs`, of all processes. A turn that was taken further ahead than
 * that is one of a clock that was wrong, and keeps nobody waiting.
 */
export async function takeTurn(
  database: Database,
  clock: Clock,
  { name, everyMs }: { readonly name: string; readonly everyMs: number },
): Promise<boolean> {
  await database.migrate('upkeep', upkeepMigrations)
  const nowMs = clock.nowMs()
  const taken = await database.run(
    `INSERT INTO upkeep_run (name, at_ms) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET at_ms = excluded.at_ms
       WHERE upkeep_run.at_ms <= ? OR upkeep_run.at_ms > ?`,
    [name, nowMs, nowMs - everyMs, nowMs + everyMs],
  )
  return taken === 1
}
