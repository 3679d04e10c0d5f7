/**
 * Writes past the page cache, from memory that is used again, while another thread hashes.
 *
 * A gigabyte in the page cache costs more than receiving and hashing it: each of its pages is
 * found, cleared and written back, and pushes out what others read. So what is large goes from a
 * few blocks of memory straight to the disk (O_DIRECT), whole file system blocks at a time; what is
 * before the first and after the last whole block goes the usual way, as everything does where the
 * file system refuses. Invariant: that of `file-writes.ts`. There are a few lanes; who finds none
 * uses a queue.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { systemCode, type ThreadDigester } from '#kernel/index.ts'
import { earlySync, type Sink, type Writer, writeFully } from './file-writes.ts'

/** No file system that we know wants more; one that does refuses, and gets the usual writes. */
const blockBytes = 4096
const slotBytes = 1024 * 1024
const slotsInLane = 4
const lanesMax = 8
const idleLanesMax = 2

type Slot = Uint8Array<SharedArrayBuffer>

/** Memory of one large upload. */
export interface Lane {
  readonly slots: readonly Slot[]
}

const idleLanes: Lane[] = []
let busyLanes = 0

/** A lane to give to `writeLane` or back; undefined when all are in use. */
export function takeLane(): Lane | undefined {
  if (busyLanes >= lanesMax) return undefined
  busyLanes += 1
  return idleLanes.pop() ?? newLane()
}

export function giveBack(lane: Lane): void {
  busyLanes -= 1
  if (idleLanes.length < idleLanesMax) idleLanes.push(lane)
}

/** Memory this large begins at a page. */
function newLane(): Lane {
  const memory = new SharedArrayBuffer(slotsInLane * slotBytes)
  const slots = Array.from(
    { length: slotsInLane },
    (_, index) => new Uint8Array(memory, index * slotBytes, slotBytes),
  )
  return { slots }
}

export interface Laning {
  readonly path: string
  readonly file: FileHandle
  readonly start: number
  readonly writer: Writer
  /** The running hash, of exactly what is before `start`. */
  readonly hasher: ThreadDigester | undefined
}

/** Has the lane until its `end`, which gives it back. */
export async function writeLane(lane: Lane, laning: Laning): Promise<Sink> {
  const { file, start, writer, hasher } = laning
  const target: Target = { file, direct: await openDirect(laning.path) }
  const early = earlySync(file, start)
  const free = [...lane.slots]
  const running: Promise<Slot>[] = []
  let hashed = hasher !== undefined
  let failure: { readonly error: unknown } | undefined
  let written = start
  // A slot lies as its bytes will lie in the file: at the same distance from a block's beginning.
  let from = start % blockBytes
  let fill = from
  let slot = free.pop()
  let position = start
  let last = Promise.resolve()
  const write = async (bytes: Slot, at: number): Promise<void> => {
    if (writer.stopped || failure !== undefined) return
    try {
      await writeBlocks(target, bytes, at)
      written = at + bytes.byteLength
      if (target.direct === undefined) early.wrote(written)
    } catch (error) {
      failure = { error }
    }
  }
  const hash = async (bytes: Slot): Promise<void> => {
    try {
      await hasher?.update(bytes)
    } catch {
      hashed = false // The upload is read again when it is finished.
    }
  }
  const send = (full: Slot) => {
    const bytes = full.subarray(from, fill)
    const at = position
    last = last.then(() => write(bytes, at))
    writer.flushing = last
    running.push(Promise.all([last, hash(bytes)]).then(() => full))
    position += bytes.byteLength
    from = 0
    fill = 0
    slot = undefined
  }
  const orThrow = () => {
    if (failure !== undefined) throw failure.error
  }
  return {
    push: async (chunk) => {
      for (let done = 0; done < chunk.byteLength; ) {
        slot ??= free.pop() ?? (await running.shift())
        if (slot === undefined) throw new TypeError('A lane lost its slots')
        const part = chunk.subarray(done, done + slot.byteLength - fill)
        slot.set(part, fill)
        fill += part.byteLength
        done += part.byteLength
        if (fill === slot.byteLength) send(slot)
      }
      orThrow()
    },
    end: async () => {
      if (slot !== undefined && fill > from) send(slot)
      await Promise.all(running)
      await early.done()
      giveBack(lane)
      await target.direct?.close()
      orThrow()
      return { writtenBytes: written, hashed }
    },
  }
}

interface Target {
  readonly file: FileHandle
  /** Undefined where the file system knows only the page cache. */
  direct: FileHandle | undefined
}

/** Other systems have other ways to ask for it, or none. */
async function openDirect(path: string): Promise<FileHandle | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    return await open(path, constants.O_RDWR | constants.O_DIRECT)
  } catch {
    return undefined
  }
}

async function writeBlocks(target: Target, bytes: Slot, at: number): Promise<void> {
  const { file } = target
  const head = Math.min((blockBytes - (at % blockBytes)) % blockBytes, bytes.byteLength)
  const blocks = Math.floor((bytes.byteLength - head) / blockBytes) * blockBytes
  if (head > 0) await writeFully(file, [bytes.subarray(0, head)], at)
  const done = head + (blocks > 0 ? await writeDirectly(target, bytes, { at, head, blocks }) : 0)
  if (done < bytes.byteLength) await writeFully(file, [bytes.subarray(done)], at + done)
}

/** How many of the bytes in whole blocks were written; all, but on a full disk. */
async function writeDirectly(
  target: Target,
  bytes: Slot,
  { at, head, blocks }: { readonly at: number; readonly head: number; readonly blocks: number },
): Promise<number> {
  const { direct } = target
  if (direct === undefined) return 0
  try {
    return (await direct.write(bytes, head, blocks, at + head)).bytesWritten
  } catch (error) {
    if (systemCode(error) !== 'EINVAL') throw error
    target.direct = undefined
    await direct.close()
    return 0
  }
}
