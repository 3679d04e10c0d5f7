/**
 * Every error code with its exit code, HTTP status and paragraph; docs/errors.md is made from it.
 *
 * Codes are `area/what`. Exit code 1: the answer is no, or the work failed; 2: wrong use or input.
 */
import { buildErrors } from './build.ts'
import { cliErrors } from './cli.ts'
import { envErrors } from './env.ts'
import { imageErrors } from './image.ts'
import { interopErrors } from './interop.ts'
import { kernelErrors } from './kernel.ts'
import type { ErrorMeaning } from './meaning.ts'
import { modelErrors } from './model.ts'
import { ociErrors } from './oci.ts'
import { solverErrors } from './solver.ts'
import { storeErrors } from './store.ts'

export const errorCatalogue = {
  ...kernelErrors,
  ...modelErrors,
  ...solverErrors,
  ...storeErrors,
  ...ociErrors,
  ...envErrors,
  ...buildErrors,
  ...imageErrors,
  ...interopErrors,
  ...cliErrors,
} as const satisfies Record<string, ErrorMeaning>

export type ErrorCode = keyof typeof errorCatalogue
export type { ErrorMeaning } from './meaning.ts'
