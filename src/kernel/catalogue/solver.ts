/** Error codes of the area `solver`. */
import type { ErrorMeaning } from './meaning.ts'

export const solverErrors = {
  'solver/bad-catalog': {
    exit: 1,
    status: 422,
    text: 'A catalog, the list of the builds of a package, cannot be read: it is damaged, was made by something else, or by a newer Backlot. `backlot catalog rebuild` makes it anew from the builds that the repository holds.',
  },
  'solver/too-many-options': {
    exit: 1,
    status: 422,
    text: 'Packages ask for so many different options of one package that not every combination was tried, and none of those tried fits. There may be an answer: name the options that are wanted in one requirement of the request, such as `openimageio[ffmpeg,openvdb]`.',
  },
} as const satisfies Record<`solver/${string}`, ErrorMeaning>
