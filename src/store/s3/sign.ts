/**
 * Signatures of requests to S3: AWS Signature Version 4, in headers and in URLs.
 *
 * Source: AWS General Reference, «Signature Version 4». Bodies are not part of the signature
 * (`UNSIGNED-PAYLOAD`); their checksums travel in a header of their own (`bucket.ts`).
 */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface Signing {
  readonly credentials: S3Credentials
  readonly region: string
  readonly nowMs: number
}

const unsigned = 'UNSIGNED-PAYLOAD'

/** The headers of a request, with its signature. */
export function signedHeaders(
  request: { readonly method: string; readonly url: URL; readonly headers: Headers },
  signing: Signing,
): Headers {
  const { credentials } = signing
  const headers = new Headers(request.headers)
  const stamp = timeStamp(signing.nowMs)
  headers.set('x-amz-date', stamp)
  headers.set('x-amz-content-sha256', unsigned)
  const signed = new Map([['host', request.url.host], ...headers.entries()])
  const names = [...signed.keys()].toSorted()
  const canonical = [
    request.method,
    request.url.pathname,
    canonicalQuery(request.url.searchParams),
    ...names.map((name) => `${name}:${(signed.get(name) ?? '').trim()}`),
    '',
    names.join(';'),
    unsigned,
  ].join('\n')
  const scope = scopeOf(stamp, signing.region)
  const authorization = [
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}`,
    `SignedHeaders=${names.join(';')}`,
    `Signature=${signature(canonical, stamp, signing)}`,
  ]
  headers.set('authorization', authorization.join(', '))
  return headers
}

/** A URL that lets its holder do one thing for a while, without credentials. */
export function signedUrl(
  request: { readonly method: string; readonly url: URL; readonly expiresSeconds: number },
  signing: Signing,
): string {
  const { credentials } = signing
  const url = new URL(request.url)
  const stamp = timeStamp(signing.nowMs)
  const query = url.searchParams
  query.set('X-Amz-Algorithm', 'AWS4-HMAC-SHA256')
  query.set('X-Amz-Credential', `${credentials.accessKeyId}/${scopeOf(stamp, signing.region)}`)
  query.set('X-Amz-Date', stamp)
  query.set('X-Amz-Expires', `${request.expiresSeconds}`)
  query.set('X-Amz-SignedHeaders', 'host')
  const text = canonicalQuery(query)
  const lines = [request.method, url.pathname, text, `host:${url.host}`, '', 'host', unsigned]
  const hex = signature(lines.join('\n'), stamp, signing)
  return `${url.origin}${url.pathname}?${text}&X-Amz-Signature=${hex}`
}

function signature(canonical: string, stamp: string, { credentials, region }: Signing): string {
  const hashed = new Bun.CryptoHasher('sha256').update(canonical).digest('hex')
  const text = ['AWS4-HMAC-SHA256', stamp, scopeOf(stamp, region), hashed].join('\n')
  const day = hmac(`AWS4${credentials.secretAccessKey}`, stamp.slice(0, 8))
  const key = hmac(hmac(hmac(day, region), 's3'), 'aws4_request')
  return hmac(key, text).toString('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return new Bun.CryptoHasher('sha256', key).update(text).digest()
}

function scopeOf(stamp: string, region: string): string {
  return `${stamp.slice(0, 8)}/${region}/s3/aws4_request`
}

/** `20261122T190000Z` */
function timeStamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query.entries()]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .toSorted()
    .join('&')
}

/** RFC 3986: what encodeURIComponent leaves besides the unreserved characters. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
