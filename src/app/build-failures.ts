/**
 * What went wrong in a graph of builds, as one error.
 *
 * Invariant: every failure is told, with what leads to its log and its sandbox; a cancellation is
 * told alone, because the rest follows from it.
 */
import type { GraphOutcome } from '#build/index.ts'
import { AppError } from '#kernel/index.ts'

/** The error that stands for all failures; undefined when there is none. Code: the first one's. */
export function failureOf(outcomes: ReadonlyMap<string, GraphOutcome>): Error | undefined {
  const errors = [...outcomes.values()].flatMap((one) =>
    one.kind !== 'failed'
      ? []
      : one.error instanceof Error
        ? one.error
        : new Error(String(one.error)),
  )
  const known = errors.filter((error) => error instanceof AppError)
  const alone =
    errors.find((error) => !(error instanceof AppError)) ??
    known.find(({ code }) => code === 'kernel/cancelled')
  const [first] = known
  if (alone !== undefined || first === undefined) return alone
  const skipped = [...outcomes].flatMap(([name, { kind }]) => (kind === 'skipped' ? name : []))
  if (known.length === 1 && skipped.length === 0) return first
  const untried = skipped.length === 0 ? [] : [`Not tried, as they need it: ${skipped.join(', ')}`]
  const message = [...known.map((error) => error.message), ...untried].join('\n\n')
  return new AppError(first.code, message, {
    hints: [...new Set(known.flatMap((error) => error.hints))],
    retryable: known.every((error) => error.retryable),
    cause: first,
  })
}
