/**
 * The one error type, and what every code means to a shell and to an HTTP client.
 *
 * Invariant: a code is in the catalogue of its area, is never reused, and never changes meaning.
 * Expected outcomes (unsolvable, cache miss, denied) are unions, not errors.
 * Not here: rendering (`#cli`, `#server`).
 */
import { type ErrorCode, type ErrorMeaning, errorCatalogue } from './catalogue/index.ts'

export interface ErrorDetails {
  /** What to do next, one sentence each, most likely first. */
  readonly hints?: readonly string[]
  /** Whether the same call may succeed later without a change by the user. */
  readonly retryable?: boolean
  readonly cause?: unknown
}

/** A failure with a code, a sentence (what was got, what was wanted, where) and hints. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly hints: readonly string[]
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(redact(message), details.cause === undefined ? {} : { cause: details.cause })
    this.name = 'AppError'
    this.code = code
    this.hints = (details.hints ?? []).map(redact)
    this.retryable = details.retryable ?? false
  }
}

/** What a code means: its exit code, HTTP status and paragraph in docs/errors.md. */
export function meaningOf(code: ErrorCode): ErrorMeaning {
  return errorCatalogue[code]
}

const secretPatterns: readonly (readonly [RegExp, string])[] = [
  [/(authorization:\s*(?:bearer|basic)\s+)\S+/gi, '$1***'],
  [/(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/-]{12,}=*/gi, '$1***'],
  [/(\/\/[^/\s:@]+:)[^/\s@]+@/g, '$1***@'],
  [/([?&](?:token|access_token|sig|signature|password|x-amz-[a-z-]+)=)[^&\s]+/gi, '$1***'],
]

/** The text with credentials in headers, URLs and query strings replaced by `***`. */
export function redact(text: string): string {
  return secretPatterns.reduce((left, [pattern, to]) => left.replace(pattern, to), text)
}

/**
 * Fails loudly when an invariant of this program does not hold; never for bad input.
 * @throws TypeError with the broken invariant.
 */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new TypeError(`Broken invariant: ${invariant}. Please report this.`)
}

/** Advice of the runtime to who calls its functions, which is nothing to who runs this program. */
const runtimeAdvice = / (?:For more information, pass `verbose: true`.*|Is the computer able .*)$/

/** What a thrown value says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(runtimeAdvice, '') : String(error)
}

/** The system's error code (`ENOENT`, `ENOSPC`, …) of a thrown value, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
