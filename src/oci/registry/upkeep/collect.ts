/**
 * Online collection: what no manifest names goes, step by step, while clients push.
 *
 * Invariant: a blob's row in `stored` goes only in a transaction that finds no repository with the
 * blob; a repository lets go of a blob only in one that finds no manifest with a need of it, and
 * no push of it within the grace. What is let go of is written down as a tombstone in the same
 * transaction, and only then removed; its generation is not used again while a removal that is
 * late may still come (`tombstoneMs`). So there is no moment at which a push that was
 * acknowledged, or is about to be, loses its bytes.
 * Not here: uploads that nobody goes on with, which are the server's (`uploads/`).
 */
import type { Clock, Digest } from '#kernel/index.ts'
import { parameterList } from '../database/parameters.ts'
import { waitsBriefly } from '../database/postgres.ts'
import type { Statement } from '../metadata/contract.ts'
import type { Storage } from '../storage.ts'
import type { CollectOptions, CollectReport } from './contract.ts'
import { rowsOf, sliceRows } from './statements.ts'

const dayMs = 86_400_000
export const usualGraceMs = dayMs
const usualRecycleMs = 7 * dayMs
/** Nothing that was asked to remove a blob takes longer than this, or it never happens. */
const tombstoneMs = dayMs
/** Another collection may be about to remove it itself. */
const retryMs = 600_000
const removalsAtOnce = 16

interface Condemned {
  readonly digest: Digest
  readonly generation: number
  readonly size: number
}

/**
 * Lets nobody lock or change a row of the table until the step is over, a slice later. Locking the
 * rows that are looked at is not enough: one that lost its last need, or its last repository, only
 * a moment after the look would be removed unlocked, beside a push that has just found it.
 */
function exclusively(table: 'blob' | 'stored'): readonly [Statement, Statement] {
  return [
    { text: waitsBriefly, postgresOnly: true },
    { text: `LOCK TABLE ${table} IN EXCLUSIVE MODE`, postgresOnly: true },
  ]
}

/** What no need of a manifest keeps, of the table `blob`. */
const unneeded = `pushed_ms < ? AND NOT EXISTS (
  SELECT 1 FROM need n WHERE n.repository = blob.repository AND n.digest = blob.digest)`

export async function collectRegistry(
  storage: Storage,
  clock: Clock,
  options: CollectOptions,
): Promise<CollectReport> {
  const { dryRun = false, graceMs = usualGraceMs, recycleMs = usualRecycleMs } = options
  const nowMs = clock.nowMs()
  const cutoffs = { graceMs: nowMs - graceMs, recycleMs: nowMs - recycleMs }
  if (dryRun) return await foreseen(storage, cutoffs)
  const purgedManifests = await purgeRecycled(storage, cutoffs.recycleMs)
  const unlinkedBlobs = await unlinkUnneeded(storage, cutoffs.graceMs)
  const freed = await sweep(storage, clock)
  await finishRemovals(storage, clock)
  return { dryRun, purgedManifests, unlinkedBlobs, ...freed }
}

/** Manifests that were deleted long enough ago, and what only they needed. */
async function purgeRecycled({ metadata }: Storage, cutoffMs: number): Promise<number> {
  const old = 'SELECT repository, digest FROM recycled_manifest WHERE recycled_ms < ?'
  const values = [cutoffMs]
  const [, , , purged = []] = await metadata.batch([
    { text: `${old} ORDER BY repository, digest FOR UPDATE`, values, postgresOnly: true },
    { text: `DELETE FROM need WHERE (repository, manifest) IN (${old})`, values },
    { text: `DELETE FROM pull WHERE (repository, digest) IN (${old})`, values },
    { text: 'DELETE FROM recycled_manifest WHERE recycled_ms < ? RETURNING digest', values },
    { text: 'DELETE FROM recycled_tag WHERE recycled_ms < ?', values },
  ])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement names its columns
  const digests = [...new Set((purged as readonly { digest: string }[]).map((row) => row.digest))]
  for (let at = 0; at < digests.length; at += sliceRows) {
    const some = digests.slice(at, at + sliceRows)
    const text = `DELETE FROM content WHERE digest IN ${parameterList(some.length)}
      AND NOT EXISTS (SELECT 1 FROM manifest m WHERE m.digest = content.digest)
      AND NOT EXISTS (SELECT 1 FROM recycled_manifest r WHERE r.digest = content.digest)`
    await metadata.batch([{ text, values: some }])
  }
  return purged.length
}

/** Blobs of repositories that no manifest of theirs names, and that were not pushed just now. */
async function unlinkUnneeded({ metadata }: Storage, cutoffMs: number): Promise<number> {
  let removed = 0
  let from: readonly [number, string] = [0, '']
  for (;;) {
    const next = await rowsOf<{ repository: number; digest: string }>(
      metadata,
      `SELECT repository, digest FROM blob WHERE (repository, digest) > (?, ?)
       ORDER BY repository, digest LIMIT 1 OFFSET ?`,
      [...from, sliceRows - 1],
    )
    const [end] = next
    const range =
      end === undefined
        ? { text: '(repository, digest) > (?, ?)', values: from }
        : {
            text: '(repository, digest) > (?, ?) AND (repository, digest) <= (?, ?)',
            values: [...from, end.repository, end.digest],
          }
    const where = `${range.text} AND ${unneeded}`
    const values = [...range.values, cutoffMs]
    const [, , gone = []] = await metadata.batch([
      ...exclusively('blob'),
      { text: `DELETE FROM blob WHERE ${where} RETURNING digest`, values },
    ])
    removed += gone.length
    if (end === undefined) return removed
    from = [end.repository, end.digest]
  }
}

