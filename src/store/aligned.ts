/** Memory that can be read four bytes at a time, where an offset is a multiple of four. */

export interface Aligned {
  readonly bytes: Buffer
  readonly words: Uint32Array
}

/** Where bytes are: `[start, end)`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Both ways to look at a buffer; at most three bytes at its end belong to no word. */
export function aligned(memory: ArrayBufferLike): Aligned {
  return { bytes: Buffer.from(memory), words: new Uint32Array(memory, 0, memory.byteLength >>> 2) }
}
