/**
 * Errors as answers: the distribution specification's JSON with our code and hints in `detail`.
 *
 * Invariant: what is not an AppError shows nothing of itself to a client.
 */
import { AppError, type ErrorCode, meaningOf } from '#kernel/index.ts'

const specCodes: Partial<Record<ErrorCode, string>> = {
  'oci/name-invalid': 'NAME_INVALID',
  'oci/name-unknown': 'NAME_UNKNOWN',
  'oci/tag-invalid': 'TAG_INVALID',
  'oci/digest-invalid': 'DIGEST_INVALID',
  'kernel/bad-digest': 'DIGEST_INVALID',
  'oci/bad-manifest': 'MANIFEST_INVALID',
  'oci/manifest-unknown': 'MANIFEST_UNKNOWN',
  'oci/manifest-blob-unknown': 'MANIFEST_BLOB_UNKNOWN',
  'oci/blob-unknown': 'BLOB_UNKNOWN',
  'store/blob-unknown': 'BLOB_UNKNOWN',
  'oci/upload-unknown': 'BLOB_UPLOAD_UNKNOWN',
  'oci/upload-invalid': 'BLOB_UPLOAD_INVALID',
  'oci/range-invalid': 'BLOB_UPLOAD_INVALID',
  'kernel/too-large': 'SIZE_INVALID',
  'oci/too-many-tags': 'TAG_INVALID',
  'oci/tag-moved': 'DENIED',
  'oci/unsupported': 'UNSUPPORTED',
  'oci/unauthorized': 'UNAUTHORIZED',
  'oci/denied': 'DENIED',
  'oci/over-quota': 'DENIED',
  'oci/tag-immutable': 'DENIED',
  'oci/pulled-repository': 'UNSUPPORTED',
  'oci/too-many-requests': 'TOOMANYREQUESTS',
}

/** Troubles of this machine, whose messages name its folders: a client is told the kind only. */
const ownTroubles: Partial<Record<ErrorCode, string>> = {
  'kernel/no-space': 'The disk of the registry is full',
  'kernel/read-only': 'The registry cannot write to its folder',
  'kernel/locked': 'The registry is busy',
  'store/blob-unknown': 'The registry has lost this blob; push it again',
  'store/digest-mismatch': 'The copy of this blob in the registry is damaged; push it again',
  'oci/bad-layout': 'The registry cannot read its folder',
  'oci/database-gone': 'The database of the registry does not answer; try again',
  'oci/bucket-gone': 'The bucket of the registry does not answer; try again',
}

/** When a client may hope that the database or the bucket is back. */
const retrySeconds = '2'

/** The answer to a request that failed. */
export function problem(error: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  if (!(error instanceof AppError))
    return answer(500, { code: 'UNKNOWN', message: 'The server failed; see its log' }, headers)
  const own = ownTroubles[error.code]
  const { status } = meaningOf(error.code)
  const detail = { code: error.code, hints: own === undefined ? error.hints : [] }
  return answer(
    status,
    { code: specCodes[error.code] ?? 'UNKNOWN', message: own ?? error.message, detail },
    status === 503 ? { 'retry-after': retrySeconds, ...headers } : headers,
  )
}

function answer(status: number, error: object, headers: Readonly<Record<string, string>>) {
  return Response.json({ errors: [error] }, { status, headers: { ...headers } })
}
