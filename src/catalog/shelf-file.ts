/**
 * Shelves as files, which are memories only: a missing or damaged one is none, and where the
 * folder is read-only or the disk is full, nothing is remembered.
 */
import { limits, readIfPresent, rememberFile } from '#kernel/index.ts'
import { decodeShelf, encodeShelf, type Shelf } from './shelf.ts'

export function readShelf(path: string): Shelf | undefined {
  const bytes = readIfPresent(path)
  if (bytes === undefined || bytes.byteLength > limits.catalogBytesMax) return undefined
  return decodeShelf(bytes)
}

export function writeShelf(path: string, shelf: Shelf): void {
  rememberFile(path, encodeShelf(shelf))
}
