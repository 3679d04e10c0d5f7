/**
 * Answers of registries that are not the wanted ones, as errors with hints.
 *
 * Invariant: at most `errorBodyBytesMax` bytes of such an answer are read.
 */
import { AppError, type ErrorCode, limits } from '#kernel/index.ts'

/** What was asked, in words, for messages: `pull blob sha256:… of ghcr.io/org/name`. */
export interface Question {
  readonly registry: string
  readonly what: string
}

/** The error that an unexpected answer means; its body is read and let go. */
export async function failure(response: Response, question: Question): Promise<AppError> {
  const words = await ownWords(response)
  const said = words === '' ? '' : `: ${words}`
  const message = `${question.registry} answered ${response.status} to «${question.what}»${said}`
  const { code, hints, retryable } = meaning(response.status, question.registry)
  return new AppError(code, message, { hints, retryable })
}

/** Lets go of an answer that is not read; a short body is read so that the connection is kept. */
export async function discard(response: Response): Promise<void> {
  const length = Number(response.headers.get('content-length') ?? Number.NaN)
  try {
    if (length <= limits.errorBodyBytesMax) await response.arrayBuffer()
    else await response.body?.cancel()
  } catch {
    // The connection is gone; nothing of it was wanted.
  }
}

/** A body of at most `maxBytes`. @throws AppError `kernel/too-large` */
export async function cappedBody(
  response: Response,
  maxBytes: number,
  what: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  const declared = Number(response.headers.get('content-length') ?? 0)
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > maxBytes || declared > maxBytes) {
      throw new AppError('kernel/too-large', `${what} is larger than ${maxBytes} bytes`)
    }
    parts.push(chunk)
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** An answer that the specification does not allow. */
export function badAnswer(question: Question, what: string): AppError {
  return new AppError(
    'oci/bad-answer',
    `${question.registry} answered wrongly to «${question.what}»: ${what}`,
    {
      hints: ['Check that the address is an OCI registry, and that no proxy changes its answers.'],
    },
  )
}

function meaning(
  status: number,
  registry: string,
): { code: ErrorCode; hints: readonly string[]; retryable: boolean } {
  const login = `Log in with \`docker login ${registry}\` (or podman, skopeo), then run this again.`
  switch (true) {
    case status === 401:
      return { code: 'oci/unauthorized', hints: [login], retryable: false }
    case status === 403:
      return {
        code: 'oci/denied',
        hints: ['Ask the owner of the repository for access, or log in as somebody who has it.'],
        retryable: false,
      }
    case status === 404:
      return {
        code: 'oci/name-unknown',
        hints: ['Check the spelling; private repositories hide themselves from strangers.', login],
        retryable: false,
      }
    case status === 405:
      return { code: 'oci/unsupported', hints: [], retryable: false }
    case status === 412:
      return {
        code: 'oci/tag-moved',
        hints: ['Somebody else moved the tag at the same time. Run this again.'],
        retryable: true,
      }
    case status === 429:
      return {
        code: 'oci/too-many-requests',
        hints: ['Wait, or log in: accounts have higher limits than strangers.', login],
        retryable: true,
      }
    case status === 507:
      return {
        code: 'oci/registry-failed',
        hints: [
          'The disk of the registry is full. Its owner has to free space, then run this again.',
        ],
        retryable: false,
      }
    case status >= 500:
      return {
        code: 'oci/registry-failed',
        hints: ['The fault is on the side of the registry. Run this again later.'],
        retryable: true,
      }
    default:
      return { code: 'oci/rejected', hints: [], retryable: false }
  }
}

/** What the registry says itself: the specification's error list, or the first line. */
async function ownWords(response: Response): Promise<string> {
  let text = ''
  try {
    const bytes = await cappedBody(response, limits.errorBodyBytesMax, 'The answer')
    text = new TextDecoder().decode(bytes)
    const answer: unknown = JSON.parse(text)
    const errors: unknown = isObject(answer) ? Reflect.get(answer, 'errors') : undefined
    if (Array.isArray(errors)) return errors.map(wordsOf).filter(Boolean).join('; ').slice(0, 500)
  } catch {
    // Not JSON, or more than we read.
  }
  return /^\s*</.test(text) ? '' : (text.trim().split('\n')[0] ?? '').slice(0, 200)
}

function wordsOf(error: unknown): string {
  if (!isObject(error)) return ''
  const [code, message]: unknown[] = [Reflect.get(error, 'code'), Reflect.get(error, 'message')]
  return [code, message].filter((part) => typeof part === 'string' && part !== '').join(' ')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
