/**
 * The door to the database for what is not on the hot path: an SQLite file, or PostgreSQL.
 *
 * What it promises is in `database/contract.ts`.
 */
import type { Database } from './database/contract.ts'
import { type PostgresPlace, postgresDatabase } from './database/postgres.ts'
import { sqliteDatabase } from './database/sqlite.ts'

export type { ColumnTypes, Database, Migration, Queryable } from './database/contract.ts'
export { parameterList } from './database/parameters.ts'

export type DatabasePlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | ({ readonly kind: 'postgres' } & PostgresPlace)

/** Opens, or makes, the database. @throws AppError `kernel/read-only`, `oci/bad-layout` */
export function openDatabase(place: DatabasePlace): Database {
  return place.kind === 'sqlite' ? sqliteDatabase(place.path) : postgresDatabase(place)
}
