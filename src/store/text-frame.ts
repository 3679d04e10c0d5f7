/**
 * Text as a zstd frame.
 *
 * Texts of one kind have like sizes, so each thread encodes them into one buffer that it keeps:
 * memory that comes and goes by the half megabyte goes back to the system each time.
 */

/** A zstd frame and what it holds. */
export interface TextFrame {
  readonly frame: Uint8Array
  readonly uncompressedBytes: number
}

let scratch = Buffer.alloc(0)

/** Compresses text as UTF-8. */
export function textFrame(text: string, level: number): TextFrame {
  if (scratch.byteLength < text.length * 3) scratch = Buffer.allocUnsafeSlow(text.length * 3)
  const uncompressedBytes = scratch.write(text)
  const frame = Bun.zstdCompressSync(scratch.subarray(0, uncompressedBytes), { level })
  return { frame, uncompressedBytes }
}
