/**
 * Bytes of one request on their way into an upload's file.
 *
 * Invariant: one write at a time and in order, so that a crash leaves no hole; once its writer was
 * stopped, no further write begins. Two ways: `write-queue.ts` for what may be small,
 * `write-lane.ts` for what is large.
 */
import type { FileHandle } from 'node:fs/promises'

/** So much is written before the disk is told to begin. */
const syncBytes = 32 * 1024 * 1024

/** A request that adds bytes. Once stopped it writes no more; `flushing` is its last write. */
export interface Writer {
  stopped: boolean
  flushing: Promise<void>
}

export interface Sink {
  /** Waits while too much is held. The chunk may be kept. @throws what a write failed with */
  push(chunk: Uint8Array): Promise<void>
  /** Writes what is left, unless the writer was stopped. @throws what a write failed with */
  end(): Promise<Ended>
}

export interface Ended {
  /** How far the file goes now. */
  readonly writtenBytes: number
  /** Whether the running hash has all that was pushed. */
  readonly hashed: boolean
}

/** Writes all pieces, one after the other. */
export async function writeFully(
  file: FileHandle,
  pieces: readonly Uint8Array[],
  position: number,
): Promise<void> {
  const total = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)
  let { bytesWritten: done } = await file.writev([...pieces], position)
  if (done === total) return
  const bytes = Buffer.concat(pieces)
  while (done < total) {
    const { bytesWritten } = await file.write(bytes, done, total - done, position + done)
    done += bytesWritten
  }
}

/** Brings a file to the disk while it grows, so that the sync at its end has little left to do. */
export interface EarlySync {
  wrote(at: number): void
  done(): Promise<void>
}

export function earlySync(file: FileHandle, start: number): EarlySync {
  let syncedBytes = start
  let running: Promise<void> | undefined
  const ended = () => {
    running = undefined
  }
  return {
    wrote: (at) => {
      if (running !== undefined || at - syncedBytes < syncBytes) return
      syncedBytes = at
      // Whether it worked is told by the sync at the end.
      running = file.datasync().then(ended, ended)
    },
    done: async () => await running,
  }
}
