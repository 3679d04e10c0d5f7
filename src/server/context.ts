/** What a route gets: the registry, the request, and its parsed query. */
import { AppError, type Bytes, type Digest, isDigest } from '#kernel/index.ts'
import type { Note } from './meter.ts'
import type { PageRequest, Principal, Registry } from '#oci/index.ts'

export interface RouteContext {
  /** What the route finds out, for the statistics. */
  readonly note: Note
  readonly registry: Registry
  readonly request: Request
  readonly query: URLSearchParams
  /** Who asks; found out once for each request. */
  readonly principal: Principal
  /** Whether who asks may read a repository. */
  readonly mayRead: (repository: string) => boolean
}

/** @throws AppError `oci/digest-invalid` */
export function checkedDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new AppError('oci/digest-invalid', `'${text.slice(0, 140)}' is not a digest`, {
    hints: ['Use sha256: and 64 hexadecimal digits, or sha512: and 128.'],
  })
}

/** The body as it arrives; empty when there is none. */
export async function* bodyOf({ request, note }: Pick<RouteContext, 'request' | 'note'>): Bytes {
  for await (const chunk of request.body ?? []) {
    note.receivedBytes += chunk.byteLength
    yield chunk
  }
}

/** The declared length of the body, if it is declared. */
export function contentLength(request: Request): number | undefined {
  const text = request.headers.get('content-length')
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** More than any page has. */
const itemsMax = 1_000_000

/** `n` and `last`. @throws AppError `oci/rejected` */
export function pageOf(query: URLSearchParams): PageRequest {
  const n = query.get('n')
  const last = query.get('last')
  if (n !== null && !/^\d+$/.test(n))
    throw new AppError('oci/rejected', `n is '${n.slice(0, 40)}', not a number`)
  return {
    ...(n === null ? {} : { limit: Math.min(Number(n), itemsMax) }),
    // A NUL sorts before all that names have, and PostgreSQL takes none.
    ...(last === null ? {} : { after: last.replace(/\0.*$/s, '') }),
  }
}

/** A page of referrers: also `artifactType`. @throws AppError `oci/rejected` */
export function referrersPageOf(
  query: URLSearchParams,
): PageRequest & { readonly artifactType?: string } {
  const artifactType = query.get('artifactType') ?? ''
  if (/\p{Cc}/u.test(artifactType))
    throw new AppError('oci/rejected', 'artifactType is no media type: it has control characters')
  return { ...pageOf(query), ...(artifactType === '' ? {} : { artifactType }) }
}

/** A text that tells its length, by which it is counted; the runtime would tell it too late. */
export function sized(text: string, headers: Readonly<Record<string, string>>): Response {
  return new Response(text, {
    headers: { ...headers, 'content-length': `${Buffer.byteLength(text)}` },
  })
}

/** A JSON answer. */
export function json(value: object, headers: Readonly<Record<string, string>> = {}): Response {
  return sized(JSON.stringify(value), {
    'content-type': 'application/json;charset=utf-8',
    ...headers,
  })
}

/** The `Link` header to the next page. */
export function nextLink(
  path: string,
  query: URLSearchParams,
  next: string | undefined,
): Record<string, string> {
  if (next === undefined) return {}
  const more = new URLSearchParams(query)
  more.set('last', next)
  return { link: `<${path}?${more.toString()}>; rel="next"` }
}
