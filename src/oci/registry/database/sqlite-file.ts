/**
 * SQLite files of a registry: how they are opened, and what their failures mean.
 *
 * Invariant: a commit is on the disk when it is acknowledged, and references are checked.
 */
import { Database } from 'bun:sqlite'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { AppError, explained, messageOf, systemCode } from '#kernel/index.ts'

/**
 * Opens a file, or makes it, and has `prepare` bring it into its form.
 * @throws AppError `kernel/read-only`, `kernel/no-space`, `kernel/locked`
 */
export function openSqlite(path: string, prepare: (file: Database) => void): Database {
  try {
    mkdirSync(dirname(path), { recursive: true })
    // Signing keys and hashes of passwords are inside: SQLite gives its other files the same mode.
    closeSync(openSync(path, 'a', 0o600))
    const file = new Database(path, { create: true, strict: true })
    file.run('PRAGMA busy_timeout = 5000')
    file.run('PRAGMA journal_mode = WAL')
    file.run('PRAGMA synchronous = FULL')
    file.run('PRAGMA foreign_keys = ON')
    prepare(file)
    return file
  } catch (error) {
    throw sqliteExplained(error, path)
  }
}

/** Whether another process is in the way. */
export function isBusy(error: unknown): boolean {
  return systemCode(error)?.startsWith('SQLITE_BUSY') === true
}

/** SQLite's words for a disk that is full or cannot be written, as the system's own. */
export function sqliteExplained(error: unknown, path: string): unknown {
  if (isBusy(error))
    return new AppError('kernel/locked', `Another process holds ${path}`, { retryable: true })
  const code = systemCode(error) ?? ''
  if (/^SQLITE_(?:FULL|IOERR)/.test(code)) return explained({ code: 'ENOSPC' }, path)
  if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(code)) return damaged(path, messageOf(error), error)
  if (code.startsWith('SQLITE_READONLY')) return explained({ code: 'EROFS' }, path)
  return explained(code.startsWith('SQLITE_CANTOPEN') ? { code: 'EACCES' } : error, path)
}

/**
 * Reads the whole file, not only what somebody asks for; when `quick`, without a look whether
 * indexes agree with their tables.
 * @throws AppError `oci/bad-layout`
 */
export function checkSqlite(file: Database, { quick }: { readonly quick: boolean }): void {
  const pragma = quick ? 'quick_check' : 'integrity_check'
  try {
    const [row = ['ok']] = file.query(`PRAGMA ${pragma}(1)`).values()
    if (row[0] !== 'ok') throw damaged(file.filename, String(row[0]))
  } catch (error) {
    throw sqliteExplained(error, file.filename)
  }
}

function damaged(path: string, why: string, cause?: unknown): AppError {
  return new AppError('oci/bad-layout', `${path} is damaged: ${why}`, {
    hints: ['Put a copy of it back: docs/registry.md, "Backup and restore".'],
    cause,
  })
}
