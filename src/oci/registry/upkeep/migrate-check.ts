/**
 * Whether a target is empty or what an earlier attempt left, and whether a registry that was moved
 * has what its source has: rows, in order, side by side.
 *
 * Not here: the bytes of blobs, which were hashed on their way.
 */
import { AppError, type Digest } from '#kernel/index.ts'
import { parameterList } from '../database/parameters.ts'
import type { Metadata } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import { repositoriesOf, rowsOf, sliceRows } from './statements.ts'

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

interface Sides {
  readonly from: Storage
  readonly to: Storage
}

/**
 * Before anything is written: what is in the target has to be the source's.
 * @throws AppError `oci/target-in-use`
 */
export async function checkTarget({ from, to }: Sides): Promise<void> {
  const known = new Map((await repositoriesOf(from.metadata)).map(({ id, name }) => [name, id]))
  const used = await rowsOf<{ id: number; name: string }>(
    to.metadata,
    `SELECT id, name FROM repository r
     WHERE EXISTS (SELECT 1 FROM blob b WHERE b.repository = r.id)
       OR EXISTS (SELECT 1 FROM manifest m WHERE m.repository = r.id) ORDER BY name`,
  )
  for (const { id, name } of used) {
    const source = known.get(name)
    if (source === undefined) throw inUse(name)
    for (let after = ''; ; ) {
      const digests = await digestsAfter(to, id, after)
      const last = digests.at(-1)
      if (last === undefined) break
      if ((await countOf(from, source, digests)) < digests.length)
        throw inUse(`manifests in ${name}`)
      after = last
    }
  }
}

async function digestsAfter(
  { metadata }: Storage,
  id: number,
  after: string,
): Promise<readonly Digest[]> {
  const rows = await rowsOf<{ digest: Digest }>(
    metadata,
    'SELECT digest FROM manifest WHERE repository = ? AND digest > ? ORDER BY digest LIMIT ?',
    [id, after, sliceRows],
  )
  return rows.map(({ digest }) => digest)
}

/** How many of the manifests the repository has, or has in its bin. */
async function countOf(
  { metadata }: Storage,
  id: number,
  digests: readonly Digest[],
): Promise<number> {
  const where = `repository = ? AND digest IN ${parameterList(digests.length)}`
  const [row] = await rowsOf<{ n: number }>(
    metadata,
    `SELECT COUNT(*) AS n FROM (SELECT digest FROM manifest WHERE ${where}
       UNION SELECT digest FROM recycled_manifest WHERE ${where}) AS known`,
    [id, ...digests, id, ...digests],
  )
  return row?.n ?? 0
}

function inUse(what: string): AppError {
  return new AppError('oci/target-in-use', `The target has ${what}, which the source has not`, {
    hints: ['Move into an empty database.'],
  })
}

/** Another text when something was pushed, tagged or deleted since. */
export async function stateOf({ metadata }: Storage): Promise<string> {
  const rows = await rowsOf(
    metadata,
    `SELECT (SELECT COUNT(*) FROM blob) AS blobs, (SELECT MAX(pushed_ms) FROM blob) AS blob_ms,
      (SELECT COUNT(*) FROM manifest) AS manifests, (SELECT MAX(pushed_ms) FROM manifest) AS at_ms,
      (SELECT COUNT(*) FROM tag) AS tags, (SELECT MAX(moved_ms) FROM tag) AS tag_ms,
      (SELECT COUNT(*) FROM recycled_manifest) AS gone,
      (SELECT COUNT(*) FROM recycled_tag) AS tags_gone`,
  )
  return JSON.stringify(rows)
}

/** @throws AppError `oci/target-differs` */
export async function checkMoved({ from, to }: Sides, name: string): Promise<void> {
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
