/**
 * Whether everything that the registry says it has is there, and right.
 *
 * Invariant: a blob that is found missing or damaged does not answer any more from this moment on,
 * until somebody pushes it again or a later check finds it whole; nothing that can be served is
 * removed. A check may run while clients push: it marks only what was stored before it looked.
 */
import { AppError, type Clock, type Digest, digestOf, digestParts, measure } from '#kernel/index.ts'
import type { Storage } from '../storage.ts'
import type { CheckOptions, CheckReport, Damage } from './contract.ts'
import { usualGraceMs } from './collect.ts'
import { paged, rowsOf } from './statements.ts'

const holdersShown = 20

interface StoredRow {
  readonly digest: Digest
  readonly generation: number
  readonly size: number
  readonly damagedMs: number | null
}

export async function checkRegistry(
  storage: Storage,
  clock: Clock,
  options: CheckOptions,
): Promise<CheckReport> {
  const { repair = false, quick = false } = options
  await storage.metadata.checkTables({ quick })
  const damage: Damage[] = []
  const seen = { blobs: 0, bytes: 0 }
  for await (const blobs of paged<StoredRow, 'digest'>(storage.metadata, {
    text: `SELECT digest, generation, size, damaged_ms AS "damagedMs" FROM stored
      WHERE digest > ? ORDER BY digest LIMIT ?`,
    key: 'digest',
  }))
    for (const blob of blobs) {
      const startedMs = clock.nowMs()
      // What was found damaged is read in any case: its size alone must not let it answer again.
      const kind = await faultOf(storage, blob, quick && blob.damagedMs === null)
      await mark(storage, { blob, kind, startedMs })
      if (kind !== undefined) damage.push(await told(storage, blob, kind))
      seen.blobs += 1
      seen.bytes += blob.size
      options.onProgress?.(seen.bytes)
    }
  damage.push(...(await orphans(storage, { clock, repair })))
  damage.push(...(await unstored(storage)))
  const manifests = await checkManifests(storage, damage, repair)
  damage.push(...(await dangling(storage, repair)))
  return { ...seen, manifests, damage, repaired: repair }
}

async function faultOf(
  { blobs }: Storage,
  { digest, generation, size }: StoredRow,
  quick: boolean,
): Promise<'missing' | 'damaged' | undefined> {
  const store = blobs(generation)
  if ((await store.size(digest)) !== size) return 'missing'
  if (quick) return undefined
  try {
    await measure(store.read(digest), digest)
    return undefined
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    if (error.code === 'store/digest-mismatch') return 'damaged'
    if (error.code === 'store/blob-unknown') return 'missing'
    throw error
  }
}

/** Keeps what is damaged from answering, and lets what is whole again answer. */
async function mark(
  { metadata }: Storage,
  {
    blob,
    kind,
    startedMs,
  }: { blob: StoredRow; kind: 'missing' | 'damaged' | undefined; startedMs: number },
): Promise<void> {
  if ((kind !== undefined) === (blob.damagedMs !== null)) return
  await metadata.batch([
    {
      // One that was stored again since the check began is another copy.
      text: `UPDATE stored SET damaged_ms = CAST(? AS BIGINT)
        WHERE digest = ? AND generation = ? AND stored_ms < ?`,
      values: [kind === undefined ? null : startedMs, blob.digest, blob.generation, startedMs],
    },
  ])
}

async function told(
  { metadata }: Storage,
  { digest }: Pick<StoredRow, 'digest'>,
  kind: 'missing' | 'damaged',
): Promise<Damage> {
  return { kind, digest, repositories: await metadata.holders(digest, holdersShown) }
}

/** Blobs of repositories of which nobody knows where their bytes are. */
async function unstored(storage: Storage): Promise<readonly Damage[]> {
  const rows = await rowsOf<{ digest: Digest }>(
    storage.metadata,
    `SELECT DISTINCT digest FROM blob WHERE NOT EXISTS
       (SELECT 1 FROM stored s WHERE s.digest = blob.digest) ORDER BY digest`,
  )
  return await Promise.all(rows.map(({ digest }) => told(storage, { digest }, 'missing')))
}

/** Bytes of which the metadata know nothing, and that no push can be about to tell them of. */
async function orphans(
  storage: Storage,
  { clock, repair }: { readonly clock: Clock; readonly repair: boolean },
): Promise<readonly Damage[]> {
  const { metadata, blobs } = storage
  const found: Damage[] = []
  const [newest] = await rowsOf<{ generation: number | null }>(
    metadata,
    `SELECT MAX(generation) AS generation
     FROM (SELECT generation FROM stored UNION SELECT generation FROM tombstone) AS used`,
  )
  const oldestMs = clock.nowMs() - usualGraceMs
  for (let generation = 0; generation <= (newest?.generation ?? 0) + 1; generation += 1)
    for await (const { digest, sizeBytes, modifiedMs } of blobs(generation).list()) {
      if (modifiedMs > oldestMs || (await isKnown(storage, digest, generation))) continue
      found.push({ kind: 'orphaned', digest, bytes: sizeBytes })
      if (repair) await removeOrphan(storage, { digest, generation, nowMs: clock.nowMs() })
    }
  return found
}

async function isKnown(
  { metadata }: Storage,
  digest: Digest,
  generation: number,
): Promise<boolean> {
  const rows = await rowsOf(
    metadata,
    `SELECT 1 AS one FROM stored WHERE digest = ? AND generation = ?
     UNION ALL
     SELECT 1 AS one FROM tombstone WHERE digest = ? AND generation = ? AND removed_ms IS NULL`,
    [digest, generation, digest, generation],
  )
  return rows.length > 0
}

