/** Error codes of the area `store`. */
import type { ErrorMeaning } from './meaning.ts'

export const storeErrors = {} as const satisfies Record<`store/${string}`, ErrorMeaning>
