/**
 * Text as a zstd frame.
 *
 * Texts of one kind have like sizes, so each thread encodes them into one buffer that it keeps:
 * memory that comes and goes by the half megabyte goes back to the system each time.
 */
import { type Compressor, frameBytesMax } from './compressor.ts'

/** A zstd frame and what it holds. */
export interface TextFrame {
  readonly frame: Uint8Array
  readonly uncompressedBytes: number
}

let text = Buffer.alloc(0)
let frame = Buffer.alloc(frameBytesMax(0))

/** Compresses text as UTF-8. */
export function textFrame(content: string, compress: Compressor): TextFrame {
  if (text.byteLength < content.length * 3) {
    text = Buffer.allocUnsafeSlow(content.length * 3)
    frame = Buffer.allocUnsafeSlow(frameBytesMax(content.length * 3))
  }
  const uncompressedBytes = text.write(content)
  const end = compress(text, { start: 0, end: uncompressedBytes }, frame, 0)
  return { frame: new Uint8Array(frame.subarray(0, end)), uncompressedBytes }
}
