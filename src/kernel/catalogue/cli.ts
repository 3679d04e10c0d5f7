/** Error codes of the area `cli`. */
import type { ErrorMeaning } from './meaning.ts'

export const cliErrors = {} as const satisfies Record<`cli/${string}`, ErrorMeaning>
