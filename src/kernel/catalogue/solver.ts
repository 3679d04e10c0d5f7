/** Error codes of the area `solver`. */
import type { ErrorMeaning } from './meaning.ts'

export const solverErrors = {
  'solver/bad-catalog': {
    exit: 1,
    status: 422,
    text: 'A catalog, the list of the builds of a package, cannot be read: it is damaged, was made by something else, or by a newer Backlot. `backlot catalog rebuild` makes it anew from the builds that the repository holds.',
  },
} as const satisfies Record<`solver/${string}`, ErrorMeaning>
