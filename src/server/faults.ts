/**
 * Failures that an operator hears of: ours, those of upstreams, blobs that are lost.
 *
 * Invariant: the same is told once a minute, as a failure of an upstream or of a disk meets every
 * client; what is remembered for that is bounded. Not here: what clients are told (`problems.ts`).
 */
import {
  AppError,
  type Clock,
  type Emit,
  type ErrorCode,
  meaningOf,
  messageOf,
} from '#kernel/index.ts'

const againMs = 60_000
const textsMax = 1000

/** What is to be called with each failure of a request that has somebody waiting for its answer. */
export type TellFault = (method: string, error: unknown) => void

export function toldFaults(emit: Emit, clock: Clock): TellFault {
  const silentUntilMs = new Map<string, number>()
  return (method, error) => {
    if (error instanceof AppError && !isNews(error.code)) return
    const text = `${method} failed: ${messageOf(error)}`
    const nowMs = clock.nowMs()
    if (nowMs < (silentUntilMs.get(text) ?? nowMs)) return
    silentUntilMs.delete(text)
    const [oldest] = silentUntilMs.keys()
    if (silentUntilMs.size >= textsMax && oldest !== undefined) silentUntilMs.delete(oldest)
    silentUntilMs.set(text, nowMs + againMs)
    emit({ kind: 'warning', text, hints: hintsOf(error) })
  }
}

/** A blob that is lost is a 404 for its client, and news for the operator. */
function isNews(code: ErrorCode): boolean {
  return meaningOf(code).status >= 500 || code.startsWith('store/')
}

/** What to do about it, where that is in the configuration. */
function hintsOf(error: unknown): readonly string[] {
  const cause = error instanceof AppError ? error.cause : undefined
  return cause instanceof AppError && cause.code === 'oci/private-address' ? cause.hints : []
}
