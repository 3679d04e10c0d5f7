/** Error codes of the area `solver`. */
import type { ErrorMeaning } from './meaning.ts'

export const solverErrors = {} as const satisfies Record<`solver/${string}`, ErrorMeaning>
