/**
 * Whether a registry that was moved has what its source has: rows, in order, side by side.
 *
 * Not here: the bytes of blobs, which were hashed on their way.
 */
import { AppError } from '#kernel/index.ts'
import type { Metadata } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import { rowsOf, sliceRows } from './statements.ts'

interface Compared {
  readonly what: string
  /** Selects `k`, which no two rows share and by which they are ordered, and `v`. */
  readonly text: string
}

const repository = '(SELECT id FROM repository WHERE name = ?)'
const good = 'digest IN (SELECT digest FROM stored WHERE damaged_ms IS NULL)'

const compared: readonly Compared[] = [
  {
    what: 'blobs',
    text: `SELECT digest AS k, CAST(size AS TEXT) AS v FROM blob
      WHERE repository = ${repository} AND ${good}`,
  },
  {
    what: 'manifests',
    text: `SELECT digest AS k, media_type || CAST(pushed_ms AS TEXT) AS v FROM manifest
      WHERE repository = ${repository}`,
  },
  {
    what: 'tags',
    text: `SELECT name AS k, digest || CAST(moved_ms AS TEXT) AS v FROM tag
      WHERE repository = ${repository}`,
  },
  {
    what: 'manifests in the bin',
    text: `SELECT digest AS k, reason || CAST(recycled_ms AS TEXT) AS v FROM recycled_manifest
      WHERE repository = ${repository}`,
  },
  {
    what: 'tags in the bin',
    text: `SELECT name || ' ' || digest AS k, reason || CAST(recycled_ms AS TEXT) AS v
      FROM recycled_tag WHERE repository = ${repository}`,
  },
]

/** @throws AppError `oci/target-differs` */
export async function checkMoved(
  { from, to }: { readonly from: Storage; readonly to: Storage },
  name: string,
): Promise<void> {
  for (const { what, text } of compared)
    for (let after = ''; ; ) {
      const ask = (metadata: Metadata) =>
        rowsOf<{ k: string; v: string }>(
          metadata,
          `SELECT k, v FROM (${text}) AS rows_ WHERE k > ? ORDER BY k LIMIT ?`,
          [name, after, sliceRows],
        )
      const [source, target] = await Promise.all([ask(from.metadata), ask(to.metadata)])
      const [mine, theirs] = [source, target].map((rows) => JSON.stringify(rows))
      if (mine !== theirs)
        throw new AppError(
          'oci/target-differs',
          `The ${what} of ${name} differ from the source's`,
          {
            hints: ['If the source was served between two attempts, move into an empty target.'],
          },
        )
      const last = source.at(-1)
      if (last === undefined) break
      after = last.k
    }
}
