/**
 * Moves the bin of a repository, with the times by which it is emptied.
 *
 * Invariant: what is in the bin keeps its blobs in the target as it does in the source.
 */
import type { Digest } from '#kernel/index.ts'
import { namedBy, parseManifest } from '../../schema.ts'
import type { Statement } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import { rowsOf } from './statements.ts'

interface RecycledRow {
  readonly digest: Digest
  readonly mediaType: string
  readonly subject: string | null
  readonly artifactType: string | null
  readonly descriptor: string | null
  readonly pushedMs: number
  readonly recycledMs: number
  readonly reason: string
  readonly bytes: Uint8Array
}

interface BinSides {
  readonly from: Storage
  readonly to: Storage
  /** Throws when the move is to end. */
  readonly check: () => void
}

/** What of a repository was deleted and can be restored; how much that was. */
export async function moveBin(
  { from, to, check }: BinSides,
  id: number,
  repository: string,
): Promise<number> {
  let moved = 0
  // A repository in which nothing is left is still one.
  const own = { text: 'INSERT INTO repository (name) VALUES (?) ON CONFLICT DO NOTHING' }
  await to.metadata.batch([{ ...own, values: [repository] }])
  const digests = await rowsOf<{ digest: Digest }>(
    from.metadata,
    'SELECT digest FROM recycled_manifest WHERE repository = ? ORDER BY digest',
    [id],
  )
  for (const { digest } of digests) {
    check()
    const [row] = await rowsOf<RecycledRow>(
      from.metadata,
      `SELECT r.digest, r.media_type AS "mediaType", r.subject, r.artifact_type AS "artifactType",
         r.descriptor, r.pushed_ms AS "pushedMs", r.recycled_ms AS "recycledMs", r.reason, c.bytes
       FROM recycled_manifest r JOIN content c ON c.digest = r.digest
       WHERE r.repository = ? AND r.digest = ?`,
      [id, digest],
    )
    if (row === undefined) continue
    await to.metadata.batch(recycling(repository, row))
    moved += 1
  }
  const tags = await rowsOf<RecycledTag>(
    from.metadata,
    `SELECT name, digest, moved_ms AS "movedMs", recycled_ms AS "recycledMs", reason
     FROM recycled_tag WHERE repository = ?`,
    [id],
  )
  for (const { name, digest, movedMs, recycledMs, reason } of tags) {
    await to.metadata.batch([
      {
        text: `INSERT INTO recycled_tag (repository, name, digest, moved_ms, recycled_ms, reason)
          SELECT id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT),
            CAST(? AS TEXT) FROM repository WHERE name = ? ON CONFLICT DO NOTHING`,
        values: [name, digest, movedMs, recycledMs, reason, repository],
      },
    ])
    moved += 1
  }
  return moved
}

interface RecycledTag {
  readonly name: string
  readonly digest: Digest
  readonly movedMs: number
  readonly recycledMs: number
  readonly reason: string
}

function recycling(repository: string, row: RecycledRow): readonly Statement[] {
  const { blobs, manifests } = namedBy(
    parseManifest(row.bytes, row.mediaType, `Manifest ${row.digest} of ${repository}`),
  )
  const needs = [
    ...blobs.map((one) => [one, 1] as const),
    ...manifests.map((one) => [one, 0] as const),
  ]
  return [
    {
      text: 'INSERT INTO content (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING',
      values: [row.digest, row.bytes],
    },
    {
      text: `INSERT INTO recycled_manifest (repository, digest, media_type, subject, artifact_type,
          descriptor, pushed_ms, recycled_ms, reason)
        SELECT id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
          CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT)
        FROM repository WHERE name = ? ON CONFLICT DO NOTHING`,
      values: [
        row.digest,
        row.mediaType,
        row.subject,
        row.artifactType,
        row.descriptor,
        row.pushedMs,
        row.recycledMs,
        row.reason,
        repository,
      ],
    },
    ...needs.map(([digest, must]) => ({
      text: `INSERT INTO need (repository, digest, manifest, must)
        SELECT id, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT) FROM repository
        WHERE name = ? ON CONFLICT DO NOTHING`,
      values: [digest, row.digest, must, repository],
    })),
  ]
}
