/**
 * Changes of manifests and tags in PostgreSQL, each within a transaction of the caller.
 *
 * Invariant: who moves a tag holds the lock on its name; who stores a manifest holds the links to
 * its blobs and the manifests of an index, so that nothing lets go of them before the commit, and
 * its share of the repository, so that who removes what no tag keeps sees all tags.
 */
import type { Digest } from '#kernel/index.ts'
import type { Queryable } from '../database/contract.ts'
import { waitsBriefly } from '../database/postgres.ts'
import type { Keeps } from '../contract.ts'
import type { ManifestKey, ManifestWrite, RemoveOutcome, WriteOutcome } from './contract.ts'
import { keptBy, tagsKeeping } from './keeping.ts'
import { faultOf } from './needs.ts'

/** No tag is empty, so that this is no tag's lock. */
const repositoryKey = "hashtextextended('', CAST(? AS BIGINT))"

/** Neither digests nor tags have commas. */
const listed = "UNNEST(string_to_array(CAST(? AS TEXT), ','))"

interface Putting {
  readonly id: number
  readonly put: ManifestWrite
  readonly nowMs: number
  /** @throws AppError `oci/over-quota` */
  readonly charge: (within: Queryable) => Promise<void>
}

export async function putManifest(
  within: Queryable,
  { id, put, nowMs, charge }: Putting,
): Promise<WriteOutcome> {
  const names = put.tags.toSorted().join(',')
  const [, , held, named, tags] = await Promise.all([
    within.query(`SELECT pg_advisory_xact_lock_shared(${repositoryKey})`, [id]),
    names === '' ? [] : lockTags(within, id, names),
    put.needs.length === 0
      ? []
      : within.query<{ digest: Digest; size: number }>(
          `SELECT digest, size FROM blob
           WHERE repository = ? AND digest = ANY (ARRAY(SELECT ${listed}))
           ORDER BY digest FOR KEY SHARE`,
          [id, put.needs.join(',')],
        ),
    put.names.length === 0
      ? []
      : within.query<{ digest: Digest; size: number }>(
          `SELECT m.digest, LENGTH(c.bytes) AS size
           FROM manifest m JOIN content c ON c.digest = m.digest
           WHERE m.repository = ? AND m.digest = ANY (ARRAY(SELECT ${listed}))
           ORDER BY m.digest FOR KEY SHARE OF m`,
          [id, put.names.join(',')],
        ),
    put.replaces === undefined || names === ''
      ? []
      : within.query<{ name: string; digest: Digest }>(
          `SELECT name, digest FROM tag WHERE repository = ? AND name IN (SELECT ${listed})`,
          [id, names],
        ),
  ])
  const [blobs, manifests] = [held, named].map(
    (rows) => new Map(rows.map(({ digest, size }) => [digest, size])),
  )
  const fault = faultOf(put, {
    blob: (digest) => blobs?.get(digest),
    manifest: (digest) => manifests?.get(digest),
  })
  if (fault !== undefined) return fault
  const moved = movedTag(put, new Map(tags.map((tag) => [tag.name, tag.digest])))
  if (moved !== undefined) return { kind: 'moved', tag: moved }
  await charge(within)
  await Promise.all(storing(within, { id, put, names, nowMs }))
  return { kind: 'stored' }
}

/** The first tag that does not name what the caller said it would. */
function movedTag(put: ManifestWrite, now: ReadonlyMap<string, Digest>): string | undefined {
  if (put.replaces === undefined) return undefined
  const wanted = put.replaces === 'absent' ? undefined : put.replaces
  // A request that is repeated because its answer was lost has already done its work.
  return put.tags.find((tag) => ![wanted, put.record.digest].includes(now.get(tag)))
}

