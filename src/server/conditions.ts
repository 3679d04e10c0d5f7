/**
 * Conditions of requests that read (RFC 9110, 13): what never changes has its digest as `ETag`.
 *
 * Not here: conditions of a tag that is set (`manifests.ts`).
 */

/** Whether `If-None-Match` names the entity: the client has it, and 304 is the answer. */
export function isKnownTo({ headers }: Request, etag: string): boolean {
  const condition = headers.get('if-none-match')
  if (condition === null) return false
  // Compared weakly: a cache on the way may have marked the tag so.
  return condition
    .split(',')
    .some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)
}

/** The `Range` that counts: with `If-Range` only for who has the beginning of the same. */
export function rangeOf({ headers }: Request, etag: string): string | null {
  const condition = headers.get('if-range')
  return condition === null || condition.trim() === etag ? headers.get('range') : null
}
