/**
 * What the store's workers are asked and what they answer.
 *
 * Invariant: a job carries everything it needs; only `write` keeps state between jobs (a file that
 * is longer than one segment), and its jobs for one session go to a worker in order.
 */
import type { TextFrame } from './text-frame.ts'

/** One thing to pack. `chunk` is set for a file that is split: which part this is. */
export interface PackItem {
  readonly type: 'dir' | 'symlink' | 'file'
  readonly path: string
  readonly target?: string
  readonly size: number
  readonly executable?: boolean
  readonly chunk?: { readonly offset: number; readonly size: number }
}

/**
 * Memory that the asker and all workers share, for a piece of a tar and for its frames. Jobs name
 * it by its number; a worker is told of it with the first of them.
 */
export interface LayerMemory {
  readonly id: number
  readonly tar: SharedArrayBuffer
  readonly out: SharedArrayBuffer
}

/** Packs items into a piece of the layer. */
export interface PackJob {
  readonly kind: 'pack'
  readonly folder: string
  readonly memory: number
  /** Zeros that end the file before this piece. */
  readonly leadBytes: number
  /** Number of the first tar-split record. */
  readonly position: number
  readonly epochSeconds: number
  /** Path and target of each item, with NULs between: thousands of objects are slow to send. */
  readonly names: string
  /** Kind and size of each item, flat. */
  readonly numbers: Float64Array
  /** Which part of its only item this is. */
  readonly chunk: PackItem['chunk']
}

/** Kinds of items in `PackJob.numbers`. */
export const packKinds = { dir: 0, symlink: 1, file: 2, executable: 3 } as const

export interface PackAnswer {
  /** The piece of the tar is `tar[tarStart, tarEnd)`, its frames are `out[0, outEnd)`. */
  readonly tarStart: number
  readonly tarEnd: number
  readonly outEnd: number
  /** For each item with bytes, in order: start and end of its frame in `out`. */
  readonly frames: Uint32Array
  /** Hexadecimal SHA-256 of each item with bytes, in order, joined; empty for a chunk. */
  readonly digests: string
  /** Tar-split records. */
  readonly split: TextFrame
}

/** Decompresses whole zstd frames whose headers promise `outBytes`, to the tar of its memory. */
export interface InflateJob {
  readonly kind: 'inflate'
  readonly memory: number
  readonly path: string
  readonly start: number
  readonly end: number
  readonly outBytes: number
}

/** Flags of a part of a file inside a segment. */
export const partFlags = { begins: 1, ends: 2, executable: 4 } as const

/** Hashes files and writes those that the store lacks to the session's temporary folder. */
export interface WriteJob {
  readonly kind: 'write'
  readonly session: string
  /** The session's temporary folder, shared by all workers. */
  readonly temporary: string
  readonly files: string
  /** Number of the worker. */
  readonly writer: number
  /** A segment of the tar, in shared memory or in its own, which goes over to the worker. */
  readonly segment: number | Uint8Array<ArrayBuffer>
  /** Start, end and flags of each part of a file, flat: thousands of objects are slow to send. */
  readonly parts: Int32Array
}

export interface WriteAnswer {
  /** Hexadecimal SHA-256 of each file that ended, in order, joined. */
  readonly digests: string
}

/** Gives a session's files their names; all of them are known to be wanted. */
export interface PublishJob {
  readonly kind: 'publish'
  readonly temporary: string
  readonly files: string
}

/** Forgets a session; its temporary folder is the asker's to remove. */
export interface DropJob {
  readonly kind: 'drop'
  readonly session: string
}

/** Makes hard links: pairs of source and name, each followed by a line feed. */
export interface LinkJob {
  readonly kind: 'link'
  readonly from: string
  readonly to: string
  readonly pairs: string
}

export type LayerJob = PackJob | InflateJob | WriteJob | PublishJob | DropJob | LinkJob

export interface Answers {
  readonly pack: PackAnswer
  readonly inflate: null
  readonly write: WriteAnswer
  readonly publish: null
  readonly drop: null
  /** Sources that were not there: the tree promised them, the file store lost them. */
  readonly link: { readonly missing: number }
}

/** An error on its way between threads. */
export interface JobFailure {
  readonly code: string
  readonly message: string
  /** The code is one of our catalogue, else one of the system's. */
  readonly ours: boolean
}
