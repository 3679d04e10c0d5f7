import { afterAll, expect, test } from 'bun:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../test/outside.ts'
import { postgresPrograms, sharedPostgres, stopPostgres } from '../../../test/postgres.ts'
import { databaseContract } from './database.contract.ts'
import { type Migration, openDatabase } from './database.ts'

const folder = temporaryFolder()
let files = 0
databaseContract(
  'SQLite',
  async (which) => {
    if (which === 'fresh') files += 1
    return openDatabase({ kind: 'sqlite', path: join(folder.path, `${files}.db`) })
  },
  test,
)

const inPostgres = outside(postgresPrograms)
afterAll(async () => {
  await stopPostgres()
  folder[Symbol.dispose]()
})
let url = ''
databaseContract(
  'PostgreSQL',
  async (which) => {
    if (which === 'fresh') url = await (await sharedPostgres()).fresh()
    return openDatabase({ kind: 'postgres', url })
  },
  inPostgres,
)

test('SQLite: nobody else on this machine may read the files', async () => {
  using own = temporaryFolder()
  const database = openDatabase({ kind: 'sqlite', path: join(own.path, 'service.db') })
  await database.run('CREATE TABLE t (x BIGINT)')
  const modeOf = (name: string) => statSync(join(own.path, name)).mode & 0o777
  const modes = readdirSync(own.path).map((name) => [name, modeOf(name)])
  expect(Object.fromEntries(modes)).toEqual({
    'service.db': 0o600,
    'service.db-shm': 0o600,
    'service.db-wal': 0o600,
  })
  await database.close()
})

inPostgres('PostgreSQL: gone and back', async () => {
  const postgres = await sharedPostgres()
  const database = openDatabase({ kind: 'postgres', url: await postgres.fresh() })
  await database.run('CREATE TABLE t (x BIGINT)')
  await database.run('INSERT INTO t VALUES (1)')
  await postgres.kill()
  for (const asked of [
    () => database.query('SELECT x FROM t'),
    () => database.transaction((within) => within.run('INSERT INTO t VALUES (2)')),
  ])
    await expect(asked()).rejects.toMatchObject({ code: 'oci/database-gone', retryable: true })
  await postgres.start()
  expect(await database.query('SELECT x FROM t')).toEqual([{ x: 1 }])
  await database.close()
})

inPostgres('PostgreSQL: a transaction that nobody goes on with ends by itself', async () => {
  const database = openDatabase({ kind: 'postgres', url: await (await sharedPostgres()).fresh() })
  const [row] = await database.query('SHOW idle_in_transaction_session_timeout')
  expect(row).toEqual({ idle_in_transaction_session_timeout: '1min' })
  await database.close()
})

inPostgres('PostgreSQL: what it refuses us is told as such, and no fault of ours', async () => {
  const right = await (await sharedPostgres()).fresh()
  const admin = openDatabase({ kind: 'postgres', url: right })
  await admin.run('CREATE ROLE guest LOGIN')
  const table: readonly Migration[] = [({ integer }) => [`CREATE TABLE t (x ${integer})`]]
  for (const [wrong, why] of [
    [right.replace(/[^/]*$/, 'elsewhere'), 'database "elsewhere" does not exist'],
    [right.replace('backlot@', 'nobody@'), 'role "nobody" does not exist'],
    [right.replace('backlot@', 'guest@'), 'permission denied for schema public'],
  ] as const) {
    const refused = openDatabase({ kind: 'postgres', url: wrong })
    await expect(refused.migrate('t', table)).rejects.toMatchObject({
      code: 'oci/database-gone',
      message: `The database refuses us: ${why}`,
      hints: [expect.stringContaining('storage.postgres')],
    })
    await refused.close()
  }
  // A database that is told to give up on what is slow.
  const slow = admin.transaction(async (within) => {
    await within.run("SET LOCAL statement_timeout = '20ms'")
    await within.query('SELECT pg_sleep(60)')
  })
  await expect(slow).rejects.toMatchObject({ code: 'oci/database-gone', retryable: true })
  await admin.close()
})
