/**
 * The tables of the registry in PostgreSQL, as migrations of the area `registry`.
 *
 * The same as those of SQLite (`tables.ts`), with references that hold against other servers: a
 * blob's row names what is stored, so that neither can go while the other comes.
 * Format: docs/formats/registry.md.
 */
import type { Migration } from '../database/contract.ts'

export const registryMigrations: readonly Migration[] = [
  ({ text, integer, bytes, serial }) => [
    `CREATE TABLE repository (id ${serial}, name ${text} NOT NULL UNIQUE)`,
    `CREATE TABLE stored (
       digest ${text} PRIMARY KEY,
       size ${integer} NOT NULL,
       generation ${integer} NOT NULL,
       stored_ms ${integer} NOT NULL,
       damaged_ms ${integer}
     )`,
    `CREATE TABLE tombstone (
       digest ${text} NOT NULL,
       generation ${integer} NOT NULL,
       condemned_ms ${integer} NOT NULL,
       removed_ms ${integer},
       PRIMARY KEY (digest, generation)
     )`,
    `CREATE TABLE blob (
       repository ${integer} NOT NULL REFERENCES repository (id),
       digest ${text} NOT NULL REFERENCES stored (digest),
       size ${integer} NOT NULL,
       pushed_ms ${integer} NOT NULL,
       PRIMARY KEY (repository, digest)
     )`,
    'CREATE INDEX blob_by_digest ON blob (digest)',
    `CREATE TABLE content (digest ${text} PRIMARY KEY, bytes ${bytes} NOT NULL)`,
    `CREATE TABLE manifest (${manifestColumns(text, integer)}
       pushed_ms ${integer} NOT NULL,
       PRIMARY KEY (repository, digest)
     )`,
    'CREATE INDEX manifest_by_digest ON manifest (digest)',
    `CREATE INDEX manifest_by_subject ON manifest (repository, subject, digest)
       WHERE subject IS NOT NULL`,
    `CREATE TABLE tag (${tagColumns(text, integer)}
       PRIMARY KEY (repository, name)
     )`,
    'CREATE INDEX tag_by_digest ON tag (repository, digest)',
    `CREATE TABLE need (
       repository ${integer} NOT NULL REFERENCES repository (id),
       digest ${text} NOT NULL,
       manifest ${text} NOT NULL,
       must ${integer} NOT NULL,
       PRIMARY KEY (repository, digest, manifest)
     )`,
    'CREATE INDEX need_by_manifest ON need (repository, manifest)',
    `CREATE TABLE pull (
       repository ${integer} NOT NULL REFERENCES repository (id),
       digest ${text} NOT NULL,
       pulled_ms ${integer} NOT NULL,
       PRIMARY KEY (repository, digest)
     )`,
    `CREATE TABLE recycled_manifest (${manifestColumns(text, integer)}
       pushed_ms ${integer} NOT NULL,
       recycled_ms ${integer} NOT NULL,
       reason ${text} NOT NULL,
       PRIMARY KEY (repository, digest)
     )`,
    'CREATE INDEX recycled_manifest_by_digest ON recycled_manifest (digest)',
    `CREATE TABLE recycled_tag (${tagColumns(text, integer)}
       recycled_ms ${integer} NOT NULL,
       reason ${text} NOT NULL,
       PRIMARY KEY (repository, name, digest)
     )`,
  ],
  ({ text, integer }) => [
    `CREATE TABLE quota (
       namespace ${text} PRIMARY KEY,
       bytes ${integer} NOT NULL,
       tags ${integer} NOT NULL,
       counted_ms ${integer} NOT NULL
     )`,
  ],
]

function manifestColumns(text: string, integer: string): string {
  return `
       repository ${integer} NOT NULL REFERENCES repository (id),
       digest ${text} NOT NULL REFERENCES content (digest),
       media_type ${text} NOT NULL,
       subject ${text},
       artifact_type ${text},
       descriptor ${text},`
}

function tagColumns(text: string, integer: string): string {
  return `
       repository ${integer} NOT NULL REFERENCES repository (id),
       name ${text} NOT NULL,
       digest ${text} NOT NULL,
       moved_ms ${integer} NOT NULL,`
}
