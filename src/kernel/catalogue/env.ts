/** Error codes of the area `env`. */
import type { ErrorMeaning } from './meaning.ts'

export const envErrors = {} as const satisfies Record<`env/${string}`, ErrorMeaning>
