/**
 * Registry metadata in one SQLite file.
 *
 * Invariant: a change is in the file, synced, before its promise is fulfilled. Changes that are
 * asked for in one turn of the event loop share one commit, and so one sync of the disk; one that
 * fails is undone alone. Manifests' bytes live here, so that a tag and what it names are one write.
 * Format: docs/formats/registry.md; tables: `tables.ts`.
 */
import type { Database } from 'bun:sqlite'
import { AppError, type Clock } from '#kernel/index.ts'
import { Descriptor } from '../../schema.ts'
import type { Keeps, Page, PageRequest, StoredManifest } from '../contract.ts'
import type { SqlValue } from '../database/contract.ts'
import { checkSqlite, openSqlite } from '../database/sqlite-file.ts'
import type {
  LinkOutcome,
  ManifestKey,
  ManifestWrite,
  Metadata,
  RemoveOutcome,
  Statement,
  StoredCopy,
  WriteOutcome,
} from './contract.ts'
import { type Addition, additionOf, type Budget, charging } from './budget.ts'
import { linkingOf, placeFor } from './copies.ts'
import { grouped, type GroupWrite } from './group-commit.ts'
import { keptBy, tagsKeeping } from './keeping.ts'
import { faultOf } from './needs.ts'
import { limitOf, pageOf } from './pages.ts'
import { preparedQueries, type Queries } from './queries.ts'
import { bringUpToDate, formatVersion } from './tables.ts'

/** @throws AppError `kernel/read-only`, `oci/bad-layout` for a file of a newer format */
export function sqliteMetadata(path: string, clock: Clock): Metadata {
  const database = openSqlite(path, prepare)
  const queries = preparedQueries(database)
  const write = grouped(database)
  return {
    blob: async (repository, digest) => queries.blob.get({ repository, digest }) ?? undefined,
    placeToFill: async (digest) =>
      placeFor(queries.stored.get({ digest }) ?? undefined, queries.tombstones.all({ digest })),
    ...additions({ database, queries, write, clock }),
    unlinkBlob: (repository, digest, keeps) =>
      write(() =>
        unlessKept({ database, queries }, { repository, key: { digest }, keeps }, () =>
          queries.unlinkBlob.run({ repository, digest }),
        ),
      ),
    holders: async (digest, limit) =>
      queries.holders.all({ digest, limit }).map(({ name }) => name),
    manifest: async (repository, key) => findManifest(queries, repository, key),
    removeManifest: (repository, key, { reason, keeps }) =>
      write(() =>
        unlessKept({ database, queries }, { repository, key, keeps }, (id) =>
          removeManifest(queries, { id, key, reason, nowMs: clock.nowMs() }),
        ),
      ),
    tags: async (repository, page) => listTags(queries, repository, page),
    referrers: async (repository, subject, page) =>
      queries.referrers
        .all({
          repository,
          subject,
          artifactType: page.artifactType ?? null,
          after: page.after ?? '',
          limit: limitOf(page),
        })
        .map(({ descriptor }) => Descriptor.parse(JSON.parse(descriptor))),
    repositories: async (page) => {
      const limit = limitOf(page)
      const rows = queries.repositories.all({ after: page.after ?? '', limit: limit + 1 })
      return pageOf(
        rows.map(({ name }) => name),
        limit,
      )
    },
    recordPulls: (pulls) =>
      write(() => {
        for (const { repository, digest, atMs } of pulls)
          queries.recordPull.run({ repository, digest, at: atMs })
      }),
    batch: (statements) => write(() => runBatch(database, statements)),
    checkTables: async (options) => checkSqlite(database, options),
    close: async () => {
      queries.finalize()
      database.close()
    },
  }
}

interface Opened {
  readonly database: Database
  readonly queries: Queries
  readonly write: GroupWrite
  readonly clock: Clock
}

/** What adds to a repository, and may have a budget. */
function additions({
  database,
  queries,
  write,
  clock,
}: Opened): Pick<Metadata, 'linkBlob' | 'mountBlob' | 'putManifest'> {
  const charge = (budget: Budget | undefined, addition: Addition): void => {
    if (budget === undefined) return
    const steps = charging(budget, addition, { nowMs: clock.nowMs(), lock: '' })
    for (let step = steps.next([]); step.done !== true; )
      step = steps.next(runOne(database, step.value))
  }
  return {
    linkBlob: (repository, blob, budget) =>
      write(() =>
        linkBlob(queries, {
          repository,
          blob,
          nowMs: clock.nowMs(),
          charge: () => charge(budget, { kind: 'blob', repository, tags: [], ...blob }),
        }),
      ),
    mountBlob: (repository, { digest, from }, budget) =>
      write(() => {
        const found = queries.blob.get({ repository: from, digest })
        if (found === null) return undefined
        const { sizeBytes } = found
        charge(budget, { kind: 'blob', repository, digest, sizeBytes, tags: [] })
        const id = queries.ensureRepository(repository)
        queries.linkBlob.run({ id, digest, size: found.sizeBytes, now: clock.nowMs() })
        return found.sizeBytes
      }),
    putManifest: (repository, put) =>
      write(() =>
        putManifest(queries, {
          repository,
          put,
          nowMs: clock.nowMs(),
          charge: () => charge(put.budget, additionOf(repository, put)),
        }),
      ),
  }
}

