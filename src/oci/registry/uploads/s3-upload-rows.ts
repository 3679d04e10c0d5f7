/**
 * The state of uploads to a bucket, in the database that all servers share.
 *
 * Invariant: a change of a row succeeds only for the writer whose mark is on it.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '#kernel/index.ts'
import type { Part } from '#store/index.ts'
import type { Database, Migration, Queryable, SqlValue } from '../database/contract.ts'
import { takenOver, uploadUnknown } from './errors.ts'
import { isUploadId } from './ids.ts'

export interface UploadRow {
  readonly id: string
  readonly repository: string
  /** Bytes in parts and in the tail. */
  readonly sizeBytes: number
  /** The bucket's name for the multipart upload, once there is one. */
  readonly multipart: string | undefined
  readonly isJoining: boolean
  readonly tail: string | undefined
  readonly tailBytes: number
  readonly mark: string
  readonly parts: readonly Part[]
}

export interface TakenRow {
  readonly row: UploadRow
  /** Of who wrote last. */
  readonly markBefore: string
}

export interface UploadRows {
  /** Gives the mark of who began it. */
  add(upload: { readonly id: string; readonly repository: string }): Promise<string>
  /** @throws AppError `oci/upload-unknown` */
  get(repository: string, id: string): Promise<UploadRow>
  /**
   * Makes the caller the writer, unless `isLate` says that it is none any more.
   * @throws AppError `oci/upload-unknown`, `oci/upload-invalid`
   */
  take(repository: string, id: string, isLate: () => boolean): Promise<TakenRow>
  setMultipart(row: UploadRow, multipart: string): Promise<UploadRow>
  addPart(row: UploadRow, part: Part & { readonly sizeBytes: number }): Promise<UploadRow>
  setTail(row: UploadRow, key: string | undefined, sizeBytes: number): Promise<UploadRow>
  setJoining(row: UploadRow): Promise<UploadRow>
  remove(id: string): Promise<void>
  /** Takes a row from whoever left it; false when somebody has gone on with it since. */
  touchIfIdle(row: UploadRow, sinceMs: number): Promise<boolean>
  idleSince(atMs: number): Promise<readonly UploadRow[]>
  ids(): Promise<ReadonlySet<string>>
}

const migrations: readonly Migration[] = [
  ({ text, integer }) => [
    `CREATE TABLE upload (
       id ${text} PRIMARY KEY,
       repository ${text} NOT NULL,
       size ${integer} NOT NULL,
       multipart ${text},
       joining ${integer} NOT NULL,
       tail ${text},
       tail_size ${integer} NOT NULL,
       mark ${text} NOT NULL,
       touched_ms ${integer} NOT NULL
     )`,
    `CREATE TABLE upload_part (
       upload ${text} NOT NULL,
       number ${integer} NOT NULL,
       etag ${text} NOT NULL,
       PRIMARY KEY (upload, number)
     )`,
  ],
]

interface Columns {
  readonly id: string
  readonly repository: string
  readonly size: number
  readonly multipart: string | null
  readonly joining: number
  readonly tail: string | null
  readonly tail_size: number
  readonly mark: string
}

