/**
 * What tags keep from being removed: what they name, and all that this needs.
 *
 * Both drivers look in the transaction that removes, after whatever keeps a push in another one
 * from adding a tag meanwhile. Not here: which tags those are (`access/rules.ts`).
 */
import { AppError } from '#kernel/index.ts'
import type { Keeps } from '../contract.ts'
import type { KeptTag, ManifestKey, RemoveOutcome } from './contract.ts'
import type { Question } from './namespaces.ts'

/** Rows of `tag` and `digest`: the tag if there is one; else the tags that reach the digest. */
export function tagsKeeping(id: number, key: ManifestKey): Question {
  if ('tag' in key) return { text: ofTag, values: [id, key.tag] }
  return { text: reaching, values: [id, key.digest, id, id, key.digest] }
}

const ofTag = 'SELECT name AS tag, digest FROM tag WHERE repository = ? AND name = ?'

/** Tags of a manifest, of an index or a manifest that needs it, or that needs the blob. */
const reaching = `WITH RECURSIVE above (digest) AS (
    SELECT n.manifest FROM need n WHERE n.repository = ? AND n.digest = ?
    UNION
    SELECT n.manifest FROM need n JOIN above a ON n.digest = a.digest WHERE n.repository = ?)
  SELECT name AS tag, digest FROM tag WHERE repository = ?
    AND (digest = ? OR digest IN (SELECT digest FROM above)) ORDER BY 1`

/** The first of the tags in rows of `tagsKeeping` that keeps. */
export function keptBy(keeps: Keeps, rows: readonly unknown[]): KeptTag | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement names its columns
  const tags = rows as readonly KeptTag[]
  return tags.find(({ tag, digest }) => keeps(tag, digest))
}

/** Whether it is gone now and was there. @throws AppError `oci/tag-immutable` when it was kept */
export function wasRemoved(repository: string, outcome: RemoveOutcome): boolean {
  if (outcome.kind === 'kept') throw tagImmutable(repository, outcome.tag)
  return outcome.kind === 'removed'
}

export function tagImmutable(repository: string, tag: string): AppError {
  return new AppError('oci/tag-immutable', `${repository}:${tag} is immutable and exists`, {
    hints: ['Push under a new tag.'],
  })
}
