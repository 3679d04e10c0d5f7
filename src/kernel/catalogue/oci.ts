/** Error codes of the area `oci`. */
import type { ErrorMeaning } from './meaning.ts'

export const ociErrors = {} as const satisfies Record<`oci/${string}`, ErrorMeaning>
