/**
 * Writes that take what arrived as it is: several chunks in one system call, hashed in passing.
 *
 * For uploads that are small or may be, where a thread and a file handle more would cost more than
 * they save. Invariant: that of `file-writes.ts`.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Digester } from '#kernel/index.ts'
import { earlySync, type Sink, type Writer, writeFully } from './file-writes.ts'

const writeBytes = 1024 * 1024
/** What one upload holds in memory while the disk is slower than the network. */
const heldBytesMax = 8 * 1024 * 1024
/** The system takes 1,024 pieces at once. */
const piecesMax = 512

export interface Queueing {
  readonly file: FileHandle
  readonly start: number
  readonly writer: Writer
  /** The running hash, of exactly what is before `start`. */
  readonly hasher: Digester | undefined
}

export function writeQueue({ file, start, writer, hasher }: Queueing): Sink {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let running: Promise<void> | undefined
  let failure: { readonly error: unknown } | undefined
  let at = start
  const early = earlySync(file, start)
  const write = async (): Promise<void> => {
    const pieces = held.length > piecesMax ? [Buffer.concat(held)] : held
    const sizeBytes = heldBytes
    held = []
    heldBytes = 0
    try {
      await writeFully(file, pieces, at)
      at += sizeBytes
    } catch (error) {
      failure = { error }
    }
    running = undefined
    early.wrote(at)
    if (heldBytes >= writeBytes && failure === undefined && !writer.stopped) begin()
  }
  const begin = () => {
    running = write()
    writer.flushing = running
  }
  const current = () => running
  const settled = async () => {
    for (let now = current(); now !== undefined; now = current()) await now
  }
  const orThrow = () => {
    if (failure !== undefined) throw failure.error
  }
  return {
    push: async (chunk) => {
      hasher?.update(chunk)
      held.push(chunk)
      heldBytes += chunk.byteLength
      if (heldBytes >= writeBytes && running === undefined) begin()
      const isFull = () => heldBytes >= heldBytesMax
      for (let now = current(); now !== undefined && isFull(); now = current()) await now
      orThrow()
    },
    end: async () => {
      await settled()
      if (heldBytes > 0 && !writer.stopped && failure === undefined) begin()
      await settled()
      await early.done()
      orThrow()
      return { writtenBytes: at, hashed: hasher !== undefined }
    },
  }
}
