/** Error codes of the area `image`. */
import type { ErrorMeaning } from './meaning.ts'

export const imageErrors = {} as const satisfies Record<`image/${string}`, ErrorMeaning>
