/**
 * Group commit: changes that are asked for together share one transaction and one disk sync.
 *
 * Invariant: a promise is fulfilled only after the commit that holds its change; a change that
 * throws is rolled back to its savepoint and takes no other with it.
 */
import type { Database } from 'bun:sqlite'
import { sqliteExplained } from '../database/sqlite-file.ts'

export type GroupWrite = <T>(work: () => T) => Promise<T>

interface Waiting {
  /** Runs the change; gives what to call after the commit. */
  readonly apply: () => () => void
  readonly reject: (error: unknown) => void
}

/** A function that runs changes on `database`, many to a commit. */
export function grouped(database: Database): GroupWrite {
  let queue: Waiting[] = []
  const flush = () => {
    const batch = queue
    queue = []
    const settled: (() => void)[] = []
    try {
      database.run('BEGIN IMMEDIATE')
      for (const waiting of batch) settled.push(applied(database, waiting))
      database.run('COMMIT')
    } catch (error) {
      if (database.inTransaction) database.run('ROLLBACK')
      for (const { reject } of batch) reject(sqliteExplained(error, database.filename))
      return
    }
    for (const settle of settled) settle()
  }
  return (work) =>
    new Promise((resolve, reject) => {
      const apply = () => {
        const value = work()
        return () => resolve(value)
      }
      if (queue.push({ apply, reject }) === 1) setImmediate(flush)
    })
}

function applied(database: Database, waiting: Waiting): () => void {
  database.run('SAVEPOINT change')
  try {
    const settle = waiting.apply()
    database.run('RELEASE change')
    return settle
  } catch (error) {
    database.run('ROLLBACK TO change')
    database.run('RELEASE change')
    return () => waiting.reject(sqliteExplained(error, database.filename))
  }
}
