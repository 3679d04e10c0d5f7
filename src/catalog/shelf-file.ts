/**
 * Shelves as files, which are memories only: a missing or damaged one is none, and where the
 * folder is read-only or the disk is full, nothing is remembered.
 */
import { AppError, limits, readIfPresent, writeFileAtomic } from '#kernel/index.ts'
import { decodeShelf, encodeShelf, type Shelf } from './shelf.ts'

export function readShelf(path: string): Shelf | undefined {
  const bytes = readIfPresent(path)
  if (bytes === undefined || bytes.byteLength > limits.catalogBytesMax) return undefined
  return decodeShelf(bytes)
}

export function writeShelf(path: string, shelf: Shelf): void {
  try {
    writeFileAtomic(path, encodeShelf(shelf))
  } catch (error) {
    const excused = ['kernel/read-only', 'kernel/no-space']
    if (!(error instanceof AppError) || !excused.includes(error.code)) throw error
  }
}
