/** Error codes of the area `model`. */
import type { ErrorMeaning } from './meaning.ts'

export const modelErrors = {} as const satisfies Record<`model/${string}`, ErrorMeaning>
