/**
 * Blobs that a bucket turns out to have lost or damaged while somebody reads them.
 *
 * Invariant: from then on they do not answer, as after a check, so that a client that looks first
 * pushes them again. What was stored just now is left alone: a bucket with several places may not
 * have it everywhere yet. Not here: files, of which every question sees whether they are there.
 */
import { AppError, type Bytes, type Clock, type Digest } from '#kernel/index.ts'
import type { Storage } from './storage.ts'

const settledMs = 600_000

interface Read {
  readonly digest: Digest
  readonly generation: number
  readonly bytes: Bytes
  readonly clock: Clock
}

/** The bytes as they come. @throws AppError `store/blob-unknown`, `store/digest-mismatch` */
export async function* lossNoted(
  { metadata }: Pick<Storage, 'metadata'>,
  { digest, generation, bytes, clock }: Read,
): Bytes {
  try {
    yield* bytes
  } catch (error) {
    if (isLoss(error)) {
      const nowMs = clock.nowMs()
      const text = `UPDATE stored SET damaged_ms = CAST(? AS BIGINT) WHERE digest = ?
        AND generation = ? AND damaged_ms IS NULL AND stored_ms < ?`
      await metadata.batch([{ text, values: [nowMs, digest, generation, nowMs - settledMs] }])
    }
    throw error
  }
}

function isLoss(error: unknown): boolean {
  return (
    error instanceof AppError &&
    (error.code === 'store/blob-unknown' || error.code === 'store/digest-mismatch')
  )
}
