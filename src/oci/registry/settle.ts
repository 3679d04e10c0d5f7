/**
 * How bytes that have arrived become a blob of a repository.
 *
 * Invariant: bytes are in place before they are linked, and a collection in between is outlived.
 * Bytes that may not be linked are let go of, unless they are somebody's by then.
 */
import { AppError, type Clock, type Digest } from '#kernel/index.ts'
import type { Budget } from './metadata/budget.ts'
import type { Storage } from './storage.ts'
import type { Arrived } from './uploads/contract.ts'

export interface Settling {
  readonly repository: string
  readonly digest: Digest
  readonly arrived: Arrived
  readonly budget?: Budget | undefined
  readonly clock: Clock
}

/** @throws AppError `oci/over-quota` */
export async function settled(storage: Storage, settling: Settling): Promise<void> {
  const { metadata, blobs, bucket } = storage
  const { repository, digest, arrived, budget } = settling
  const { sizeBytes } = arrived
  for (;;) {
    const place = await metadata.placeToFill(digest)
    const { generation } = place
    // A file is renamed over the old one, which mends it too; in a bucket a copy takes its time.
    const isNew =
      bucket === undefined ||
      place.kind === 'empty' ||
      (await blobs(generation).size(digest)) !== sizeBytes
    if (isNew) await arrived.storeIn(generation)
    const copy = { digest, sizeBytes, generation, isNew }
    const outcome = await metadata
      .linkBlob(repository, copy, budget)
      .catch(async (error: unknown) => {
        const isOver = error instanceof AppError && error.code === 'oci/over-quota'
        if (isOver && isNew) await letGo(storage, settling, generation)
        throw error
      })
    if (outcome.kind === 'elsewhere') await blobs(generation).remove(digest)
    if (outcome.kind !== 'condemned') return
  }
}

/** Removes bytes that nobody has; who is about to link them puts them elsewhere. */
async function letGo(
  { metadata, blobs }: Storage,
  { digest, clock }: Settling,
  generation: number,
): Promise<void> {
  const [, condemned = []] = await metadata.batch([
    {
      text: 'SELECT pg_advisory_xact_lock(hashtextextended(?, 0))',
      values: [digest],
      postgresOnly: true,
    },
    {
      text: `INSERT INTO tombstone (digest, generation, condemned_ms)
        SELECT CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT)
        WHERE NOT EXISTS (SELECT 1 FROM stored WHERE digest = ? AND generation = ?)
        ON CONFLICT DO NOTHING RETURNING digest`,
      values: [digest, generation, clock.nowMs(), digest, generation],
    },
  ])
  if (condemned.length > 0) await blobs(generation).remove(digest)
}
