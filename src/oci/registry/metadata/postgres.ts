/**
 * Registry metadata in PostgreSQL, for any number of servers.
 *
 * Invariant: the same as SQLite's, against other servers too. Transactions are READ COMMITTED and
 * lock the rows that their answer stands on: who puts a manifest locks the links to its blobs, who
 * links a blob locks what is stored of it, who moves a tag locks the tag's name. Rows that come to
 * be are held by references, and a conflict is tried again (`database/postgres.ts`).
 * Not here: the tables (`postgres-tables.ts`), upkeep (`upkeep/`, over `batch`).
 */
import type { SQL } from 'bun'
import type { Clock, Digest } from '#kernel/index.ts'
import { Descriptor } from '../../schema.ts'
import type { StoredManifest } from '../contract.ts'
import type { Queryable } from '../database/contract.ts'
import {
  inTransaction,
  migratePostgres,
  orGone,
  type PostgresPlace,
  postgresPool,
  queryableOf,
} from '../database/postgres.ts'
import type {
  BlobPlace,
  LinkOutcome,
  ManifestKey,
  Metadata,
  PlaceToFill,
  StoredCopy,
} from './contract.ts'
import { type Addition, additionOf, type Budget, charging } from './budget.ts'
import { type KnownCopy, linkingOf, placeFor } from './copies.ts'
import { limitOf, pageOf } from './pages.ts'
import { registryMigrations } from './postgres-tables.ts'
import { putManifest, removeManifest, unlessKept } from './postgres-manifests.ts'

const repositoriesKnownMax = 100_000
const inRepository = 'repository = (SELECT id FROM repository WHERE name = ?)'

/** @throws AppError `oci/database-gone`, `oci/bad-layout` for tables of a newer version */
export async function postgresMetadata(place: PostgresPlace, clock: Clock): Promise<Metadata> {
  const pool = postgresPool({ connectionsMax: 20, ...place })
  const direct = orGoneQueryable(pool)
  try {
    await migratePostgres(pool, 'registry', registryMigrations)
  } catch (error) {
    await pool.close()
    throw error
  }
  const idOf = repositoryIds(direct)
  const change = <T>(work: (within: Queryable) => Promise<T>) =>
    inTransaction(pool, 'READ COMMITTED', work)
  return {
    ...blobs({ direct, change, idOf, clock }),
    putManifest: async (repository, put) => {
      const id = await idOf(repository)
      const nowMs = clock.nowMs()
      const addition = additionOf(repository, put)
      const charge = (within: Queryable) => charged(within, put.budget, { addition, nowMs })
      return await change((within) => putManifest(within, { id, put, nowMs, charge }))
    },
    manifest: (repository, key) => findManifest(direct, repository, key),
    removeManifest: async (repository, key, { reason, keeps }) => {
      const id = await idOf.known(repository)
      if (id === undefined) return { kind: 'absent' }
      const removal = { id, key, reason, nowMs: clock.nowMs() }
      return await change((within) =>
        unlessKept(within, { id, key, keeps }, () => removeManifest(within, removal)),
      )
    },
    ...lists(direct, idOf),
    recordPulls: async (pulls) => {
      await change(async (within) => {
        for (const { repository, digest, atMs } of pulls)
          await within.run(
            `INSERT INTO pull SELECT m.repository, m.digest, CAST(? AS BIGINT) FROM manifest m
             WHERE m.${inRepository} AND m.digest = ?
             ON CONFLICT (repository, digest)
             DO UPDATE SET pulled_ms = GREATEST(pull.pulled_ms, excluded.pulled_ms)`,
            [atMs, repository, digest],
          )
      })
    },
    batch: (statements) =>
      change((within) =>
        Promise.all(statements.map(({ text, values }) => within.query(text, values))),
      ),
    // PostgreSQL has check sums, and says itself what is damaged.
    checkTables: async () => undefined,
    close: async () => {
      await pool.close({ timeout: 5 })
    },
  }
}

