/**
 * The database as one SQLite file of its own, beside `registry.db`.
 *
 * Invariant: statements run one after another, and none of them inside another caller's
 * transaction. The file is not the hot path's: a transaction here may wait for its caller, and
 * nobody who pushes or pulls waits with it. Another process (a command beside the server) is
 * waited for without blocking this one.
 */
import type { Database as SqliteFile } from 'bun:sqlite'
import type { ColumnTypes, Database, Queryable, SqlValue } from './contract.ts'
import { migrateWithin, versionTable } from './migrate.ts'
import { isBusy, openSqlite, sqliteExplained } from './sqlite-file.ts'

const types: ColumnTypes = {
  text: 'TEXT',
  integer: 'INTEGER',
  bytes: 'BLOB',
  serial: 'INTEGER PRIMARY KEY AUTOINCREMENT',
}
const busyMsMax = 30_000

/** @throws AppError `kernel/read-only`, `kernel/no-space` */
export function sqliteDatabase(path: string): Database {
  const file = openSqlite(path, (opened) => {
    opened.run(versionTable)
    // From here on a busy file is asked again without blocking this process.
    opened.run('PRAGMA busy_timeout = 0')
  })
  const turns = oneAtATime()
  const direct = statements(file)
  const transaction = <T>(work: (within: Queryable) => Promise<T>): Promise<T> =>
    turns(() => inTransaction(file, direct, work))
  return {
    dialect: 'sqlite',
    query: (text, values) => turns(() => whenFree(file, () => direct.query(text, values))),
    run: (text, values) => turns(() => whenFree(file, () => direct.run(text, values))),
    transaction,
    migrate: (area, migrations) =>
      transaction((within) => migrateWithin(within, { area, migrations, types, where: path })),
    close: () => turns(async () => file.close()),
  }
}

function statements(file: SqliteFile): Queryable {
  return {
    query: async <Row>(text: string, values: readonly SqlValue[] = []) =>
      file.query<Row, SqlValue[]>(text).all(...values),
    run: async (text, values = []) => file.query<never, SqlValue[]>(text).run(...values).changes,
  }
}

async function inTransaction<T>(
  file: SqliteFile,
  direct: Queryable,
  work: (within: Queryable) => Promise<T>,
): Promise<T> {
  await whenFree(file, async () => file.run('BEGIN IMMEDIATE'))
  try {
    const value = await work(direct)
    file.run('COMMIT')
    return value
  } catch (error) {
    if (file.inTransaction) file.run('ROLLBACK')
    throw sqliteExplained(error, file.filename)
  }
}

/** Asks again while another process writes. */
async function whenFree<T>(file: SqliteFile, work: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + busyMsMax
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadlineMs)
        throw sqliteExplained(error, file.filename)
      await Bun.sleep(waitMs)
    }
  }
}

/** Runs what it is given one after another, whatever becomes of each. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work, work)
    last = turn.catch(() => undefined)
    return turn
  }
}
