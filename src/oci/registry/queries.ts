/** Prepared statements of the registry's SQLite file, by what they touch. */
import type { Database, SQLQueryBindings, Statement } from 'bun:sqlite'
import type { StoredManifest } from './contract.ts'

export type Queries = ReturnType<typeof preparedQueries>

type Prepare = <Row, Parameters extends SQLQueryBindings>(
  text: string,
) => Statement<Row, [Parameters]>

const inRepository = 'repository = (SELECT id FROM repository WHERE name = $repository)'

/** All statements; `finalize` lets go of them before the database is closed. */
export function preparedQueries(database: Database) {
  const all: { finalize(): void }[] = []
  const query: Prepare = <Row, Parameters extends SQLQueryBindings>(text: string) => {
    const statement = database.prepare<Row, [Parameters]>(text)
    all.push(statement)
    return statement
  }
  return {
    ...repositoryQueries(query),
    ...blobQueries(query),
    ...manifestQueries(query),
    ...tagQueries(query),
    finalize: () => {
      for (const statement of all) statement.finalize()
    },
  }
}

function repositoryQueries(query: Prepare) {
  const findRepository = query<{ id: number }, { name: string }>(
    'SELECT id FROM repository WHERE name = $name',
  )
  const addRepository = query<{ id: number }, { name: string }>(
    'INSERT INTO repository (name) VALUES ($name) RETURNING id',
  )
  return {
    findRepository,
    ensureRepository: (name: string): number =>
      (findRepository.get({ name }) ?? addRepository.get({ name }))?.id ?? 0,
    repositories: query<{ name: string }, { after: string; limit: number }>(
      'SELECT name FROM repository WHERE name > $after ORDER BY name LIMIT $limit',
    ),
  }
}

function blobQueries(query: Prepare) {
  return {
    blobSize: query<{ size: number }, { repository: string; digest: string }>(
      `SELECT size FROM blob WHERE ${inRepository} AND digest = $digest`,
    ),
    linkBlob: query<never, { id: number; digest: string; size: number; now: number }>(
      `INSERT INTO blob VALUES ($id, $digest, $size, $now)
       ON CONFLICT DO UPDATE SET size = $size, pushed_ms = $now`,
    ),
    unlinkBlob: query<never, { repository: string; digest: string }>(
      `DELETE FROM blob WHERE ${inRepository} AND digest = $digest`,
    ),
    holders: query<{ name: string }, { digest: string; limit: number }>(
      `SELECT r.name FROM blob b JOIN repository r ON r.id = b.repository
       WHERE b.digest = $digest LIMIT $limit`,
    ),
    hasBlob: query<{ one: number }, { id: number; digest: string }>(
      'SELECT 1 AS one FROM blob WHERE repository = $id AND digest = $digest',
    ),
  }
}

interface ManifestRow {
  readonly [column: string]: string | number | null
  readonly id: number
  readonly digest: string
  readonly mediaType: string
  readonly subject: string | null
  readonly artifactType: string | null
  readonly descriptor: string | null
  readonly now: number
}

interface ReferrersQuestion {
  readonly [column: string]: string | number | null
  readonly repository: string
  readonly subject: string
  readonly artifactType: string | null
  readonly after: string
  readonly limit: number
}

function manifestQueries(query: Prepare) {
  const stored = 'SELECT m.digest, m.media_type AS mediaType, c.bytes FROM'
  return {
    addContent: query<never, { digest: string; bytes: Uint8Array }>(
      'INSERT INTO content VALUES ($digest, $bytes) ON CONFLICT DO NOTHING',
    ),
    removeContent: query<never, { digest: string }>(
      `DELETE FROM content WHERE digest = $digest
       AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = $digest)`,
    ),
    addManifest: query<never, ManifestRow>(
      `INSERT INTO manifest
       VALUES ($id, $digest, $mediaType, $subject, $artifactType, $descriptor, $now)
       ON CONFLICT DO UPDATE SET media_type = $mediaType, subject = $subject,
         artifact_type = $artifactType, descriptor = $descriptor, pushed_ms = $now`,
    ),
    removeManifest: query<never, { repository: string; digest: string }>(
      `DELETE FROM manifest WHERE ${inRepository} AND digest = $digest`,
    ),
    byDigest: query<StoredManifest, { repository: string; digest: string }>(
      `${stored} manifest m JOIN content c ON c.digest = m.digest
       WHERE m.${inRepository} AND m.digest = $digest`,
    ),
    byTag: query<StoredManifest, { repository: string; name: string }>(
      `${stored} tag t
       JOIN manifest m ON m.repository = t.repository AND m.digest = t.digest
       JOIN content c ON c.digest = m.digest
       WHERE t.${inRepository} AND t.name = $name`,
    ),
    referrers: query<{ descriptor: string }, ReferrersQuestion>(
      `SELECT descriptor FROM manifest
       WHERE ${inRepository} AND subject = $subject AND digest > $after
         AND ($artifactType IS NULL OR artifact_type = $artifactType)
       ORDER BY digest LIMIT $limit`,
    ),
  }
}

function tagQueries(query: Prepare) {
  return {
    tagDigest: query<{ digest: string }, { id: number; name: string }>(
      'SELECT digest FROM tag WHERE repository = $id AND name = $name',
    ),
    setTag: query<never, { id: number; name: string; digest: string; now: number }>(
      `INSERT INTO tag VALUES ($id, $name, $digest, $now)
       ON CONFLICT DO UPDATE SET digest = $digest, moved_ms = $now`,
    ),
    removeTag: query<never, { repository: string; name: string }>(
      `DELETE FROM tag WHERE ${inRepository} AND name = $name`,
    ),
    removeTagsOf: query<never, { repository: string; digest: string }>(
      `DELETE FROM tag WHERE ${inRepository} AND digest = $digest`,
    ),
    tags: query<{ name: string }, { id: number; after: string; limit: number }>(
      'SELECT name FROM tag WHERE repository = $id AND name > $after ORDER BY name LIMIT $limit',
    ),
  }
}