function storing(
  within: Queryable,
  { id, put, names, nowMs }: { id: number; put: ManifestWrite; names: string; nowMs: number },
): Promise<unknown>[] {
  const { record } = put
  const { digest } = record
  const work = [
    // Damaged bytes are mended by those that hash to the name.
    within.run(
      `INSERT INTO content (digest, bytes) VALUES (?, ?) ON CONFLICT (digest)
       DO UPDATE SET bytes = excluded.bytes WHERE content.bytes <> excluded.bytes`,
      [digest, record.bytes],
    ),
    within.run(
      `INSERT INTO manifest
         (repository, digest, media_type, subject, artifact_type, descriptor, pushed_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type,
         subject = excluded.subject, artifact_type = excluded.artifact_type,
         descriptor = excluded.descriptor, pushed_ms = excluded.pushed_ms`,
      [
        id,
        digest,
        record.mediaType,
        record.subject ?? null,
        record.descriptor.artifactType ?? null,
        record.subject === undefined ? null : JSON.stringify(record.descriptor),
        nowMs,
      ],
    ),
    within.run('DELETE FROM recycled_manifest WHERE repository = ? AND digest = ?', [id, digest]),
  ]
  for (const [must, named] of [put.names, put.needs].entries())
    if (named.length > 0)
      work.push(
        within.run(
          `INSERT INTO need (repository, digest, manifest, must)
           SELECT CAST(? AS BIGINT), named, CAST(? AS TEXT), CAST(? AS BIGINT)
           FROM (SELECT ${listed} AS named) AS all_
           ON CONFLICT (repository, digest, manifest)
           DO UPDATE SET must = GREATEST(need.must, excluded.must)`,
          [id, digest, must, named.join(',')],
        ),
      )
  if (names !== '')
    work.push(
      within.run(
        `INSERT INTO tag (repository, name, digest, moved_ms)
         SELECT CAST(? AS BIGINT), name, CAST(? AS TEXT), CAST(? AS BIGINT)
         FROM (SELECT ${listed} AS name) AS all_
         ON CONFLICT (repository, name)
         DO UPDATE SET digest = excluded.digest, moved_ms = excluded.moved_ms`,
        [id, digest, nowMs, names],
      ),
    )
  return work
}

/** Removes what no tag keeps, while nobody puts a manifest into the repository. */
export async function unlessKept(
  within: Queryable,
  removal: {
    readonly id: number
    readonly key: ManifestKey
    readonly keeps: Keeps | undefined
  },
  /** How many rows went of what was to be removed. */
  remove: () => Promise<number>,
): Promise<RemoveOutcome> {
  const { id, key, keeps } = removal
  if (keeps !== undefined) {
    const { text, values } = tagsKeeping(id, key)
    const [, , rows] = await Promise.all([
      within.run(waitsBriefly),
      within.query(`SELECT pg_advisory_xact_lock(${repositoryKey})`, [id]),
      within.query(text, values),
    ])
    const kept = keptBy(keeps, rows)
    if (kept !== undefined) return { kind: 'kept', ...kept }
  }
  return { kind: (await remove()) > 0 ? 'removed' : 'absent' }
}

/** How many rows went of what was to be removed. */
export async function removeManifest(
  within: Queryable,
  removal: {
    readonly id: number
    readonly key: ManifestKey
    readonly reason: string
    readonly nowMs: number
  },
): Promise<number> {
  const { id, key, reason, nowMs } = removal
  if ('tag' in key) {
    const [, , gone] = await Promise.all([
      lockTags(within, id, key.tag),
      recycleTags(within, { id, where: 'name = ?', value: key.tag, reason, nowMs }),
      within.run('DELETE FROM tag WHERE repository = ? AND name = ?', [id, key.tag]),
    ])
    return gone
  }
  const { digest } = key
  // Who is putting it at this moment is waited for, and so its tags are seen below.
  const held = await within.query(
    'SELECT 1 FROM manifest WHERE repository = ? AND digest = ? FOR UPDATE',
    [id, digest],
  )
  if (held.length === 0) return 0
  const [, , , gone] = await Promise.all([
    recycleTags(within, { id, where: 'digest = ?', value: digest, reason, nowMs }),
    within.run('DELETE FROM tag WHERE repository = ? AND digest = ?', [id, digest]),
    within.run(
      `INSERT INTO recycled_manifest
       SELECT repository, digest, media_type, subject, artifact_type, descriptor, pushed_ms,
         CAST(? AS BIGINT), CAST(? AS TEXT)
       FROM manifest WHERE repository = ? AND digest = ?
       ON CONFLICT (repository, digest)
       DO UPDATE SET recycled_ms = excluded.recycled_ms, reason = excluded.reason`,
      [nowMs, reason, id, digest],
    ),
    within.run('DELETE FROM manifest WHERE repository = ? AND digest = ?', [id, digest]),
  ])
  return gone
}

async function recycleTags(
  within: Queryable,
  tags: { id: number; where: string; value: string; reason: string; nowMs: number },
): Promise<void> {
  await within.run(
    `INSERT INTO recycled_tag
     SELECT repository, name, digest, moved_ms, CAST(? AS BIGINT), CAST(? AS TEXT)
     FROM tag WHERE repository = ? AND ${tags.where}
     ON CONFLICT (repository, name, digest)
     DO UPDATE SET recycled_ms = excluded.recycled_ms, reason = excluded.reason`,
    [tags.nowMs, tags.reason, tags.id, tags.value],
  )
}

async function lockTags(within: Queryable, id: number, names: string): Promise<unknown> {
  return await within.query(
    `SELECT pg_advisory_xact_lock(hashtextextended(name, CAST(? AS BIGINT)))
     FROM (SELECT ${listed} AS name ORDER BY 1) AS ordered`,
    [id, names],
  )
}