function lists(
  direct: Queryable,
  idOf: RepositoryIds,
): Pick<Metadata, 'tags' | 'referrers' | 'repositories'> {
  return {
    tags: async (repository, page) => {
      const id = await idOf.known(repository)
      const limit = limitOf(page)
      if (id === undefined || limit === 0) return id === undefined ? undefined : { items: [] }
      const rows = await direct.query<{ name: string }>(
        'SELECT name FROM tag WHERE repository = ? AND name > ? ORDER BY name LIMIT ?',
        [id, page.after ?? '', limit + 1],
      )
      return pageOf(
        rows.map(({ name }) => name),
        limit,
      )
    },
    referrers: async (repository, subject, page) => {
      const rows = await direct.query<{ descriptor: string }>(
        `SELECT descriptor FROM manifest
         WHERE ${inRepository} AND subject = ? AND digest > ?
           AND (CAST(? AS TEXT) IS NULL OR artifact_type = ?)
         ORDER BY digest LIMIT ?`,
        [
          repository,
          subject,
          page.after ?? '',
          page.artifactType ?? null,
          page.artifactType ?? null,
          limitOf(page),
        ],
      )
      return rows.map(({ descriptor }) => Descriptor.parse(JSON.parse(descriptor)))
    },
    repositories: async (page) => {
      const limit = limitOf(page)
      const rows = await direct.query<{ name: string }>(
        'SELECT name FROM repository WHERE name > ? ORDER BY name LIMIT ?',
        [page.after ?? '', limit + 1],
      )
      return pageOf(
        rows.map(({ name }) => name),
        limit,
      )
    },
  }
}

interface Blobs {
  readonly direct: Queryable
  readonly change: <T>(work: (within: Queryable) => Promise<T>) => Promise<T>
  readonly idOf: RepositoryIds
  readonly clock: Clock
}

type BlobMethods = 'blob' | 'placeToFill' | 'linkBlob' | 'mountBlob' | 'unlinkBlob' | 'holders'

function blobs({ direct, change, idOf, clock }: Blobs): Pick<Metadata, BlobMethods> {
  return {
    blob: async (repository, digest) => {
      const [found] = await direct.query<BlobPlace>(
        `SELECT s.size AS "sizeBytes", s.generation
         FROM blob b JOIN stored s ON s.digest = b.digest
         WHERE b.${inRepository} AND b.digest = ? AND s.damaged_ms IS NULL`,
        [repository, digest],
      )
      return found
    },
    placeToFill: (digest) => placeToFill(direct, digest),
    linkBlob: async (repository, blob, budget) => {
      const id = await idOf(repository)
      const nowMs = clock.nowMs()
      const addition: Addition = { kind: 'blob', repository, tags: [], ...blob }
      const charge = (within: Queryable) => charged(within, budget, { addition, nowMs })
      const now = () => clock.nowMs()
      return await change((within) => linkBlob(within, { id, blob, now, charge }))
    },
    mountBlob: async (repository, { digest, from }, budget) => {
      const id = await idOf(repository)
      const nowMs = clock.nowMs()
      return await change(async (within) => {
        const [found] = await within.query<{ size: number }>(
          `SELECT b.size FROM blob b JOIN stored s ON s.digest = b.digest
           WHERE b.${inRepository} AND b.digest = ? AND s.damaged_ms IS NULL
           FOR KEY SHARE`,
          [from, digest],
        )
        if (found === undefined) return undefined
        const { size } = found
        const addition: Addition = { kind: 'blob', repository, digest, sizeBytes: size, tags: [] }
        await charged(within, budget, { addition, nowMs })
        await link(within, { id, digest, size, nowMs: clock.nowMs() })
        return size
      })
    },
    unlinkBlob: async (repository, digest, keeps) => {
      const id = await idOf.known(repository)
      if (id === undefined) return { kind: 'absent' }
      return await change((within) =>
        unlessKept(within, { id, key: { digest }, keeps }, () =>
          within.run('DELETE FROM blob WHERE repository = ? AND digest = ?', [id, digest]),
        ),
      )
    },
    holders: async (digest, limit) => {
      const rows = await direct.query<{ name: string }>(
        `SELECT r.name FROM blob b JOIN repository r ON r.id = b.repository
         WHERE b.digest = ? LIMIT ?`,
        [digest, limit],
      )
      return rows.map(({ name }) => name)
    },
  }
}

const storedColumns = 'size AS "sizeBytes", generation, damaged_ms AS "damagedMs"'

async function placeToFill(direct: Queryable, digest: Digest): Promise<PlaceToFill> {
  const [[stored], tombstones] = await Promise.all([
    direct.query<KnownCopy>(`SELECT ${storedColumns} FROM stored WHERE digest = ?`, [digest]),
    direct.query<{ generation: number }>('SELECT generation FROM tombstone WHERE digest = ?', [
      digest,
    ]),
  ])
  return placeFor(stored, tombstones)
}

interface Linked {
  readonly id: number
  readonly blob: StoredCopy
  readonly now: () => number
  readonly charge: (within: Queryable) => Promise<void>
}

