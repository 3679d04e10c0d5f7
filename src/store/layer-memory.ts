/**
 * Memory for the pieces of layers that are packed or unpacked, shared with the workers and kept.
 *
 * Invariant: memory is free only when no worker is at a job that names it.
 */
import { type Aligned, aligned } from './aligned.ts'
import type { LayerMemory } from './layer-jobs.ts'

/** Bytes of tar in a piece of several files: small, so that workers end at about the same time. */
export const pieceBytesMax = 1024 * 1024
/** Bytes of a chunk of a big file, and of the largest file that is not split. */
export const chunkBytesMax = 4 * 1024 * 1024

/** A piece is of several files, or of a single large one beside its headers. */
export type Room = 'small' | 'large'

/** Bytes of tar that there is room for: zeros before, and a byte that tells that a file grew. */
export const roomBytes: Readonly<Record<Room, number>> = {
  small: pieceBytesMax + 1024,
  large: chunkBytesMax + 1024 * 1024,
}

/** Memory, and our own way to look at the tar in it. */
export interface PieceMemory {
  readonly shared: LayerMemory
  readonly room: Room
  readonly tar: Aligned
}

const free: Readonly<Record<Room, PieceMemory[]>> = { small: [], large: [] }
let lastId = 0

/** Memory that nobody uses. */
export function takeMemory(room: Room): PieceMemory {
  const kept = free[room].pop()
  if (kept !== undefined) return kept
  lastId += 1
  const tar = new SharedArrayBuffer(roomBytes[room])
  const out = new SharedArrayBuffer(roomBytes[room] + 512 * 1024)
  return { shared: { id: lastId, tar, out }, room, tar: aligned(tar) }
}

/** Gives memory back; the workers are done with it. */
export function giveMemory(memory: PieceMemory): void {
  free[memory.room].push(memory)
}
