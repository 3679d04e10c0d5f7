/** An unsolvable request as an error, where a command cannot go on without an answer. */
import { AppError } from '#kernel/index.ts'
import type { Unsolvable } from './results.ts'

export function unsolvableError(why: Unsolvable): AppError {
  return new AppError('cli/unsolvable', why.sentences.join('\n'), { hints: why.hints })
}
