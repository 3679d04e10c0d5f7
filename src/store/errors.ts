/**
 * The store's errors that are made in more than one place.
 *
 * Not here: what a code means to a shell (`#kernel`, catalogue/store.ts).
 */
import { AppError, type Digest } from '#kernel/index.ts'

/** Bytes that do not hash to their name. */
export function digestMismatch(source: string, wanted: Digest, actual: Digest): AppError {
  return new AppError('store/digest-mismatch', `${source} has digest ${actual}, not ${wanted}`, {
    hints: ['The bytes may be cut short. Run `backlot store verify --repair`, then retry.'],
    retryable: true,
  })
}

/** A blob that is not there. */
export function blobUnknown(digest: Digest): AppError {
  return new AppError('store/blob-unknown', `The store has no blob ${digest}`, {
    hints: ['Run `backlot lock` or `backlot install` again: what is missing is fetched.'],
    retryable: true,
  })
}
