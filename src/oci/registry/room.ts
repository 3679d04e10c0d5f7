/**
 * Room on the disk that only deleting and collecting may use: a registry that was filled to the
 * last byte by pushes could write down no deletion, and so never free a byte again.
 *
 * Invariant: nothing is added while less than the reserve is left. Not here: quotas (`access/`).
 */
import { statfsSync } from 'node:fs'
import { AppError } from '#kernel/index.ts'

const reserveBytesMax = 64 * 1024 * 1024
/** Of a small disk, this part. */
const reserveShare = 1 / 32

export interface Room {
  /**
   * Whether so many bytes more may be added.
   * @throws AppError `kernel/no-space`
   */
  check(sizeBytes?: number): void
}

/** Where nothing lies on a disk of ours. */
export const unbounded: Room = { check: () => undefined }

/** The room in a folder. A file system that does not tell how large it is has enough. */
export function roomIn(dir: string): Room {
  return {
    check: (sizeBytes = 0) => {
      const { blocks, bavail, bsize } = statfsSync(dir)
      const reserveBytes = Math.min(reserveBytesMax, Math.floor(blocks * bsize * reserveShare))
      if (blocks === 0 || bavail * bsize - sizeBytes >= reserveBytes) return
      throw new AppError(
        'kernel/no-space',
        `Only ${bavail * bsize} bytes are left in ${dir}, of which ${reserveBytes} are kept for deleting`,
        {
          hints: ['Delete what is not needed, then run `backlot registry gc`; or add space.'],
          retryable: true,
        },
      )
    },
  }
}
