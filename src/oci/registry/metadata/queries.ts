/** Prepared statements of the registry's SQLite file, by what they touch. */
import type { Database, SQLQueryBindings, Statement } from 'bun:sqlite'
import type { StoredManifest } from '../contract.ts'
import type { BlobPlace } from './contract.ts'
import type { KnownCopy } from './copies.ts'

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
    blob: query<BlobPlace, { repository: string; digest: string }>(
      `SELECT s.size AS sizeBytes, s.generation
       FROM blob b JOIN stored s ON s.digest = b.digest
       WHERE b.${inRepository} AND b.digest = $digest AND s.damaged_ms IS NULL`,
    ),
    stored: query<KnownCopy, { digest: string }>(
      `SELECT size AS sizeBytes, generation, damaged_ms AS damagedMs
       FROM stored WHERE digest = $digest`,
    ),
    setStored: query<never, { digest: string; size: number; generation: number; now: number }>(
      `INSERT INTO stored VALUES ($digest, $size, $generation, $now, NULL)
       ON CONFLICT DO UPDATE SET size = $size, generation = $generation,
         stored_ms = $now, damaged_ms = NULL`,
    ),
    tombstones: query<{ generation: number }, { digest: string }>(
      'SELECT generation FROM tombstone WHERE digest = $digest',
    ),
    condemn: query<never, { digest: string; generation: number; now: number }>(
      'INSERT INTO tombstone VALUES ($digest, $generation, $now, NULL) ON CONFLICT DO NOTHING',
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
    blobSize: query<{ sizeBytes: number }, { id: number; digest: string }>(
      'SELECT size AS sizeBytes FROM blob WHERE repository = $id AND digest = $digest',
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
      `INSERT INTO content VALUES ($digest, $bytes)
       ON CONFLICT DO UPDATE SET bytes = $bytes WHERE bytes <> $bytes`,
    ),
    addManifest: query<never, ManifestRow>(
      `INSERT INTO manifest
       VALUES ($id, $digest, $mediaType, $subject, $artifactType, $descriptor, $now)
       ON CONFLICT DO UPDATE SET media_type = $mediaType, subject = $subject,
         artifact_type = $artifactType, descriptor = $descriptor, pushed_ms = $now`,
    ),
    manifestSize: query<{ sizeBytes: number }, { id: number; digest: string }>(
      `SELECT LENGTH(c.bytes) AS sizeBytes FROM manifest m JOIN content c ON c.digest = m.digest
       WHERE m.repository = $id AND m.digest = $digest`,
    ),
    removeManifest: query<never, { id: number; digest: string }>(
      'DELETE FROM manifest WHERE repository = $id AND digest = $digest',
    ),
    recycleManifest: query<never, { id: number; digest: string; now: number; reason: string }>(
      `INSERT OR REPLACE INTO recycled_manifest
       SELECT repository, digest, media_type, subject, artifact_type, descriptor, pushed_ms,
         $now, $reason
       FROM manifest WHERE repository = $id AND digest = $digest`,
    ),
    forgetRecycled: query<never, { id: number; digest: string }>(
      'DELETE FROM recycled_manifest WHERE repository = $id AND digest = $digest',
    ),
    addNeed: query<never, { id: number; digest: string; manifest: string; must: number }>(
      `INSERT INTO need VALUES ($id, $digest, $manifest, $must)
       ON CONFLICT DO UPDATE SET must = MAX(must, $must)`,
    ),
    recordPull: query<never, { repository: string; digest: string; at: number }>(
      `INSERT INTO pull SELECT m.repository, m.digest, $at FROM manifest m
       WHERE m.${inRepository} AND m.digest = $digest
       ON CONFLICT DO UPDATE SET pulled_ms = MAX(pulled_ms, $at)`,
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
    removeTag: query<never, { id: number; name: string }>(
      'DELETE FROM tag WHERE repository = $id AND name = $name',
    ),
    removeTagsOf: query<never, { id: number; digest: string }>(
      'DELETE FROM tag WHERE repository = $id AND digest = $digest',
    ),
    recycleTag: query<never, { id: number; name: string; now: number; reason: string }>(
      `INSERT OR REPLACE INTO recycled_tag
       SELECT repository, name, digest, moved_ms, $now, $reason
       FROM tag WHERE repository = $id AND name = $name`,
    ),
    recycleTagsOf: query<never, { id: number; digest: string; now: number; reason: string }>(
      `INSERT OR REPLACE INTO recycled_tag
       SELECT repository, name, digest, moved_ms, $now, $reason
       FROM tag WHERE repository = $id AND digest = $digest`,
    ),
    tags: query<{ name: string }, { id: number; after: string; limit: number }>(
      'SELECT name FROM tag WHERE repository = $id AND name > $after ORDER BY name LIMIT $limit',
    ),
  }
}