const unlinked = 'NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = stored.digest)'

/** Blobs that no repository has. */
async function sweep(
  storage: Storage,
  clock: Clock,
): Promise<{ readonly removedBlobs: number; readonly freedBytes: number }> {
  const { metadata } = storage
  let [removedBlobs, freedBytes, from] = [0, 0, '']
  for (;;) {
    const [end] = await rowsOf<{ digest: string }>(
      metadata,
      'SELECT digest FROM stored WHERE digest > ? ORDER BY digest LIMIT 1 OFFSET ?',
      [from, sliceRows - 1],
    )
    const condemned = await condemn(storage, { from, to: end?.digest }, clock.nowMs())
    await removeAll(storage, condemned, clock)
    removedBlobs += condemned.length
    freedBytes += condemned.reduce((sum, { size }) => sum + size, 0)
    if (end === undefined) return { removedBlobs, freedBytes }
    from = end.digest
  }
}

async function condemn(
  { metadata }: Storage,
  range: { readonly from: string; readonly to: string | undefined },
  nowMs: number,
): Promise<readonly Condemned[]> {
  const where = `digest > ?${range.to === undefined ? '' : ' AND digest <= ?'} AND ${unlinked}`
  const values = [range.from, ...(range.to === undefined ? [] : [range.to])]
  const [, , , condemned = []] = await metadata.batch([
    ...exclusively('stored'),
    {
      text: `INSERT INTO tombstone (digest, generation, condemned_ms)
        SELECT digest, generation, CAST(? AS BIGINT) FROM stored WHERE ${where}`,
      values: [nowMs, ...values],
    },
    {
      // Of what was let go of since, nothing is written down.
      text: `DELETE FROM stored WHERE ${where} AND EXISTS (
          SELECT 1 FROM tombstone t
          WHERE t.digest = stored.digest AND t.generation = stored.generation)
        RETURNING digest, generation, size`,
      values,
    },
  ])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the statement names its columns
  return condemned as readonly Condemned[]
}

/** Removes the bytes; what cannot be removed now is tried again by a later collection. */
async function removeAll(
  { blobs, metadata }: Storage,
  condemned: readonly { readonly digest: Digest; readonly generation: number }[],
  clock: Clock,
): Promise<void> {
  for (let at = 0; at < condemned.length; at += removalsAtOnce) {
    const some = condemned.slice(at, at + removalsAtOnce)
    await Promise.all(some.map(({ digest, generation }) => blobs(generation).remove(digest)))
    await metadata.batch(
      some.map(({ digest, generation }) => ({
        text: 'UPDATE tombstone SET removed_ms = ? WHERE digest = ? AND generation = ?',
        values: [clock.nowMs(), digest, generation],
      })),
    )
  }
}

/** What a crash or a bucket that was away left, and tombstones whose time is over. */
async function finishRemovals(storage: Storage, clock: Clock): Promise<void> {
  const { metadata } = storage
  const left = await rowsOf<{ digest: Digest; generation: number }>(
    metadata,
    'SELECT digest, generation FROM tombstone WHERE removed_ms IS NULL AND condemned_ms < ?',
    [clock.nowMs() - retryMs],
  )
  await removeAll(storage, left, clock)
  await metadata.batch([
    {
      text: 'DELETE FROM tombstone WHERE removed_ms < ?',
      values: [clock.nowMs() - tombstoneMs],
    },
  ])
}

/** What a collection would do now, as far as it can be told beforehand. */
async function foreseen(
  { metadata }: Storage,
  cutoffs: { readonly graceMs: number; readonly recycleMs: number },
): Promise<CollectReport> {
  // Needs of manifests that are about to be purged count for nothing.
  const needed = `SELECT 1 FROM need n WHERE n.repository = b.repository AND n.digest = b.digest
    AND NOT EXISTS (SELECT 1 FROM recycled_manifest r WHERE r.repository = n.repository
      AND r.digest = n.manifest AND r.recycled_ms < ?)`
  const kept = `(b.pushed_ms >= ? OR EXISTS (${needed}))`
  const values = [cutoffs.graceMs, cutoffs.recycleMs]
  const [[purged], [links], [blobs]] = await Promise.all([
    rowsOf<{ n: number }>(
      metadata,
      'SELECT COUNT(*) AS n FROM recycled_manifest WHERE recycled_ms < ?',
      [cutoffs.recycleMs],
    ),
    rowsOf<{ n: number }>(metadata, `SELECT COUNT(*) AS n FROM blob b WHERE NOT ${kept}`, values),
    rowsOf<{ n: number; bytes: number | null }>(
      metadata,
      `SELECT COUNT(*) AS n, CAST(SUM(s.size) AS BIGINT) AS bytes FROM stored s
       WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.digest = s.digest AND ${kept})`,
      values,
    ),
  ])
  return {
    dryRun: true,
    purgedManifests: purged?.n ?? 0,
    unlinkedBlobs: links?.n ?? 0,
    removedBlobs: blobs?.n ?? 0,
    freedBytes: blobs?.bytes ?? 0,
  }
}
