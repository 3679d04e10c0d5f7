/** Error codes of the area `store`. */
import type { ErrorMeaning } from './meaning.ts'

export const storeErrors = {
  'store/digest-mismatch': {
    exit: 1,
    status: 400,
    text: 'Bytes do not hash to the name they were asked for under. They were cut short or changed on the way or on the disk; nothing was published. `backlot store verify --repair` moves damaged blobs away so that they are fetched again.',
  },
  'store/blob-unknown': {
    exit: 1,
    status: 404,
    text: 'A blob was asked for that is not in this store.',
  },
} as const satisfies Record<`store/${string}`, ErrorMeaning>
