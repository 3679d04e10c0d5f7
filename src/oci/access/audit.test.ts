import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryFolder } from '#kernel/index.ts'
import { outside } from '../../../test/outside.ts'
import { postgresPrograms, sharedPostgres, stopPostgres } from '../../../test/postgres.ts'
import { type Database, openDatabase } from '../registry/database.ts'
import { accessMigrations, accountsIn } from './accounts.ts'
import { type AuditEvent, auditIn, listAudit, verifyAudit } from './audit.ts'

const folder = temporaryFolder()
afterAll(async () => {
  await stopPostgres()
  folder[Symbol.dispose]()
})
const clock = { nowMs: () => 1_800_000_000_000 }
const event = (subject: string): AuditEvent => ({
  who: 'ada',
  kind: 'user',
  action: 'manifest.push',
  repository: 'lab/a',
  subject,
  source: '192.0.2.1',
  outcome: 'done',
})

let files = 0
const sqlite = async () => {
  files += 1
  return openDatabase({ kind: 'sqlite', path: join(folder.path, `${files}.db`) })
}
const postgres = async () => {
  return openDatabase({ kind: 'postgres', url: await (await sharedPostgres()).fresh() })
}

/** A log of ten records, written by two writers at once. */
async function tenRecords(open: () => Promise<Database>): Promise<Database> {
  const database = await open()
  await database.migrate('access', accessMigrations)
  const writers = [auditIn(database, clock), auditIn(database, clock)]
  const subjects = Array.from({ length: 10 }, (_, at) => `sha256:${at}`)
  await Promise.all(subjects.map((subject, at) => writers[at % 2]?.append(event(subject))))
  return database
}

const drivers = [
  ['SQLite', sqlite, test],
  ['PostgreSQL', postgres, outside(postgresPrograms)],
] as const
for (const [name, open, on] of drivers) {
  on(`${name}: the records of several writers are one chain`, async () => {
    const database = await tenRecords(open)
    expect(await verifyAudit(database)).toMatchObject({ kind: 'whole', head: { seq: 10 } })
    const newest = await listAudit(database, { limit: 3 })
    expect(newest.map(({ seq }) => seq)).toEqual([8, 9, 10])
    expect(await listAudit(database, { after: 9, limit: 3 })).toMatchObject([{ who: 'ada' }])
    await database.close()
  })

  on(`${name}: what is done to accounts is recorded with it`, async () => {
    const database = await tenRecords(open)
    const accounts = accountsIn(database, clock, { who: 'root', kind: 'local', source: '' })
    const grants = [{ repositories: ['lab/**'], actions: ['pull'] as const }]
    const wanted = { name: 'ci', kind: 'token', grants } as const
    const { secret } = await accounts.add(wanted)
    await expect(accounts.add(wanted)).rejects.toMatchObject({ code: 'oci/account-exists' })
    expect(await accounts.token(secret)).toMatchObject({ name: 'ci', grants })
    expect(await accounts.revoke('token', 'ci')).toBe(true)
    expect(await accounts.token(secret)).toBeUndefined()
    expect(await listAudit(database, { after: 10, limit: 9 })).toMatchObject([
      { who: 'root', action: 'account.add', subject: 'ci' },
      { who: 'root', action: 'account.revoke', subject: 'ci' },
    ])
    expect(JSON.stringify(await database.query('SELECT * FROM audit'))).not.toContain(secret)
    expect(await verifyAudit(database)).toMatchObject({ kind: 'whole' })
    await database.close()
  })
}

test.each<[string, readonly string[], number, string]>([
  ['an altered record', ["UPDATE audit SET who = 'eve' WHERE seq = 4"], 4, 'was changed'],
  ['another time', ['UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 4'], 4, 'was changed'],
  ['a record taken out', ['DELETE FROM audit WHERE seq = 4'], 4, 'missing'],
  ['the first taken out', ['DELETE FROM audit WHERE seq = 1'], 1, 'missing'],
  ['the end cut off', ['DELETE FROM audit WHERE seq > 7'], 8, 'the end of the log is missing'],
  ['everything taken out', ['DELETE FROM audit'], 1, 'the end of the log is missing'],
  [
    'two records swapped',
    [
      'UPDATE audit SET seq = 99 WHERE seq = 4',
      'UPDATE audit SET seq = 4 WHERE seq = 5',
      'UPDATE audit SET seq = 5 WHERE seq = 99',
    ],
    4,
    'was changed',
  ],
  [
    'a record after the end',
    [
      "INSERT INTO audit SELECT 11, at_ms, 'eve', kind, action, '', '', '', '', hash FROM audit LIMIT 1",
    ],
    11,
    'beyond the ends',
  ],
  [
    'a record before the beginning',
    [
      "INSERT INTO audit SELECT -1, at_ms, 'eve', kind, action, '', '', '', '', hash FROM audit LIMIT 1",
    ],
    -1,
    'beyond the ends',
  ],
  ['another head', ["UPDATE audit_head SET hash = 'x'"], 10, 'the head is another'],
])('%s is found', async (_what, statements, seq, why) => {
  const database = await tenRecords(sqlite)
  for (const statement of statements) await database.run(statement)
  const verdict = await verifyAudit(database)
  expect(verdict).toEqual({ kind: 'broken', seq, why: expect.stringContaining(why) })
  await database.close()
})

test('an end cut off together with its head is found by a head that was noted', async () => {
  const database = await tenRecords(sqlite)
  const verdict = await verifyAudit(database)
  const noted = verdict.kind === 'whole' ? verdict.head : undefined
  const [seventh] = await listAudit(database, { after: 6, limit: 4 })
  await database.run('DELETE FROM audit WHERE seq > 7')
  await database.run('UPDATE audit_head SET seq = 7, hash = ?', [seventh?.hash ?? ''])
  expect(await verifyAudit(database)).toMatchObject({ kind: 'whole' })
  expect(await verifyAudit(database, noted)).toMatchObject({ kind: 'broken', seq: 8 })
  for (let at = 0; at < 3; at += 1) await auditIn(database, clock).append(event('sha256:forged'))
  expect(await verifyAudit(database)).toMatchObject({ kind: 'whole' })
  expect(await verifyAudit(database, noted)).toMatchObject({
    kind: 'broken',
    seq: 10,
    why: 'it is not the record that was noted',
  })
  await database.close()
})
