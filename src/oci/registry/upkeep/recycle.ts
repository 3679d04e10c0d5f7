/**
 * The bin: tags and manifests that were deleted, by clients or by retention, and how they return.
 *
 * Invariant: what is in the bin keeps its blobs; it goes when a collection finds its time over.
 */
import type { Digest } from '#kernel/index.ts'
import type { Statement } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import type { RecycledItem, RestoreReport } from './contract.ts'
import { rowsOf } from './statements.ts'

interface Row {
  readonly repository: string
  readonly tag: string | null
  readonly digest: Digest
  readonly recycledMs: number
  readonly reason: string
}

/** What can be restored, newest first; of one repository when it is named. */
export async function listRecycled(
  { metadata }: Storage,
  repository?: string,
): Promise<readonly RecycledItem[]> {
  const rows = await rowsOf<Row>(
    metadata,
    `SELECT r.name AS repository, i.tag, i.digest, i.recycled_ms AS "recycledMs", i.reason
     FROM (SELECT repository, CAST(NULL AS TEXT) AS tag, digest, recycled_ms, reason
             FROM recycled_manifest
           UNION ALL
           SELECT repository, name AS tag, digest, recycled_ms, reason FROM recycled_tag) AS i
     JOIN repository r ON r.id = i.repository
     WHERE CAST(? AS TEXT) IS NULL OR r.name = ?
     ORDER BY i.recycled_ms DESC, r.name, COALESCE(i.tag, '~'), i.digest`,
    [repository ?? null, repository ?? null],
  )
  return rows.map(({ tag, ...row }) => ({ ...row, ...(tag === null ? {} : { tag }) }))
}

/**
 * Brings back a tag with its manifest, or a manifest with the tags that it lost with its removal.
 * A tag that names something else by now is left alone.
 */
export async function restoreRecycled(
  storage: Storage,
  repository: string,
  what: { readonly tag: string } | { readonly digest: Digest },
): Promise<RestoreReport> {
  const items = await listRecycled(storage, repository)
  const wanted =
    'digest' in what ? what.digest : items.find((item) => item.tag === what.tag)?.digest
  if (wanted === undefined) return { manifests: [], tags: [] }
  const inBin = items.find((item) => item.tag === undefined && item.digest === wanted)
  const tags = items.flatMap(({ tag, digest, recycledMs }) =>
    tag !== undefined && digest === wanted && wantsTag(what, tag, recycledMs === inBin?.recycledMs)
      ? [tag]
      : [],
  )
  const [, manifests = [], ...restored] = await storage.metadata.batch([
    // What returns asks for no room, so what there is is counted anew.
    { text: 'DELETE FROM quota' },
    ...restoreManifest(repository, wanted),
    ...tags.flatMap((tag) => restoreTag(repository, wanted, tag)),
  ])
  return {
    manifests: manifests.length > 0 ? [wanted] : [],
    tags: tags.filter((_, at) => (restored[1 + 2 * at]?.length ?? 0) > 0),
  }
}

function wantsTag(
  what: { readonly tag: string } | { readonly digest: Digest },
  tag: string,
  wentTogether: boolean,
): boolean {
  return 'tag' in what ? what.tag === tag : wentTogether
}

const inRepository = 'repository = (SELECT id FROM repository WHERE name = ?)'

function restoreManifest(repository: string, digest: Digest): readonly Statement[] {
  const values = [repository, digest]
  const where = `${inRepository} AND digest = ?`
  return [
    {
      text: `INSERT INTO manifest
        SELECT repository, digest, media_type, subject, artifact_type, descriptor, pushed_ms
        FROM recycled_manifest WHERE ${where}
        ON CONFLICT (repository, digest) DO NOTHING RETURNING digest`,
      values,
    },
    { text: `DELETE FROM recycled_manifest WHERE ${where}`, values },
  ]
}

function restoreTag(repository: string, digest: Digest, tag: string): readonly Statement[] {
  const values = [repository, tag, digest]
  const where = `${inRepository} AND name = ? AND digest = ?`
  return [
    {
      text: `INSERT INTO tag SELECT repository, name, digest, moved_ms FROM recycled_tag t
        WHERE ${where} AND EXISTS (SELECT 1 FROM manifest m
          WHERE m.repository = t.repository AND m.digest = t.digest)
        ON CONFLICT (repository, name) DO NOTHING RETURNING name`,
      values,
    },
    {
      text: `DELETE FROM recycled_tag WHERE ${where} AND EXISTS (SELECT 1 FROM tag t
        WHERE t.repository = recycled_tag.repository AND t.name = recycled_tag.name
          AND t.digest = recycled_tag.digest)`,
      values,
    },
  ]
}
