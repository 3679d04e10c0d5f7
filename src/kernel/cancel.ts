/** Cancelling work that runs in this process: one error, whatever the reason of the signal was. */
import { AppError } from './errors.ts'

/** @throws AppError `kernel/cancelled` when the signal was aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined, work: string): void {
  if (signal?.aborted) throw cancelled(work)
}

export function cancelled(work: string): AppError {
  return new AppError('kernel/cancelled', `${work} was cancelled`)
}
