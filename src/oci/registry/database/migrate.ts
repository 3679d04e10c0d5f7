/**
 * Versions of tables: an area's migrations run in order, each once per database.
 *
 * Invariant: the version of an area is the number of migrations that were committed for it.
 */
import { AppError } from '#kernel/index.ts'
import type { ColumnTypes, Migration, Queryable } from './contract.ts'

/** What remembers the versions; made by each driver before anything else. */
export const versionTable = `CREATE TABLE IF NOT EXISTS schema_version (
  area TEXT PRIMARY KEY,
  version INTEGER NOT NULL
)`

export interface Migrating {
  readonly area: string
  readonly migrations: readonly Migration[]
  readonly types: ColumnTypes
  /** The database, for a message. */
  readonly where: string
}

/**
 * Runs the migrations that an area lacks; `within` is a transaction that no other migrates beside.
 * @throws AppError `oci/bad-layout` when the tables are of a newer version
 */
export async function migrateWithin(within: Queryable, migrating: Migrating): Promise<void> {
  const { area, migrations, types, where } = migrating
  const [row] = await within.query<{ version: number }>(
    'SELECT version FROM schema_version WHERE area = ?',
    [area],
  )
  const version = row?.version ?? 0
  if (version > migrations.length)
    throw new AppError(
      'oci/bad-layout',
      `${where} has format ${version} of ${area}, this program reads ${migrations.length}`,
      { hints: ['Use the version of Backlot that wrote it, or a newer one.'] },
    )
  if (version === migrations.length) return
  for (const migration of migrations.slice(version))
    for (const statement of migration(types)) await within.run(statement)
  await within.run(
    `INSERT INTO schema_version (area, version) VALUES (?, ?)
     ON CONFLICT (area) DO UPDATE SET version = excluded.version`,
    [area, migrations.length],
  )
}
