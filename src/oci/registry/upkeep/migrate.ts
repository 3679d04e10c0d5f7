/**
 * Moves a registry from one storage to another: repositories, blobs, manifests, tags, their times,
 * what is in the bin, and what stands around it (`migrate-service.ts`).
 *
 * Invariant: every blob is hashed on its way, and a manifest follows its blobs, so that the target
 * is a registry in order at every moment. What is there already is not copied again: a move that
 * was broken off goes on from where it was. The source is only read. In the end both sides are
 * compared (`migrate-check.ts`). Not here: uploads in progress.
 */
import { AppError, type Digest } from '#kernel/index.ts'
import { namedBy, parseManifest, referrerDescriptor, subjectOf } from '../../schema.ts'
import type { Storage } from '../storage.ts'
import { moveBin } from './migrate-bin.ts'
import { checkMoved, checkTarget, stateOf } from './migrate-check.ts'
import { moveService } from './migrate-service.ts'
import { repositoriesOf, rowsOf, sliceRows } from './statements.ts'

export interface MigrateReport {
  readonly repositories: number
  readonly blobs: number
  readonly copiedBlobs: number
  readonly copiedBytes: number
  readonly manifests: number
  readonly tags: number
  /** Manifests and tags in the bin. */
  readonly recycled: number
  /** Uploads in progress at the source, which stay behind. */
  readonly uploadsLeft: number
  readonly accounts: number
  readonly auditRecords: number
  readonly trafficRows: number
}

export interface MigrateProgress {
  readonly repository: string
  readonly copiedBytes: number
  readonly totalBytes: number
}

interface Moving {
  readonly from: Storage
  readonly to: Storage
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: MigrateProgress) => void) | undefined
  readonly totalBytes: number
  repositories: number
  blobs: number
  copiedBlobs: number
  copiedBytes: number
  manifests: number
  tags: number
  recycled: number
}

/**
 * @throws AppError `kernel/cancelled`, `store/digest-mismatch` for a damaged source,
 *   `oci/target-in-use`, `oci/target-differs`
 */
export async function migrateRegistry(
  from: Storage,
  to: Storage,
  options: {
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: (progress: MigrateProgress) => void
  } = {},
): Promise<MigrateReport> {
  const [stored] = await rowsOf<{ bytes: number | null }>(
    from.metadata,
    'SELECT CAST(SUM(size) AS BIGINT) AS bytes FROM stored',
  )
  const moving: Moving = {
    from,
    to,
    signal: options.signal,
    onProgress: options.onProgress,
    totalBytes: stored?.bytes ?? 0,
    repositories: 0,
    blobs: 0,
    copiedBlobs: 0,
    copiedBytes: 0,
    manifests: 0,
    tags: 0,
    recycled: 0,
  }
  // What may refuse the target comes first.
  await checkTarget({ from, to })
  const before = await stateOf(from)
  const check = () => cancellable(moving)
  const service = await moveService({ from: from.database, to: to.database, check })
  for (const { id, name } of await repositoriesOf(from.metadata)) {
    await moveBlobs(moving, id, name)
    await moveManifests(moving, id, name)
    moving.recycled += await moveBin({ from, to, check }, id, name)
    await checkMoved(moving, name)
    moving.repositories += 1
  }
  if ((await stateOf(from)) !== before) throw servedMeanwhile()
  const { repositories, blobs, copiedBlobs, copiedBytes, manifests, tags, recycled } = moving
  const uploadsLeft = await from.uploads.count()
  const content = { repositories, blobs, copiedBlobs, copiedBytes, manifests, tags, recycled }
  return { ...content, uploadsLeft, ...service }
}

function servedMeanwhile(): AppError {
  return new AppError('oci/target-differs', 'The source was changed while it was moved', {
    hints: ['Stop the servers of the source, then run this again: it goes on from where it was.'],
  })
}

async function moveBlobs(moving: Moving, id: number, repository: string): Promise<void> {
  let after = ''
  for (;;) {
    const rows = await rowsOf<{ digest: Digest; size: number; pushedMs: number }>(
      moving.from.metadata,
      `SELECT digest, size, pushed_ms AS "pushedMs" FROM blob
       WHERE repository = ? AND digest > ? ORDER BY digest LIMIT ?`,
      [id, after, sliceRows],
    )
    for (const { digest, size, pushedMs } of rows) {
      cancellable(moving)
      await moveBlob(moving, { repository, digest, sizeBytes: size })
      await setTime(moving, 'UPDATE blob SET pushed_ms = ?', { repository, digest, atMs: pushedMs })
      moving.blobs += 1
    }
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.digest
  }
}

