/**
 * Packing a folder into a layer: `tar+zstd` in the zstd:chunked form, one frame a file.
 *
 * The plan is cut into pieces that workers read and compress in parallel; here they are put in
 * order, hashed (blob, tar, files that span pieces) and written. Equal folders give equal bytes.
 * Not here: the table of contents' bytes (`chunked.ts`), names that are refused (`safe-path.ts`).
 */
import { closeSync, fdatasync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Digest,
  type Digester,
  digester,
  type Emit,
  explained,
  silent,
  temporaryName,
  throwIfCancelled,
} from '#kernel/index.ts'
import { discard } from './discard.ts'
import { chunkedTail, type Compressed, layerMediaType } from './chunked.ts'
import { adoptBlob } from './disk-blobs.ts'
import type { PackAnswer } from './layer-jobs.ts'
import { askAny, workerCount } from './layer-pool.ts'
import { giveMemory, type PieceMemory, roomBytes, takeMemory } from './layer-memory.ts'
import { packedItems, padding, type Piece, pieces, walk } from './pack-plan.ts'
import { packRecords, type PackRecords } from './pack-records.ts'
import { defaultPrefix } from './safe-path.ts'
import type { Store } from './store.ts'
import { type PackedLayer, writeTreeText } from './tree.ts'

export interface PackOptions {
  /** The time of every entry, seconds since 1970. */
  readonly epochSeconds: number
  /** Where every path must be below; `usr/local` when absent, '' for anywhere. */
  readonly prefix?: string
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit | undefined
}

interface Running {
  readonly piece: Piece
  readonly memory: PieceMemory
  readonly answer: Promise<PackAnswer>
}

interface Output {
  readonly handle: number
  readonly blob: Digester
  readonly diff: Digester
  readonly records: PackRecords
  sizeBytes: number
  tarBytes: number
  syncedBytes: number
}

/** How many large pieces may be in flight for each worker, or small ones that take as much. */
const largePerWorker = 3
const syncEveryBytes = 8 * 1024 * 1024

/**
 * Packs `folder` (it holds usr/local/…) into a layer blob, durable on return.
 * @throws AppError `store/pack-special-file`, `store/pack-link-escape`, `store/pack-changed`,
 *   `store/layer-case-clash`, `kernel/no-space`, `kernel/cancelled`
 */
export async function packLayer(
  store: Store,
  folder: string,
  options: PackOptions,
): Promise<PackedLayer> {
  const path = temporaryName(join(store.home, 'tmp', 'layer'))
  let handle: number | undefined
  try {
    mkdirSync(join(store.home, 'tmp'), { recursive: true })
    handle = openSync(path, 'wx', 0o644)
    const output: Output = {
      handle,
      blob: digester(),
      diff: digester(),
      records: packRecords(options.epochSeconds),
      sizeBytes: 0,
      tarBytes: 0,
      syncedBytes: 0,
    }
    const { toc, split } = await packPieces(folder, options, output)
    const tail = chunkedTail(output.sizeBytes, toc, split)
    for (const part of tail.parts) writeOut(output, part)
    const digest = output.blob.digest()
    await adoptBlob(store.home, { handle, path }, digest)
    return finish(store, { digest, annotations: tail.annotations, output })
  } catch (error) {
    discard(path)
    throw explained(error, store.home)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

async function packPieces(
  folder: string,
  options: PackOptions,
  output: Output,
): Promise<{ readonly toc: Compressed; readonly split: Compressed }> {
  const { epochSeconds, signal, emit = silent } = options
  const running: Running[] = []
  let last: Piece | undefined
  let position = 0
  try {
    for (const piece of pieces(walk(folder, options.prefix ?? defaultPrefix))) {
      throwIfCancelled(signal, 'Packing')
      while (running.length > 0 && !fits(running, piece)) await settleFirst(running, output, emit)
      const memory = takeMemory(piece.room)
      const job = {
        kind: 'pack',
        folder,
        memory: memory.shared.id,
        leadBytes: piece.leadBytes,
        position,
        epochSeconds,
        ...packedItems(piece.items),
      } as const
      running.push({ piece, memory, answer: askAny(job, memory.shared) })
      if (piece.items.length > 0) last = piece
      for (const item of piece.items) if ((item.chunk?.offset ?? 0) === 0) position += 2
    }
    while (running.length > 0) await settleFirst(running, output, emit)
  } finally {
    await Promise.allSettled(running.map(({ answer }) => answer))
    for (const { memory } of running) giveMemory(memory)
  }
  const end = Buffer.alloc(padding(last?.items.at(-1)) + 1024)
  output.diff.update(end)
  writeOut(output, Bun.zstdCompressSync(end, { level: 1 }))
  return output.records.end(end, position)
}

/** Whether the memory of what is in flight and of one more piece is in bounds. */
function fits(running: readonly Running[], { room }: Piece): boolean {
  const heldBytes = running.reduce((sum, { piece }) => sum + roomBytes[piece.room], 0)
  const boundBytes = largePerWorker * workerCount() * roomBytes.large
  return heldBytes + roomBytes[room] <= boundBytes
}

async function settleFirst(running: Running[], output: Output, emit: Emit): Promise<void> {
  const first = running[0]
  if (first === undefined) return
  const answer = await first.answer
  const { shared, tar } = first.memory
  output.diff.update(tar.bytes.subarray(answer.tarStart, answer.tarEnd))
  output.records.add(first.piece, answer, tar, output.sizeBytes)
  writeOut(output, new Uint8Array(shared.out, 0, answer.outEnd))
  output.tarBytes += answer.tarEnd - answer.tarStart
  running.shift()
  giveMemory(first.memory)
  emit({ kind: 'progress', task: 'pack', done: output.tarBytes, unit: 'bytes' })
}

/** Writes and hashes; starts write-back early, so that the last sync finds little to do. */
function writeOut(output: Output, bytes: Uint8Array): void {
  output.blob.update(bytes)
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(output.handle, bytes, at)
  output.sizeBytes += bytes.byteLength
  if (output.sizeBytes - output.syncedBytes < syncEveryBytes) return
  output.syncedBytes = output.sizeBytes
  fdatasync(output.handle, () => undefined) // Its failure is reported by the sync that counts.
}

function finish(
  store: Store,
  made: {
    readonly digest: Digest
    readonly annotations: Record<string, string>
    readonly output: Output
  },
): PackedLayer {
  const { digest, annotations, output } = made
  const { sums, tree } = output.records
  const diffId = output.diff.digest()
  const fileList = writeTreeText(store, { layer: digest, diffId, text: tree }, 'packed')
  return {
    descriptor: { mediaType: layerMediaType, digest, size: output.sizeBytes, annotations },
    diffId,
    fileList,
    ...sums,
  }
}
