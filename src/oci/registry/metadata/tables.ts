/**
 * The tables of the registry's SQLite file, and how a file of an older format becomes a newer one.
 *
 * Format: docs/formats/registry.md, with a fixture for each version. PostgreSQL's are in
 * `postgres-tables.ts`.
 */
import type { Database } from 'bun:sqlite'
import { namedBy, parseManifest } from '../../schema.ts'

export const formatVersion = 3

const firstTables = `
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
PRAGMA user_version = 1;
`

const upkeepTables = `
CREATE TABLE stored (
  digest TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  stored_ms INTEGER NOT NULL,
  damaged_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE tombstone (
  digest TEXT NOT NULL,
  generation INTEGER NOT NULL,
  condemned_ms INTEGER NOT NULL,
  removed_ms INTEGER,
  PRIMARY KEY (digest, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE need (
  repository INTEGER NOT NULL REFERENCES repository (id),
  digest TEXT NOT NULL,
  manifest TEXT NOT NULL,
  must INTEGER NOT NULL,
  PRIMARY KEY (repository, digest, manifest)
) STRICT, WITHOUT ROWID;
CREATE INDEX need_by_manifest ON need (repository, manifest);
CREATE TABLE pull (
  repository INTEGER NOT NULL REFERENCES repository (id),
  digest TEXT NOT NULL,
  pulled_ms INTEGER NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE recycled_manifest (
  repository INTEGER NOT NULL REFERENCES repository (id),
  digest TEXT NOT NULL REFERENCES content (digest),
  media_type TEXT NOT NULL,
  subject TEXT,
  artifact_type TEXT,
  descriptor TEXT,
  pushed_ms INTEGER NOT NULL,
  recycled_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX recycled_manifest_by_digest ON recycled_manifest (digest);
CREATE TABLE recycled_tag (
  repository INTEGER NOT NULL REFERENCES repository (id),
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  moved_ms INTEGER NOT NULL,
  recycled_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (repository, name, digest)
) STRICT, WITHOUT ROWID;
INSERT INTO stored (digest, size, generation, stored_ms)
  SELECT digest, MAX(size), 0, MIN(pushed_ms) FROM blob GROUP BY digest;
PRAGMA user_version = 2;
`

const quotaTable = `
CREATE TABLE quota (
  namespace TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL,
  tags INTEGER NOT NULL,
  counted_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 3;
`

/** Brings an empty file, or one of an older format, to this one, in one transaction. */
export function bringUpToDate(database: Database, version: number): void {
  const work = database.transaction(() => {
    if (version < 1) database.run(firstTables)
    if (version < 2) {
      database.run(upkeepTables)
      fillNeeds(database)
    }
    if (version < 3) database.run(quotaTable)
  })
  work.immediate()
}

interface StoredBytes {
  readonly repository: number
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** Format 1 did not write down what each manifest names. */
function fillNeeds(database: Database): void {
  const manifests = database.query<StoredBytes, []>(
    `SELECT m.repository, m.digest, m.media_type AS mediaType, c.bytes
     FROM manifest m JOIN content c ON c.digest = m.digest`,
  )
  const add = database.query<never, [number, string, string, number]>(
    'INSERT INTO need VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  for (const { repository, digest, mediaType, bytes } of manifests.all()) {
    const named = namedBy(parseManifest(bytes, mediaType, `Manifest ${digest}`))
    for (const one of named.blobs) add.run(repository, one, digest, 1)
    for (const one of named.manifests) add.run(repository, one, digest, 0)
  }
}
