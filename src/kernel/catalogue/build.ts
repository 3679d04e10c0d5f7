/** Error codes of the area `build`. */
import type { ErrorMeaning } from './meaning.ts'

export const buildErrors = {} as const satisfies Record<`build/${string}`, ErrorMeaning>
