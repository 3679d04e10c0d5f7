/**
 * Moves what stands around a registry: accounts, signing keys, the audit log, traffic, turns.
 *
 * Invariant: the target's audit log is at every moment a beginning of the source's, record by
 * record with their hashes, and goes on from where it ends; a target whose log is another is left
 * alone, as its accounts are its own. Accounts and keys are replaced in one transaction, and no id
 * is ever given again. The source is only read.
 * Not here: uploads in progress, which belong to the servers that began them.
 */
import { AppError } from '#kernel/index.ts'
import { accessMigrations } from '../../access/accounts.ts'
import { type AuditHead, verifyAudit } from '../../access/audit.ts'
import { syncMigrations } from '../../sync/tables.ts'
import { trafficMigrations } from '../../traffic/tables.ts'
import type { Database, Migration, Queryable, SqlValue } from '../database/contract.ts'
import { parameterList } from '../database/parameters.ts'
import { upkeepMigrations } from './schedule.ts'

export interface ServiceReport {
  readonly accounts: number
  readonly auditRecords: number
  readonly trafficRows: number
}

interface Table {
  readonly name: string
  /** What its rows are ordered by; no two rows have the same. */
  readonly key: readonly string[]
}

const audit: Table = { name: 'audit', key: ['seq'] }
const withIds: readonly Table[] = [
  { name: 'account', key: ['id'] },
  { name: 'signing_key', key: ['id'] },
]
const accessVersion: Table = { name: 'access_version', key: ['one'] }
const trafficKey = ['day', 'server', 'repository', 'upstream', 'client', 'kind', 'outcome']
const traffic: readonly Table[] = [
  { name: 'traffic', key: trafficKey },
  { name: 'upstream_traffic', key: ['server', 'upstream', 'method', 'status'] },
]
const pageRows = 500

interface Sides {
  readonly from: Database
  readonly to: Database
  readonly check: () => void
}

/** @throws AppError `oci/target-in-use`, `oci/bad-layout` for tables of another version */
export async function moveService(sides: Sides): Promise<ServiceReport> {
  let report = { accounts: 0, auditRecords: 0, trafficRows: 0 }
  if (await prepared(sides, 'access', accessMigrations)) {
    const auditRecords = await moveAudit(sides)
    report = { ...report, auditRecords, accounts: await moveAccounts(sides) }
  }
  if (await prepared(sides, 'traffic', trafficMigrations))
    for (const table of traffic) report.trafficRows += await moveRows(sides, table)
  if (await prepared(sides, 'sync', syncMigrations))
    await moveRows(sides, { name: 'sync_list', key: ['name'] })
  if (await prepared(sides, 'upkeep', upkeepMigrations))
    await moveRows(sides, { name: 'upkeep_run', key: ['name'] })
  return report
}

/** Whether the source has an area; then the target has its tables too. */
async function prepared(
  { from, to }: Sides,
  area: string,
  migrations: readonly Migration[],
): Promise<boolean> {
  const [row] = await from.query<{ version: number }>(
    'SELECT version FROM schema_version WHERE area = ?',
    [area],
  )
  if (row === undefined) return false
  if (row.version !== migrations.length)
    throw new AppError(
      'oci/bad-layout',
      `The source has format ${row.version} of ${area}, this program reads ${migrations.length}`,
      { hints: ['Serve it once with this version of Backlot, then move it.'] },
    )
  await to.migrate(area, migrations)
  return true
}

/** How many records the target has in the end. */
async function moveAudit(sides: Sides): Promise<number> {
  const { from, to, check } = sides
  const target = await headOf(to)
  await checkBeginning(from, target)
  for (let after = target.seq; ; ) {
    check()
    const rows = await page(from, audit, after === 0 ? undefined : [after])
    const last = rows.at(-1)
    if (last === undefined) break
    await to.transaction(async (within) => {
      await insert(within, audit, rows)
      await within.run('UPDATE audit_head SET seq = ?, hash = ?', [
        valueOf(last, 'seq'),
        valueOf(last, 'hash'),
      ])
    })
    after = Number(last['seq'])
  }
  const source = await headOf(from)
  const verdict = await verifyAudit(to, source.seq === 0 ? undefined : source)
  const isSame = (await headOf(to)).seq === source.seq
  if (verdict.kind === 'whole' && isSame) return source.seq
  const why =
    verdict.kind === 'broken' ? `record ${verdict.seq}: ${verdict.why}` : 'its end is another'
  throw new AppError('oci/target-differs', `The audit log of the source does not hold: ${why}`, {
    hints: ['Ask `backlot registry audit verify` about the source.'],
  })
}