async function moveBlob(
  moving: Moving,
  { repository, digest, sizeBytes }: { repository: string; digest: Digest; sizeBytes: number },
): Promise<void> {
  const { from, to, totalBytes, onProgress } = moving
  const source = await from.metadata.blob(repository, digest)
  // Damaged or gone: the check of the source tells of it; what names it cannot be moved either.
  if (source === undefined) return
  for (;;) {
    const { kind, generation } = await to.metadata.placeToFill(digest)
    const store = to.blobs(generation)
    const isNew = kind === 'empty' || (await store.size(digest)) !== sizeBytes
    if (isNew) {
      if (kind === 'stored') await store.remove(digest) // Cut short: a write would find it there.
      await store.write(from.blobs(source.generation).read(digest), { digest, maxBytes: sizeBytes })
      moving.copiedBlobs += 1
      moving.copiedBytes += sizeBytes
      onProgress?.({ repository, copiedBytes: moving.copiedBytes, totalBytes })
    }
    const linked = await to.metadata.linkBlob(repository, { digest, sizeBytes, generation, isNew })
    if (linked.kind !== 'condemned') return
  }
}

interface MovedManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly pushedMs: number
  readonly pulledMs: number | null
  readonly bytes: Uint8Array
}

async function moveManifests(moving: Moving, id: number, repository: string): Promise<void> {
  const { from } = moving
  const tags = await rowsOf<{ name: string; digest: Digest; movedMs: number }>(
    from.metadata,
    'SELECT name, digest, moved_ms AS "movedMs" FROM tag WHERE repository = ?',
    [id],
  )
  const digests = await rowsOf<{ digest: Digest }>(
    from.metadata,
    'SELECT digest FROM manifest WHERE repository = ? ORDER BY pushed_ms, digest',
    [id],
  )
  for (const { digest } of digests) {
    cancellable(moving)
    const [row] = await rowsOf<MovedManifest>(
      from.metadata,
      `SELECT m.digest, m.media_type AS "mediaType", m.pushed_ms AS "pushedMs", c.bytes,
         p.pulled_ms AS "pulledMs"
       FROM manifest m JOIN content c ON c.digest = m.digest
       LEFT JOIN pull p ON p.repository = m.repository AND p.digest = m.digest
       WHERE m.repository = ? AND m.digest = ?`,
      [id, digest],
    )
    const named = tags.filter((tag) => tag.digest === digest)
    if (row !== undefined) await moveManifest(moving, repository, { row, tags: named })
  }
}

async function moveManifest(
  moving: Moving,
  repository: string,
  { row, tags }: { row: MovedManifest; tags: readonly { name: string; movedMs: number }[] },
): Promise<void> {
  const { to } = moving
  const { digest, mediaType, bytes } = row
  const parsed = parseManifest(bytes, mediaType, `Manifest ${digest} of ${repository}`)
  const { blobs, manifests } = namedBy(parsed)
  const record = {
    digest,
    mediaType,
    bytes,
    subject: subjectOf(parsed)?.digest,
    descriptor: referrerDescriptor(parsed, { digest, size: bytes.byteLength }),
  }
  const names = tags.map(({ name }) => name)
  const sizes = new Map<Digest, number>() // What the source holds is taken as it is.
  const put = { record, tags: names, names: manifests, sizes, replaces: undefined }
  const written = await to.metadata.putManifest(repository, { ...put, needs: blobs })
  // A cache has manifests whose blobs it has not fetched, and so may a damaged source.
  if (written.kind === 'missing')
    await to.metadata.putManifest(repository, {
      ...put,
      needs: [],
      names: [...blobs, ...manifests],
    })
  await setTime(moving, 'UPDATE manifest SET pushed_ms = ?', {
    repository,
    digest,
    atMs: row.pushedMs,
  })
  for (const { name, movedMs } of tags)
    await to.metadata.batch([
      {
        text: `UPDATE tag SET moved_ms = ?
          WHERE repository = (SELECT id FROM repository WHERE name = ?) AND name = ?`,
        values: [movedMs, repository, name],
      },
    ])
  if (row.pulledMs !== null)
    await to.metadata.recordPulls([{ repository, digest, atMs: row.pulledMs }])
  moving.manifests += 1
  moving.tags += tags.length
}

/** Times travel too: retention goes by them. */
async function setTime(
  { to }: Moving,
  update: string,
  { repository, digest, atMs }: { repository: string; digest: Digest; atMs: number },
): Promise<void> {
  const where = 'repository = (SELECT id FROM repository WHERE name = ?) AND digest = ?'
  await to.metadata.batch([
    { text: `${update} WHERE ${where}`, values: [atMs, repository, digest] },
  ])
}

function cancellable({ signal }: Moving): void {
  if (signal?.aborted === true)
    throw new AppError('kernel/cancelled', 'The move was cancelled; run it again to go on')
}
