/** Error codes of the area `image`. */
import type { ErrorMeaning } from './meaning.ts'

export const imageErrors = {
  'image/too-many-layers': {
    exit: 1,
    status: 400,
    text: 'The base image has so many layers that no room is left for the environment under the limit of 127 layers that container engines run.',
  },
  'image/bad-base': {
    exit: 1,
    status: 400,
    text: 'The base is not an image of the wanted target: its manifest or configuration cannot be read, or it is made for another operating system or processor.',
  },
  'image/bad-setting': {
    exit: 2,
    status: 400,
    text: 'A label, variable, user or folder of the image is not well formed.',
  },
} as const satisfies Record<`image/${string}`, ErrorMeaning>