/** The target's log has to be a beginning of the source's. */
async function checkBeginning(from: Database, target: AuditHead): Promise<void> {
  if (target.seq === 0) return
  const [same] = await from.query<{ hash: string }>('SELECT hash FROM audit WHERE seq = ?', [
    target.seq,
  ])
  if (same?.hash === target.hash) return
  throw new AppError('oci/target-in-use', 'The target has accounts and an audit log of its own', {
    hints: ['Move into an empty database.'],
  })
}

/** Whole or not at all, as a change of accounts may have come between two attempts. */
async function moveAccounts({ from, to }: Sides): Promise<number> {
  const tables = await Promise.all(
    [...withIds, accessVersion].map(async (table) => ({ table, rows: await allRows(from, table) })),
  )
  const ids = await Promise.all(withIds.map(({ name }) => lastId(from, name)))
  await to.transaction(async (within) => {
    for (const { table, rows } of tables) {
      await within.run(`DELETE FROM ${table.name}`)
      for (let at = 0; at < rows.length; at += pageRows)
        await insert(within, table, rows.slice(at, at + pageRows))
    }
    for (const [at, { name }] of withIds.entries())
      await setLastId(within, { dialect: to.dialect, name, id: ids[at] ?? 0 })
  })
  return tables[0]?.rows.length ?? 0
}

async function moveRows({ from, to, check }: Sides, table: Table): Promise<number> {
  let moved = 0
  for (let after: readonly SqlValue[] | undefined; ; ) {
    check()
    const rows = await page(from, table, after)
    const last = rows.at(-1)
    if (last === undefined) return moved
    await to.transaction((within) => insert(within, table, rows))
    moved += rows.length
    after = table.key.map((column) => valueOf(last, column))
  }
}

type Row = Readonly<Record<string, SqlValue>>

async function allRows(from: Database, table: Table): Promise<readonly Row[]> {
  const all: Row[] = []
  for (let after: readonly SqlValue[] | undefined; ; ) {
    const rows = await page(from, table, after)
    const last = rows.at(-1)
    if (last === undefined) return all
    all.push(...rows)
    after = table.key.map((column) => valueOf(last, column))
  }
}

async function page(
  from: Queryable,
  { name, key }: Table,
  after: readonly SqlValue[] | undefined,
): Promise<readonly Row[]> {
  const order = key.join(', ')
  const where = after === undefined ? '' : `WHERE (${order}) > ${parameterList(key.length)}`
  return await from.query<Row>(`SELECT * FROM ${name} ${where} ORDER BY ${order} LIMIT ?`, [
    ...(after ?? []),
    pageRows,
  ])
}

/** Rows by their columns' names; one that is there already becomes the same. */
async function insert(
  within: Queryable,
  { name, key }: Table,
  rows: readonly Row[],
): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  const others = columns.filter((column) => !key.includes(column))
  const row = parameterList(columns.length)
  await within.run(
    `INSERT INTO ${name} (${columns.join(', ')}) VALUES ${rows.map(() => row).join(', ')}
     ON CONFLICT (${key.join(', ')})
     DO UPDATE SET ${others.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    rows.flatMap((one) => columns.map((column) => valueOf(one, column))),
  )
}

function valueOf(row: Row, column: string): SqlValue {
  return row[column] ?? null
}

async function headOf(database: Database): Promise<AuditHead> {
  const [head] = await database.query<AuditHead>('SELECT seq, hash FROM audit_head')
  return head ?? { seq: 0, hash: '' }
}

/** The highest id that was ever given, also to what is gone. */
async function lastId(database: Database, table: string): Promise<number> {
  const [row] =
    database.dialect === 'sqlite'
      ? await database.query<{ id: number | null }>(
          'SELECT seq AS id FROM sqlite_sequence WHERE name = ?',
          [table],
        )
      : await database.query<{ id: number | null }>(
          'SELECT last_value AS id FROM pg_sequences WHERE sequencename = ?',
          [`${table}_id_seq`],
        )
  return row?.id ?? 0
}

async function setLastId(
  within: Queryable,
  { dialect, name, id }: { dialect: Database['dialect']; name: string; id: number },
): Promise<void> {
  if (id === 0) return
  if (dialect === 'postgres') {
    await within.query(`SELECT setval(pg_get_serial_sequence('${name}', 'id'), ?)`, [id])
    return
  }
  await within.run('DELETE FROM sqlite_sequence WHERE name = ?', [name])
  await within.run('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)', [name, id])
}