/** By way of a tombstone, so that a push that meets these bytes does not rely on them. */
async function removeOrphan(
  { metadata, blobs }: Storage,
  { digest, generation, nowMs }: { digest: Digest; generation: number; nowMs: number },
): Promise<void> {
  const key = 'digest = ? AND generation = ?'
  const [, rows = []] = await metadata.batch([
    {
      text: 'SELECT pg_advisory_xact_lock(hashtextextended(?, 0))',
      values: [digest],
      postgresOnly: true,
    },
    {
      text: `INSERT INTO tombstone (digest, generation, condemned_ms)
        SELECT ?, CAST(? AS BIGINT), CAST(? AS BIGINT)
        WHERE NOT EXISTS (SELECT 1 FROM stored WHERE ${key})
        ON CONFLICT (digest, generation) DO UPDATE SET condemned_ms = excluded.condemned_ms
        RETURNING digest`,
      values: [digest, generation, nowMs, digest, generation],
    },
  ])
  if (rows.length === 0) return
  await blobs(generation).remove(digest)
  await metadata.batch([
    {
      text: `UPDATE tombstone SET removed_ms = ? WHERE ${key}`,
      values: [nowMs, digest, generation],
    },
  ])
}

/** Reads every manifest; how many there are. */
async function checkManifests(
  { metadata }: Storage,
  damage: Damage[],
  repair: boolean,
): Promise<number> {
  let count = 0
  for await (const { digest } of manifestDigests(metadata)) {
    count += 1
    // One statement, so that a collection beside it takes both the bytes and what names them.
    const [row] = await rowsOf<{ bytes: Uint8Array | null }>(
      metadata,
      `SELECT c.bytes FROM (SELECT CAST(? AS TEXT) AS digest) AS one
       LEFT JOIN content c ON c.digest = one.digest
       WHERE c.digest IS NOT NULL
         OR EXISTS (SELECT 1 FROM manifest m WHERE m.digest = one.digest)
         OR EXISTS (SELECT 1 FROM recycled_manifest r WHERE r.digest = one.digest)`,
      [digest],
    )
    if (row === undefined || isWhole(row.bytes, digest)) continue
    const holders = await rowsOf<{ name: string }>(
      metadata,
      `SELECT r.name FROM manifest m JOIN repository r ON r.id = m.repository
       WHERE m.digest = ? ORDER BY r.name LIMIT ?`,
      [digest, holdersShown],
    )
    const repositories = holders.map(({ name }) => name)
    damage.push({ kind: 'damaged manifest', digest, repositories })
    if (repair) await removeDamagedManifest(metadata, digest)
  }
  return count
}

function isWhole(bytes: Uint8Array | null, digest: Digest): boolean {
  return bytes !== null && digestOf(bytes, digestParts(digest).algorithm) === digest
}

async function* manifestDigests(
  metadata: Storage['metadata'],
): AsyncIterable<{ readonly digest: Digest }> {
  const text = `SELECT digest FROM (SELECT digest FROM content UNION SELECT digest FROM manifest
    UNION SELECT digest FROM recycled_manifest) AS known WHERE digest > ? ORDER BY digest LIMIT ?`
  for await (const rows of paged<{ digest: Digest }, 'digest'>(metadata, { text, key: 'digest' }))
    yield* rows
}

/** It cannot be served; who has it may push it again. */
async function removeDamagedManifest(metadata: Storage['metadata'], digest: Digest): Promise<void> {
  const values = [digest]
  await metadata.batch([
    { text: 'DELETE FROM tag WHERE digest = ?', values },
    { text: 'DELETE FROM need WHERE manifest = ?', values },
    { text: 'DELETE FROM pull WHERE digest = ?', values },
    { text: 'DELETE FROM manifest WHERE digest = ?', values },
    { text: 'DELETE FROM recycled_manifest WHERE digest = ?', values },
    { text: 'DELETE FROM content WHERE digest = ?', values },
  ])
}

interface DanglingRow {
  readonly repository: string
  readonly manifest: Digest
  readonly digest: Digest
}

async function dangling({ metadata }: Storage, repair: boolean): Promise<readonly Damage[]> {
  const needs = await rowsOf<DanglingRow>(
    metadata,
    `SELECT r.name AS repository, n.manifest, n.digest FROM need n
     JOIN manifest m ON m.repository = n.repository AND m.digest = n.manifest
     JOIN repository r ON r.id = n.repository
     WHERE n.must = 1 AND NOT EXISTS
       (SELECT 1 FROM blob b WHERE b.repository = n.repository AND b.digest = n.digest)
     ORDER BY 1, 2, 3`,
  )
  const isLost = `NOT EXISTS (SELECT 1 FROM manifest m
    WHERE m.repository = tag.repository AND m.digest = tag.digest)`
  const tags = await rowsOf<{ repository: string; tag: string }>(
    metadata,
    `SELECT r.name AS repository, tag.name AS tag FROM tag
     JOIN repository r ON r.id = tag.repository WHERE ${isLost} ORDER BY 1, 2`,
  )
  if (repair && tags.length > 0) await metadata.batch([{ text: `DELETE FROM tag WHERE ${isLost}` }])
  return [
    ...needs.map((row) => ({ kind: 'dangling manifest' as const, ...row })),
    ...tags.map((row) => ({ kind: 'dangling tag' as const, ...row })),
  ]
}