/** The last that a transaction locks, so that nobody waits for it in a circle. */
async function charged(
  within: Queryable,
  budget: Budget | undefined,
  { addition, nowMs }: { readonly addition: Addition; readonly nowMs: number },
): Promise<void> {
  if (budget === undefined) return
  const steps = charging(budget, addition, { nowMs, lock: ' FOR UPDATE' })
  for (let step = steps.next([]); step.done !== true; )
    step = steps.next(await within.query(step.value.text, step.value.values))
}

async function linkBlob(
  within: Queryable,
  { id, blob, now, charge }: Linked,
): Promise<LinkOutcome> {
  const { digest, sizeBytes: size, generation } = blob
  // Sent at once, run one after another: who waits for the lock sees what the other did.
  const [, [stored], tombstones] = await Promise.all([
    within.query('SELECT pg_advisory_xact_lock(hashtextextended(?, 0))', [digest]),
    within.query<KnownCopy>(`SELECT ${storedColumns} FROM stored WHERE digest = ? FOR UPDATE`, [
      digest,
    ]),
    within.query('SELECT 1 FROM tombstone WHERE digest = ? AND generation = ?', [
      digest,
      generation,
    ]),
  ])
  if (tombstones.length > 0) return { kind: 'condemned' }
  const { outcome, condemned, counts } = linkingOf(blob, stored)
  if (outcome.kind === 'condemned') return outcome
  await charge(within)
  // After what was waited for: a collection that began meanwhile takes it for pushed just now.
  const nowMs = now()
  const work: Promise<unknown>[] = []
  if (condemned !== undefined)
    work.push(
      within.run(
        `INSERT INTO tombstone (digest, generation, condemned_ms) VALUES (?, ?, ?)
         ON CONFLICT DO NOTHING`,
        [digest, condemned, nowMs],
      ),
    )
  if (counts)
    work.push(
      within.run(
        `INSERT INTO stored (digest, size, generation, stored_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (digest) DO UPDATE SET size = excluded.size, damaged_ms = NULL,
           generation = excluded.generation, stored_ms = excluded.stored_ms`,
        [digest, size, generation, nowMs],
      ),
    )
  work.push(link(within, { id, digest, size, nowMs }))
  await Promise.all(work)
  return outcome
}

async function link(
  within: Queryable,
  { id, digest, size, nowMs }: { id: number; digest: Digest; size: number; nowMs: number },
): Promise<void> {
  await within.run(
    `INSERT INTO blob (repository, digest, size, pushed_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT (repository, digest)
     DO UPDATE SET size = excluded.size, pushed_ms = excluded.pushed_ms`,
    [id, digest, size, nowMs],
  )
}

async function findManifest(
  direct: Queryable,
  repository: string,
  key: ManifestKey,
): Promise<StoredManifest | undefined> {
  const columns = 'SELECT m.digest, m.media_type AS "mediaType", c.bytes FROM'
  const [found] =
    'tag' in key
      ? await direct.query<StoredManifest>(
          `${columns} tag t
           JOIN manifest m ON m.repository = t.repository AND m.digest = t.digest
           JOIN content c ON c.digest = m.digest
           WHERE t.${inRepository} AND t.name = ?`,
          [repository, key.tag],
        )
      : await direct.query<StoredManifest>(
          `${columns} manifest m JOIN content c ON c.digest = m.digest
           WHERE m.${inRepository} AND m.digest = ?`,
          [repository, key.digest],
        )
  return found
}

/** Ids of repositories by name; they never change, so that each is asked for once. */
interface RepositoryIds {
  (name: string): Promise<number>
  known(name: string): Promise<number | undefined>
}

function repositoryIds(direct: Queryable): RepositoryIds {
  const ids = new Map<string, number>()
  const known = async (name: string): Promise<number | undefined> => {
    const cached = ids.get(name)
    if (cached !== undefined) return cached
    const [row] = await direct.query<{ id: number }>('SELECT id FROM repository WHERE name = ?', [
      name,
    ])
    if (row === undefined) return undefined
    if (ids.size >= repositoriesKnownMax) ids.clear()
    ids.set(name, row.id)
    return row.id
  }
  const ensured = async (name: string): Promise<number> => {
    for (;;) {
      const found = await known(name)
      if (found !== undefined) return found
      await direct.run('INSERT INTO repository (name) VALUES (?) ON CONFLICT DO NOTHING', [name])
    }
  }
  return Object.assign(ensured, { known })
}

function orGoneQueryable(pool: SQL): Queryable {
  const direct = queryableOf(pool)
  return {
    query: (text, values) => orGone(() => direct.query(text, values)),
    run: (text, values) => orGone(() => direct.run(text, values)),
  }
}
