/**
 * The audit log: who changed what, when, from where, and what came of it, chained by hash.
 *
 * Invariant: a record's hash covers its members and the hash before it, so a record that is
 * altered, taken out or moved breaks the chain from there on; the head says where the chain ends.
 * Whoever can write the whole database can also rebuild the chain: a head that was noted elsewhere
 * finds that out. Records are only ever added, and are durable when their promise is fulfilled.
 * Format: docs/formats/registry.md, "Audit log".
 */
import { createHash } from 'node:crypto'
import { assert, canonicalJson, type Clock } from '#kernel/index.ts'
import {
  type ColumnTypes,
  type Database,
  parameterList,
  type Queryable,
} from '../registry/database.ts'

const batchMax = 500
const pageRows = 5000

/** What happened. Texts are empty where there is nothing to say. */
export interface AuditEvent {
  /** The principal's name, and its kind. */
  readonly who: string
  readonly kind: string
  /** `manifest.push`, `tag.delete`, `account.add`, `login`, … */
  readonly action: string
  readonly repository: string
  /** What it was done to: a digest, a tag, an account. */
  readonly subject: string
  /** The address that it came from. */
  readonly source: string
  /** `done`, or the code of the refusal. */
  readonly outcome: string
}

export interface AuditRecord extends AuditEvent {
  /** From 1, without gaps. */
  readonly seq: number
  readonly atMs: number
  readonly hash: string
}

/** Where a chain ends. */
export interface AuditHead {
  readonly seq: number
  readonly hash: string
}

export type AuditVerdict =
  | { readonly kind: 'whole'; readonly head: AuditHead }
  /** The first record that is not what it was when it was written, and why we think so. */
  | { readonly kind: 'broken'; readonly seq: number; readonly why: string }

export interface AuditLog {
  /** Durable on return; those that wait at the same time share a transaction. */
  append(event: AuditEvent): Promise<void>
}

/** The hash before the first record. */
const origin = '0'.repeat(64)

/** The tables, as a part of the area `access`. */
export function auditTables({ text, integer }: ColumnTypes): readonly string[] {
  return [
    `CREATE TABLE audit (
      seq ${integer} PRIMARY KEY,
      at_ms ${integer} NOT NULL,
      who ${text} NOT NULL,
      kind ${text} NOT NULL,
      action ${text} NOT NULL,
      repository ${text} NOT NULL,
      subject ${text} NOT NULL,
      source ${text} NOT NULL,
      outcome ${text} NOT NULL,
      hash ${text} NOT NULL
    )`,
    `CREATE TABLE audit_head (
      one ${integer} PRIMARY KEY,
      seq ${integer} NOT NULL,
      hash ${text} NOT NULL
    )`,
    `INSERT INTO audit_head VALUES (1, 0, '${origin}')`,
  ]
}

/** The log in a database whose area `access` was migrated. */
export function auditIn(database: Database, clock: Clock): AuditLog {
  const waiting: { event: AuditEvent; done: () => void; failed: (error: unknown) => void }[] = []
  let running = false
  const flush = async () => {
    running = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchMax)
      try {
        const events = batch.map(({ event }) => event)
        await database.transaction((within) => recordAll(within, events, clock.nowMs()))
        for (const { done } of batch) done()
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
    }
    running = false
  }
  return {
    append: (event) =>
      new Promise((done, failed) => {
        waiting.push({ event, done, failed })
        if (!running) void flush()
      }),
  }
}

