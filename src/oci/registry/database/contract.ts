/**
 * A database for what is not on the hot path: accounts, quotas, traffic, upload sessions.
 *
 * Invariant: a fulfilled promise of a change survives a crash; a transaction is all or nothing and
 * as if it ran alone (serializable). Drivers: `sqliteDatabase` (a file), `postgresDatabase`; one
 * contract suite. Statements are written once for both: `?` for parameters (and nowhere else),
 * `ON CONFLICT`, `RETURNING`, `CAST(SUM(x) AS BIGINT)`; column types come from `ColumnTypes`.
 * Not here: manifests, tags and who has which blob (`metadata/`).
 */
export type SqlValue = string | number | Uint8Array | null

export interface Queryable {
  /** Rows by column name. Integers are numbers; bytes are Uint8Array. Integers below 2^53 only. */
  query<Row>(text: string, values?: readonly SqlValue[]): Promise<readonly Row[]>
  /** How many rows were inserted, changed or removed. */
  run(text: string, values?: readonly SqlValue[]): Promise<number>
}

/** What a column's type is called; texts compare by code point in both. */
export interface ColumnTypes {
  readonly text: string
  readonly integer: string
  readonly bytes: string
  /** A primary key that counts up by itself. */
  readonly serial: string
}

/** The statements that bring the tables of an area from one version to the next. */
export type Migration = (types: ColumnTypes) => readonly string[]

/**
 * @throws AppError `oci/database-gone` (and nothing was changed, or it is not known) while the
 *   database cannot be reached, `kernel/no-space`, `kernel/read-only`
 */
export interface Database extends Queryable {
  readonly dialect: 'sqlite' | 'postgres'
  /**
   * Runs `work` as one transaction. It may run more than once, when another transaction was in the
   * way: it must have no effect outside the database. Inside, only the argument may be used.
   */
  transaction<T>(work: (within: Queryable) => Promise<T>): Promise<T>
  /**
   * Brings the tables of an area to the version that is the number of migrations; each runs once
   * per database, whoever comes first. Migrations are only ever added at the end.
   * @throws AppError `oci/bad-layout` when the tables are of a newer version
   */
  migrate(area: string, migrations: readonly Migration[]): Promise<void>
  close(): Promise<void>
}
