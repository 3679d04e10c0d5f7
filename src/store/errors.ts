/**
 * The store's errors that are made in more than one place.
 *
 * Not here: what a code means to a shell (`#kernel`, catalogue/store.ts).
 */
import { AppError, type Digest, type ErrorCode } from '#kernel/index.ts'

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
    hints: ['Run the same command with access to the registry: what is missing is fetched.'],
    retryable: true,
  })
}

/** A layer that is refused: which one, what was found in it, and where. */
export function refused(code: ErrorCode, what: string, cause?: unknown): AppError {
  return new AppError(code, `The layer is refused: ${what}`, {
    hints: ['Nothing of it was kept. Ask who published it, or build the package yourself.'],
    ...(cause === undefined ? {} : { cause }),
  })
}

/** A name as it is shown in a message: quoted, bounded, control characters escaped. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name)
}