/** Adds records as a part of the transaction that makes the change that they tell of. */
export async function recordAll(
  within: Queryable,
  events: readonly AuditEvent[],
  atMs: number,
): Promise<void> {
  // Holding the head first makes other writers wait, instead of failing on the same number.
  const [head] = await within.query<AuditHead>(
    'UPDATE audit_head SET seq = seq + ? RETURNING seq, hash',
    [events.length],
  )
  assert(head !== undefined, 'the audit log has a head')
  let { seq, hash } = { seq: head.seq - events.length, hash: head.hash }
  const values = events.flatMap((event) => {
    seq += 1
    const record = { ...event, seq, atMs }
    hash = hashOf(record, hash)
    const { who, kind, action, repository, subject, source, outcome } = event
    return [seq, atMs, who, kind, action, repository, subject, source, outcome, hash]
  })
  const row = parameterList(10)
  await within.run(`INSERT INTO audit VALUES ${Array.from(events, () => row).join(', ')}`, values)
  await within.run('UPDATE audit_head SET hash = ?', [hash])
}

/** Reads the whole chain. @param noted A head that was noted elsewhere, which must be part of it. */
export async function verifyAudit(database: Database, noted?: AuditHead): Promise<AuditVerdict> {
  let at: AuditHead = { seq: 0, hash: origin }
  const head = await headOf(database)
  while (at.seq < head.seq) {
    const rows = await page(database, at.seq, Math.min(pageRows, head.seq - at.seq))
    if (rows.length === 0) break
    for (const record of rows) {
      const seq = at.seq + 1
      if (record.seq !== seq) return { kind: 'broken', seq, why: 'it is missing' }
      if (record.hash !== hashOf(record, at.hash))
        return { kind: 'broken', seq, why: 'it, or its place, was changed' }
      if (noted?.seq === seq && noted.hash !== record.hash)
        return { kind: 'broken', seq, why: 'it is not the record that was noted' }
      at = { seq, hash: record.hash }
    }
  }
  if (at.seq < head.seq)
    return { kind: 'broken', seq: at.seq + 1, why: 'the end of the log is missing' }
  if (at.hash !== head.hash) return { kind: 'broken', seq: at.seq, why: 'the head is another' }
  const stray = await strayRecord(database)
  if (stray !== undefined)
    return { kind: 'broken', seq: stray, why: 'it is beyond the ends of the log' }
  if (noted !== undefined && noted.seq > at.seq)
    return { kind: 'broken', seq: at.seq + 1, why: 'the log ends before the record that was noted' }
  return { kind: 'whole', head: at }
}

/** A record that no head covers: nobody who adds in order leaves one. */
async function strayRecord(database: Database): Promise<number | undefined> {
  const [row] = await database.query<{ seq: number }>(
    'SELECT seq FROM audit WHERE seq < 1 OR seq > (SELECT seq FROM audit_head) ORDER BY seq LIMIT 1',
  )
  return row?.seq
}

export interface AuditQuestion {
  /** Only records after this one. */
  readonly after?: number
  /** The newest so many. */
  readonly limit: number
}

/** Records, oldest first. */
export async function listAudit(
  database: Database,
  { after = 0, limit }: AuditQuestion,
): Promise<readonly AuditRecord[]> {
  const rows = await database.query<Row>(
    'SELECT * FROM audit WHERE seq > ? ORDER BY seq DESC LIMIT ?',
    [after, limit],
  )
  return rows.map(recordOf).toReversed()
}

type Row = Omit<AuditRecord, 'atMs'> & { readonly at_ms: number }

function recordOf({ at_ms: atMs, seq, hash, ...row }: Row): AuditRecord {
  const { who, kind, action, repository, subject, source, outcome } = row
  return { seq, atMs, who, kind, action, repository, subject, source, outcome, hash }
}

async function page(
  database: Database,
  after: number,
  limit: number,
): Promise<readonly AuditRecord[]> {
  const rows = await database.query<Row>('SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?', [
    after,
    limit,
  ])
  return rows.map(recordOf)
}

async function headOf(within: Queryable): Promise<AuditHead> {
  const [head] = await within.query<AuditHead>('SELECT seq, hash FROM audit_head')
  return head ?? { seq: 0, hash: '' }
}

function hashOf(record: Omit<AuditRecord, 'hash'> & { readonly hash?: string }, before: string) {
  const { hash: _own, ...members } = record
  return createHash('sha256').update(`${before}\n`).update(canonicalJson(members)).digest('hex')
}
