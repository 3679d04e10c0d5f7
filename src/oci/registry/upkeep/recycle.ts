/**
 * The bin: tags and manifests that were deleted, by clients or by retention, and how they return.
 *
 * Invariant: what is in the bin keeps its blobs; it goes when a collection finds its time over.
 */
import type { Digest } from '#kernel/index.ts'
import { parameterList } from '../database/parameters.ts'
import type { Statement } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import type { RecycledItem, RestoreReport } from './contract.ts'
import { type By, noteChanges } from './noted.ts'
import { isBeside, reasonInBin, subjectGoes } from './retention-rules.ts'
import { rowsOf } from './statements.ts'

type Wanted = { readonly tag: string } | { readonly digest: Digest }
type RecycledTag = RecycledItem & { readonly tag: string }

const alongReason = reasonInBin(subjectGoes)

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
 * Brings back a tag with its manifest, or a manifest with the tags that it lost with its removal;
 * with it what of the bin it names, and what retention took along because it was about it.
 * A tag that names something else by now is left alone.
 */
export async function restoreRecycled(
  storage: Storage,
  repository: string,
  { what, ...by }: By & { readonly what: Wanted },
): Promise<RestoreReport> {
  const items = await listRecycled(storage, repository)
  const inBin = items.filter(isTag)
  const wanted = 'digest' in what ? what.digest : inBin.find(({ tag }) => tag === what.tag)?.digest
  if (wanted === undefined) return { manifests: [], tags: [] }
  const manifest = items.find((item) => !isTag(item) && item.digest === wanted)
  const own = inBin.filter(
    ({ tag, digest, recycledMs }) =>
      digest === wanted && ('tag' in what ? tag === what.tag : recycledMs === manifest?.recycledMs),
  )
  const { digests, beside } = await goingAlong(storage, { repository, inBin, wanted })
  const tags = [...own, ...beside]
  const [, , manifests = [], , ...restored] = await storage.metadata.batch([
    // What returns asks for no room, so what there is is counted anew.
    { text: 'DELETE FROM quota' },
    ...restoreManifests(repository, digests),
    ...tags.flatMap((tag) => restoreTag(repository, tag)),
  ])
  const restoredTags = tags.filter((_, at) => (restored[2 * at]?.length ?? 0) > 0)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it returns that column
  const back = (manifests as readonly { readonly digest: Digest }[]).map(({ digest }) => digest)
  const changes = [
    ...back.map((digest) => ({ action: 'manifest.restore' as const, repository, subject: digest })),
    ...restoredTags.map(({ tag, digest }) => ({
      action: 'tag.restore' as const,
      repository,
      subject: `${tag} ${digest}`,
    })),
  ]
  await noteChanges(storage, changes, by)
  return { manifests: back, tags: restoredTags.map(({ tag }) => tag) }
}

interface Returning {
  readonly repository: string
  readonly inBin: readonly RecycledTag[]
  readonly wanted: Digest
}

/** The manifest, what it needs, what is about it, and so on; with the tags of signatures. */
async function goingAlong({ metadata }: Storage, { repository, inBin, wanted }: Returning) {
  const digests = new Set([wanted])
  const beside = new Set<RecycledTag>()
  for (const digest of digests) {
    const rows = await rowsOf<{ digest: Digest }>(
      metadata,
      `SELECT m.digest FROM recycled_manifest m JOIN repository r ON r.id = m.repository
       WHERE r.name = ? AND ((m.subject = ? AND m.reason = ?) OR m.digest IN (
         SELECT n.digest FROM need n WHERE n.repository = m.repository AND n.manifest = ?))`,
      [repository, digest, alongReason, digest],
    )
    for (const row of rows) digests.add(row.digest)
    for (const item of inBin)
      if (item.reason === alongReason && isBeside(item.tag, digest)) {
        beside.add(item)
        digests.add(item.digest)
      }
  }
  return { digests: [...digests], beside: [...beside] }
}

function isTag(item: RecycledItem): item is RecycledTag {
  return item.tag !== undefined
}

const inRepository = 'repository = (SELECT id FROM repository WHERE name = ?)'

function restoreManifests(repository: string, digests: readonly Digest[]): readonly Statement[] {
  const values = [repository, ...digests]
  const where = `${inRepository} AND digest IN ${parameterList(digests.length)}`
  return [
    {
      // A collection that empties the bin at this moment takes all of a manifest, or nothing.
      text: `SELECT 1 FROM recycled_manifest WHERE ${where} ORDER BY digest FOR UPDATE`,
      values,
      postgresOnly: true,
    },
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

function restoreTag(repository: string, { tag, digest }: RecycledTag): readonly Statement[] {
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