export async function uploadRows(database: Database, clock: Clock): Promise<UploadRows> {
  await database.migrate('uploads', migrations)
  return {
    add: async ({ id, repository }) => {
      const mark = randomUUID()
      await database.run(
        `INSERT INTO upload (id, repository, size, joining, tail_size, mark, touched_ms)
         VALUES (?, ?, 0, 0, 0, ?, ?)`,
        [id, repository, mark, clock.nowMs()],
      )
      return mark
    },
    get: async (repository, id) => {
      const found = await find(database, id)
      if (found?.repository !== repository) throw uploadUnknown(id)
      return found
    },
    take: async (repository, id, isLate) => {
      for (;;) {
        const row = await find(database, id)
        if (row?.repository !== repository) throw uploadUnknown(id)
        if (isLate()) throw takenOver()
        const mark = randomUUID()
        const changed = await database.run(
          'UPDATE upload SET mark = ?, touched_ms = ? WHERE id = ? AND mark = ?',
          [mark, clock.nowMs(), id, row.mark],
        )
        if (changed === 1) return { row: { ...row, mark }, markBefore: row.mark }
      }
    },
    ...changes(database, clock),
    remove: async (id) => {
      await database.transaction(async (within) => {
        await within.run('DELETE FROM upload_part WHERE upload = ?', [id])
        await within.run('DELETE FROM upload WHERE id = ?', [id])
      })
    },
    touchIfIdle: async (row, sinceMs) => {
      const changed = await database.run(
        'UPDATE upload SET mark = ?, touched_ms = ? WHERE id = ? AND mark = ? AND touched_ms < ?',
        [randomUUID(), clock.nowMs(), row.id, row.mark, sinceMs],
      )
      return changed === 1
    },
    idleSince: async (atMs) => {
      const old = await database.query<{ id: string }>(
        'SELECT id FROM upload WHERE touched_ms < ? ORDER BY id',
        [atMs],
      )
      const rows = await Promise.all(old.map(({ id }) => find(database, id)))
      return rows.filter((row) => row !== undefined)
    },
    ids: async () => {
      const rows = await database.query<{ id: string }>('SELECT id FROM upload')
      return new Set(rows.map(({ id }) => id))
    },
  }
}

/** Changes that only the writer may make. */
function changes(
  database: Database,
  clock: Clock,
): Pick<UploadRows, 'setMultipart' | 'addPart' | 'setTail' | 'setJoining'> {
  const change = async (
    row: UploadRow,
    columns: Partial<Omit<Columns, 'id'>>,
    within: Queryable = database,
  ): Promise<void> => {
    const names = Object.keys(columns)
    const set = [...names, 'touched_ms'].map((name) => `${name} = ?`).join(', ')
    const values: SqlValue[] = Object.values(columns)
    const text = `UPDATE upload SET ${set} WHERE id = ? AND mark = ?`
    const changed = await within.run(text, [...values, clock.nowMs(), row.id, row.mark])
    if (changed !== 1) throw takenOver()
  }
  return {
    setMultipart: async (row, multipart) => {
      await change(row, { multipart })
      return { ...row, multipart }
    },
    addPart: async (row, { number, etag, sizeBytes }) => {
      // The part holds the tail, if there was one, and counts beyond it.
      const size = row.sizeBytes - row.tailBytes + sizeBytes
      await database.transaction(async (within) => {
        await change(row, { size, tail: null, tail_size: 0 }, within)
        await within.run('INSERT INTO upload_part (upload, number, etag) VALUES (?, ?, ?)', [
          row.id,
          number,
          etag,
        ])
      })
      const parts = [...row.parts, { number, etag }]
      return { ...row, parts, sizeBytes: size, tailBytes: 0, tail: undefined }
    },
    setTail: async (row, key, tailBytes) => {
      const sizeBytes = row.sizeBytes - row.tailBytes + tailBytes
      await change(row, { size: sizeBytes, tail: key ?? null, tail_size: tailBytes })
      return { ...row, sizeBytes, tail: key, tailBytes }
    },
    setJoining: async (row) => {
      await change(row, { joining: 1 })
      return { ...row, isJoining: true }
    },
  }
}

async function find(database: Database, id: string): Promise<UploadRow | undefined> {
  if (!isUploadId(id)) return undefined
  const [row] = await database.query<Columns>('SELECT * FROM upload WHERE id = ?', [id])
  if (row === undefined) return undefined
  const parts = await database.query<Part>(
    'SELECT number, etag FROM upload_part WHERE upload = ? ORDER BY number',
    [id],
  )
  return {
    id,
    repository: row.repository,
    sizeBytes: row.size,
    multipart: row.multipart ?? undefined,
    isJoining: row.joining !== 0,
    tail: row.tail ?? undefined,
    tailBytes: row.tail_size,
    mark: row.mark,
    parts,
  }
}
