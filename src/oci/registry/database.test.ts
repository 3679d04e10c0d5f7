import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../test/outside.ts'
import { postgresPrograms, startPostgres } from '../../../test/postgres.ts'
import { databaseContract } from './database.contract.ts'
import { openDatabase } from './database.ts'

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
let running: ReturnType<typeof startPostgres> | undefined
const server = () => (running ??= startPostgres())
afterAll(async () => {
  await (await running)?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})
let url = ''
databaseContract(
  'PostgreSQL',
  async (which) => {
    if (which === 'fresh') url = await (await server()).fresh()
    return openDatabase({ kind: 'postgres', url })
  },
  inPostgres,
)

inPostgres('PostgreSQL: gone and back', async () => {
  const postgres = await server()
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
  const database = openDatabase({ kind: 'postgres', url: await (await server()).fresh() })
  const [row] = await database.query('SHOW idle_in_transaction_session_timeout')
  expect(row).toEqual({ idle_in_transaction_session_timeout: '1min' })
  await database.close()
})