/** @throws AppError `oci/bad-layout` */
function prepare(database: Database): void {
  const version = database.query<{ user_version: number }, []>('PRAGMA user_version').get()
  const found = version?.user_version ?? 0
  if (found > formatVersion)
    throw new AppError(
      'oci/bad-layout',
      `${database.filename} has format ${found}, this program reads ${formatVersion}`,
      { hints: ['Use the version of Backlot that wrote it, or a newer one.'] },
    )
  if (found < formatVersion) bringUpToDate(database, found)
}

function linkBlob(
  queries: Queries,
  { repository, blob, nowMs, charge }: Change & { blob: StoredCopy },
): LinkOutcome {
  const { digest, sizeBytes: size, generation } = blob
  if (queries.tombstones.all({ digest }).some((one) => one.generation === generation))
    return { kind: 'condemned' }
  const stored = queries.stored.get({ digest }) ?? undefined
  const { outcome, condemned, counts } = linkingOf(blob, stored)
  if (outcome.kind === 'condemned') return outcome
  charge()
  if (condemned !== undefined) queries.condemn.run({ digest, generation: condemned, now: nowMs })
  if (counts) queries.setStored.run({ digest, size, generation, now: nowMs })
  const id = queries.ensureRepository(repository)
  queries.linkBlob.run({ id, digest, size, now: nowMs })
  return outcome
}

function runBatch(
  database: Database,
  statements: readonly Statement[],
): readonly (readonly unknown[])[] {
  return statements.map(({ postgresOnly = false, ...statement }) =>
    postgresOnly ? [] : runOne(database, statement),
  )
}

function runOne(database: Database, { text, values = [] }: Statement): readonly unknown[] {
  return database.query<unknown, SqlValue[]>(text).all(...values)
}

/** What changes are told: what it is added to, when, and what asks whether there is room. */
interface Change {
  readonly repository: string
  readonly nowMs: number
  readonly charge: () => void
}

function putManifest(
  queries: Queries,
  { repository, put, nowMs, charge }: Change & { put: ManifestWrite },
): WriteOutcome {
  const { record } = put
  const id = queries.ensureRepository(repository)
  const fault = faultOf(put, {
    blob: (digest) => queries.blobSize.get({ id, digest })?.sizeBytes,
    manifest: (digest) => queries.manifestSize.get({ id, digest })?.sizeBytes,
  })
  if (fault !== undefined) return fault
  const wanted = put.replaces === 'absent' ? undefined : put.replaces
  if (put.replaces !== undefined)
    for (const tag of put.tags) {
      const now = queries.tagDigest.get({ id, name: tag })?.digest
      // A request that is repeated because its answer was lost has already done its work.
      if (now !== wanted && now !== record.digest) return { kind: 'moved', tag }
    }
  charge()
  queries.addContent.run({ digest: record.digest, bytes: record.bytes })
  queries.addManifest.run({
    id,
    digest: record.digest,
    mediaType: record.mediaType,
    subject: record.subject ?? null,
    artifactType: record.descriptor.artifactType ?? null,
    descriptor: record.subject === undefined ? null : JSON.stringify(record.descriptor),
    now: nowMs,
  })
  queries.forgetRecycled.run({ id, digest: record.digest })
  const { digest: manifest } = record
  for (const digest of put.needs) queries.addNeed.run({ id, digest, manifest, must: 1 })
  for (const digest of put.names) queries.addNeed.run({ id, digest, manifest, must: 0 })
  for (const name of put.tags) queries.setTag.run({ id, name, digest: record.digest, now: nowMs })
  return { kind: 'stored' }
}

function findManifest(
  queries: Queries,
  repository: string,
  key: ManifestKey,
): StoredManifest | undefined {
  const found =
    'tag' in key
      ? queries.byTag.get({ repository, name: key.tag })
      : queries.byDigest.get({ repository, digest: key.digest })
  return found ?? undefined
}

/** Removes what no tag keeps. */
function unlessKept(
  { database, queries }: Pick<Opened, 'database' | 'queries'>,
  removal: {
    readonly repository: string
    readonly key: ManifestKey
    readonly keeps: Keeps | undefined
  },
  remove: (id: number) => { readonly changes: number },
): RemoveOutcome {
  const { repository, key, keeps } = removal
  const id = queries.findRepository.get({ name: repository })?.id
  if (id === undefined) return { kind: 'absent' }
  const kept = keeps && keptBy(keeps, runOne(database, tagsKeeping(id, key)))
  if (kept !== undefined) return { kind: 'kept', ...kept }
  return { kind: remove(id).changes > 0 ? 'removed' : 'absent' }
}

/** How many rows of what was to be removed went. */
function removeManifest(queries: Queries, removal: Removal): { readonly changes: number } {
  const { id, key, reason, nowMs: now } = removal
  if ('tag' in key) {
    queries.recycleTag.run({ id, name: key.tag, now, reason })
    return queries.removeTag.run({ id, name: key.tag })
  }
  const { digest } = key
  queries.recycleTagsOf.run({ id, digest, now, reason })
  queries.removeTagsOf.run({ id, digest })
  queries.recycleManifest.run({ id, digest, now, reason })
  return queries.removeManifest.run({ id, digest })
}

interface Removal {
  readonly id: number
  readonly key: ManifestKey
  readonly reason: string
  readonly nowMs: number
}

function listTags(
  queries: Queries,
  repository: string,
  page: PageRequest,
): Page<string> | undefined {
  const found = queries.findRepository.get({ name: repository })
  if (found === null) return undefined
  const limit = limitOf(page)
  if (limit === 0) return { items: [] }
  const rows = queries.tags.all({ id: found.id, after: page.after ?? '', limit: limit + 1 })
  return pageOf(
    rows.map(({ name }) => name),
    limit,
  )
}
