/**
 * Registry metadata in one SQLite file.
 *
 * Invariant: a change is in the file, synced, before its promise is fulfilled. Changes that are
 * asked for in one turn of the event loop share one commit, and so one sync of the disk; one that
 * fails is undone alone. Manifests' bytes live here, so that a tag and what it names are one write.
 * Format: docs/formats/registry.md.
 */
import { Database } from 'bun:sqlite'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { AppError, type Clock, type Digest, explained, systemCode } from '#kernel/index.ts'
import { Descriptor } from '../schema.ts'
import type { Page, PageRequest, StoredManifest } from './contract.ts'
import { grouped } from './group-commit.ts'
import { preparedQueries, type Queries } from './queries.ts'
import type { ManifestKey, ManifestWrite, Metadata, WriteOutcome } from './metadata.ts'

const formatVersion = 1
const pageItemsMax = 10_000

const tables = `
CREATE TABLE repository (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE blob (
  repository INTEGER NOT NULL REFERENCES repository (id),
  digest TEXT NOT NULL,
  size INTEGER NOT NULL,
  pushed_ms INTEGER NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_by_digest ON blob (digest);
CREATE TABLE content (
  digest TEXT PRIMARY KEY,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE manifest (
  repository INTEGER NOT NULL REFERENCES repository (id),
  digest TEXT NOT NULL REFERENCES content (digest),
  media_type TEXT NOT NULL,
  subject TEXT,
  artifact_type TEXT,
  descriptor TEXT,
  pushed_ms INTEGER NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_by_digest ON manifest (digest);
CREATE INDEX manifest_by_subject ON manifest (repository, subject, digest)
  WHERE subject IS NOT NULL;
CREATE TABLE tag (
  repository INTEGER NOT NULL REFERENCES repository (id),
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  moved_ms INTEGER NOT NULL,
  PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_digest ON tag (repository, digest);
PRAGMA user_version = ${formatVersion};
`

/** @throws AppError `kernel/read-only`, `oci/bad-layout` for a file of a newer format */
export function sqliteMetadata(path: string, clock: Clock): Metadata {
  const database = openDatabase(path)
  const queries = preparedQueries(database)
  const write = grouped(database)
  return {
    blobSize: async (repository, digest) =>
      queries.blobSize.get({ repository, digest })?.size ?? undefined,
    linkBlob: (repository, digest, size) =>
      write(() => {
        const id = queries.ensureRepository(repository)
        queries.linkBlob.run({ id, digest, size, now: clock.nowMs() })
      }),
    unlinkBlob: (repository, digest) =>
      write(() => queries.unlinkBlob.run({ repository, digest }).changes > 0),
    holders: async (digest, limit) =>
      queries.holders.all({ digest, limit }).map(({ name }) => name),
    putManifest: (repository, put) =>
      write(() => putManifest(queries, { repository, put, nowMs: clock.nowMs() })),
    manifest: async (repository, key) => findManifest(queries, repository, key),
    removeManifest: (repository, key) => write(() => removeManifest(queries, repository, key)),
    tags: async (repository, page) => listTags(queries, repository, page),
    referrers: async (repository, subject, page) =>
      queries.referrers
        .all({
          repository,
          subject,
          artifactType: page.artifactType ?? null,
          after: page.after ?? '',
          limit: limitOf(page),
        })
        .map(({ descriptor }) => Descriptor.parse(JSON.parse(descriptor))),
    repositories: async (page) => {
      const limit = limitOf(page)
      const rows = queries.repositories.all({ after: page.after ?? '', limit: limit + 1 })
      return pageOf(
        rows.map(({ name }) => name),
        limit,
      )
    },
    close: () => {
      queries.finalize()
      database.close()
    },
  }
}

function openDatabase(path: string): Database {
  try {
    mkdirSync(dirname(path), { recursive: true })
    const database = new Database(path, { create: true, strict: true })
    database.run('PRAGMA journal_mode = WAL')
    database.run('PRAGMA synchronous = FULL')
    database.run('PRAGMA foreign_keys = ON')
    database.run('PRAGMA busy_timeout = 5000')
    const version = database.query<{ user_version: number }, []>('PRAGMA user_version').get()
    if (version?.user_version === 0) database.transaction(() => database.run(tables)).immediate()
    else if (version?.user_version !== formatVersion) {
      throw new AppError(
        'oci/bad-layout',
        `${path} has format ${version?.user_version}, this program reads ${formatVersion}`,
        { hints: ['Use the version of Backlot that wrote it, or a newer one.'] },
      )
    }
    return database
  } catch (error) {
    throw systemCode(error)?.startsWith('SQLITE_CANTOPEN')
      ? explained({ code: 'EACCES' }, path)
      : explained(error, path)
  }
}

function putManifest(
  queries: Queries,
  { repository, put, nowMs }: { repository: string; put: ManifestWrite; nowMs: number },
): WriteOutcome {
  const { record } = put
  const id = queries.ensureRepository(repository)
  for (const digest of put.needs)
    if (queries.hasBlob.get({ id, digest }) === null) return { kind: 'missing', digest }
  const wanted = put.replaces === 'absent' ? undefined : put.replaces
  if (put.replaces !== undefined)
    for (const tag of put.tags) {
      const now = queries.tagDigest.get({ id, name: tag })?.digest
      // A request that is repeated because its answer was lost has already done its work.
      if (now !== wanted && now !== record.digest) return { kind: 'moved', tag }
    }
  queries.addContent.run({ digest: record.digest, bytes: record.bytes })
  queries.addManifest.run({
    id,
    digest: record.digest,
    mediaType: record.mediaType,
    subject: record.subject ?? null,
    artifactType: record.descriptor.artifactType ?? null,
    descriptor: record.subject === undefined ? null : JSON.stringify(record.descriptor),
    now: nowMs,
  })
  for (const name of put.tags) queries.setTag.run({ id, name, digest: record.digest, now: nowMs })
  return { kind: 'stored' }
}

function findManifest(
  queries: Queries,
  repository: string,
  key: ManifestKey,
): StoredManifest | undefined {
  const found =
    'tag' in key
      ? queries.byTag.get({ repository, name: key.tag })
      : queries.byDigest.get({ repository, digest: key.digest })
  return found ?? undefined
}

function removeManifest(queries: Queries, repository: string, key: ManifestKey): boolean {
  if ('tag' in key) return queries.removeTag.run({ repository, name: key.tag }).changes > 0
  const digest: Digest = key.digest
  queries.removeTagsOf.run({ repository, digest })
  const gone = queries.removeManifest.run({ repository, digest }).changes > 0
  if (gone) queries.removeContent.run({ digest })
  return gone
}

function listTags(
  queries: Queries,
  repository: string,
  page: PageRequest,
): Page<string> | undefined {
  const found = queries.findRepository.get({ name: repository })
  if (found === null) return undefined
  const limit = limitOf(page)
  if (limit === 0) return { items: [] }
  const rows = queries.tags.all({ id: found.id, after: page.after ?? '', limit: limit + 1 })
  return pageOf(
    rows.map(({ name }) => name),
    limit,
  )
}

function limitOf(page: PageRequest): number {
  return Math.min(page.limit ?? pageItemsMax, pageItemsMax)
}

/** `names` holds one more than fits when there is a next page. */
function pageOf(names: readonly string[], limit: number): Page<string> {
  const items = names.slice(0, limit)
  const last = items.at(-1)
  return names.length > limit && last !== undefined ? { items, next: last } : { items }
}
