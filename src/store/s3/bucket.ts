/**
 * A bucket of an S3 service: objects by key, parts of large ones, copies, lists, signed URLs.
 *
 * Invariant: an object appears whole or not at all (S3's own promise); what is sent carries a
 * CRC-32, so that the service refuses what was changed on the way. What failed for a reason that
 * may pass is tried again a few times, and then told as `oci/bucket-gone`.
 * Source: Amazon S3 API Reference. Why not Bun's client: it shows neither parts, copies nor
 * checksums. Not here: what a key means (`s3-blobs.ts`, the registry's uploads).
 */
import { AppError, type Bytes, explained, readAll } from '#kernel/index.ts'
import { errorCode, members, textOf } from './answers.ts'
import { type S3Credentials, signedHeaders, signedUrl, type Signing } from './sign.ts'

export interface BucketPlace {
  /** Such as `https://s3.eu-central-1.amazonaws.com` or `http://127.0.0.1:7070`. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly credentials: S3Credentials
  /** Before every key; '' or ending in `/`. */
  readonly prefix: string
  /** `path`: endpoint/bucket/key; `host`: bucket.endpoint/key. */
  readonly addressing: 'path' | 'host'
  /**
   * How long an answer may take to begin, and to go on; default 300 s, because a request is a part
   * of at most 128 MiB, or a copy of at most 1 GiB.
   */
  readonly timeoutMs?: number
}

export interface ObjectInfo {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}

export interface Multipart {
  readonly key: string
  readonly id: string
  readonly startedMs: number
}

export interface Part {
  readonly number: number
  readonly etag: string
}

/** All keys are below the prefix of the place. @throws AppError `oci/bucket-gone` */
export interface Bucket {
  /** Bytes of an object, when it is there. */
  size(key: string): Promise<number | undefined>
  /** The body as it arrives, at its reader's pace; undefined when there is no such object. */
  get(
    key: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Bytes | undefined>
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Removing what is not there is a no-op. */
  remove(key: string): Promise<void>
  /** Within the service, without the bytes coming here. */
  copy(from: string, to: string, sizeBytes: number): Promise<void>
  list(below: string): AsyncIterable<ObjectInfo>
  beginMultipart(key: string): Promise<string>
  /** All parts but the last have at least 5 MiB. */
  putPart(key: string, id: string, part: { number: number; bytes: Uint8Array }): Promise<string>
  completeMultipart(key: string, id: string, parts: readonly Part[]): Promise<void>
  abortMultipart(key: string, id: string): Promise<void>
  /** False when it was completed or aborted, by whomever. */
  hasMultipart(key: string, id: string): Promise<boolean>
  listMultiparts(below: string): AsyncIterable<Multipart>
  /** A URL from which anybody may get the object, for so long. */
  readUrl(key: string, expiresSeconds: number): string
}

const attemptsMax = 4
const firstDelayMs = 100
const timeoutMsDefault = 300_000
const copyBytesMax = 1024 ** 3
const answerBytesMax = 16 * 1024 ** 2

interface Ask {
  readonly method: string
  readonly key: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

export function openBucket(place: BucketPlace): Bucket {
  const ask = (request: Ask) => asked(place, request)
  return {
    size: async (key) => {
      const answer = await ask({ method: 'HEAD', key })
      if (answer.status === 404) return await absentFrom(place, ask)
      return Number((await fine(place, answer)).headers.get('content-length'))
    },
    get: async (key, range) => {
      const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }
      const answer = await ask({ method: 'GET', key, headers })
      if (answer.status !== 404) return bodyOf(place, await fine(place, answer))
      if (errorCode(await bodyText(place, answer)) === 'NoSuchBucket') throw notThere(place)
      return undefined
    },
    put: async (key, bytes) => {
      const headers = checksum(bytes)
      await fine(place, await ask({ method: 'PUT', key, headers, body: bytes }))
    },
    remove: async (key) => {
      const answer = await ask({ method: 'DELETE', key })
      if (answer.status !== 404) await fine(place, answer)
    },
    copy: (from, to, sizeBytes) => copied({ place, ask, from, to, sizeBytes }),
    list: (below) => listed(place, ask, below),
    ...multiparts(place, ask),
    readUrl: (key, expiresSeconds) => {
      const url = urlOf(place, key)
      return signedUrl({ method: 'GET', url, expiresSeconds }, signing(place))
    },
  }
}

/** An answer to HEAD has no reason: a bucket that is away is not an object that is lost. */
async function absentFrom(place: BucketPlace, ask: Asking): Promise<undefined> {
  const { status } = await ask({ method: 'HEAD', key: '' })
  if (status === 404) throw notThere(place)
}

function notThere(place: BucketPlace): AppError {
  return bucketGone(place, 'it is not there')
}

type Asking = (request: Ask) => Promise<Response>
type MultipartMethods =
  | 'beginMultipart'
  | 'putPart'
  | 'completeMultipart'
  | 'abortMultipart'
  | 'hasMultipart'
  | 'listMultiparts'

function multiparts(place: BucketPlace, ask: Asking): Pick<Bucket, MultipartMethods> {
  return {
    beginMultipart: async (key) => {
      const answer = await fine(place, await ask({ method: 'POST', key, query: { uploads: '' } }))
      return textOf(await bodyText(place, answer), 'UploadId') ?? ''
    },
    putPart: async (key, id, { number, bytes }) => {
      const query = { partNumber: `${number}`, uploadId: id }
      const request = { method: 'PUT', key, query, headers: checksum(bytes), body: bytes }
      return (await fine(place, await ask(request))).headers.get('etag') ?? ''
    },
    completeMultipart: async (key, id, parts) => {
      const body = completion(parts)
      const answer = await ask({ method: 'POST', key, query: { uploadId: id }, body })
      await insideFine(place, answer)
    },
    abortMultipart: async (key, id) => {
      const answer = await ask({ method: 'DELETE', key, query: { uploadId: id } })
      if (answer.status !== 404) await fine(place, answer)
    },
    hasMultipart: async (key, id) => {
      const query = { uploadId: id, 'max-parts': '1' }
      const answer = await ask({ method: 'GET', key, query })
      const text = await bodyText(place, answer)
      if (answer.status === 404 && errorCode(text) === 'NoSuchUpload') return false
      if (!answer.ok) throw bucketGone(place, `it answered ${answer.status}`)
      return true
    },
    listMultiparts: (below) => listedMultiparts(place, ask, below),
  }
}

async function copied(copy: {
  readonly place: BucketPlace
  readonly ask: Asking
  readonly from: string
  readonly to: string
  readonly sizeBytes: number
}): Promise<void> {
  const { place, ask, from, to, sizeBytes } = copy
  const source = { 'x-amz-copy-source': `/${place.bucket}/${place.prefix}${from}` }
  if (sizeBytes <= copyBytesMax)
    return await insideFine(place, await ask({ method: 'PUT', key: to, headers: source }))
  const parts = multiparts(place, ask)
  const id = await parts.beginMultipart(to)
  try {
    const done: Part[] = []
    for (let start = 0; start < sizeBytes; start += copyBytesMax) {
      const number = done.length + 1
      const end = Math.min(start + copyBytesMax, sizeBytes)
      const headers = { ...source, 'x-amz-copy-source-range': `bytes=${start}-${end - 1}` }
      const query = { partNumber: `${number}`, uploadId: id }
      const answer = await fine(place, await ask({ method: 'PUT', key: to, query, headers }))
      done.push({ number, etag: textOf(await bodyText(place, answer), 'ETag') ?? '' })
    }
    await parts.completeMultipart(to, id, done)
  } catch (error) {
    await parts.abortMultipart(to, id).catch(() => undefined) // The first failure is told.
    throw error
  }
}

async function* listed(place: BucketPlace, ask: Asking, below: string): AsyncIterable<ObjectInfo> {
  let token: string | undefined
  do {
    const query = {
      'list-type': '2',
      prefix: `${place.prefix}${below}`,
      ...(token === undefined ? {} : { 'continuation-token': token }),
    }
    const text = await bodyText(
      place,
      await fine(place, await ask({ method: 'GET', key: '', query })),
    )
    for (const object of members(text, 'Contents'))
      yield {
        key: (textOf(object, 'Key') ?? '').slice(place.prefix.length),
        sizeBytes: Number(textOf(object, 'Size')),
        modifiedMs: Date.parse(textOf(object, 'LastModified') ?? ''),
      }
    token =
      textOf(text, 'IsTruncated') === 'true' ? textOf(text, 'NextContinuationToken') : undefined
  } while (token !== undefined)
}

async function* listedMultiparts(
  place: BucketPlace,
  ask: Asking,
  below: string,
): AsyncIterable<Multipart> {
  let marker: Record<string, string> | undefined = {}
  while (marker !== undefined) {
    const query = { uploads: '', prefix: `${place.prefix}${below}`, ...marker }
    const text = await bodyText(
      place,
      await fine(place, await ask({ method: 'GET', key: '', query })),
    )
    for (const upload of members(text, 'Upload'))
      yield {
        key: (textOf(upload, 'Key') ?? '').slice(place.prefix.length),
        id: textOf(upload, 'UploadId') ?? '',
        startedMs: Date.parse(textOf(upload, 'Initiated') ?? ''),
      }
    const key = textOf(text, 'NextKeyMarker')
    const id = textOf(text, 'NextUploadIdMarker')
    marker =
      textOf(text, 'IsTruncated') === 'true' && key !== undefined
        ? { 'key-marker': key, ...(id === undefined ? {} : { 'upload-id-marker': id }) }
        : undefined
  }
}

/** One answer, after as many attempts as it takes, and as are sensible. */
async function asked(place: BucketPlace, request: Ask): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await attempted(place, request)
    if (answer instanceof Response && !mayPass(answer.status)) return answer
    if (attempt >= attemptsMax)
      throw answer instanceof Response ? await gone(place, answer) : answer
    if (answer instanceof Response) await answer.body?.cancel()
    await Bun.sleep(firstDelayMs * 2 ** (attempt - 1) * (0.5 + Math.random()))
  }
}

/** Failures, too many requests, and 409: another change of the same key is under way. */
function mayPass(status: number): boolean {
  return status >= 500 || status === 429 || status === 409
}

/** The answer, or why there was none. */
async function attempted(place: BucketPlace, request: Ask): Promise<Response | AppError> {
  const { method, key, query = {}, body } = request
  const url = urlOf(place, key)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const headers = signedHeaders(
    { method, url, headers: new Headers(request.headers) },
    signing(place),
  )
  const late = new AbortController()
  try {
    const asking = fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal: late.signal,
      ...(body === undefined
        ? {}
        : {
            body:
              typeof body === 'string'
                ? body
                : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
          }),
    })
    return await inTime(place, asking)
  } catch (error) {
    late.abort()
    return bucketGone(place, 'it does not answer', explained(error, place.bucket))
  }
}

/** The answer if it is one of success. */
async function fine(place: BucketPlace, answer: Response): Promise<Response> {
  if (answer.ok) return answer
  throw await gone(place, answer)
}

/** For requests that may fail after their status was sent: the error is in the body. */
async function insideFine(place: BucketPlace, answer: Response): Promise<void> {
  const text = await bodyText(place, await fine(place, answer))
  const code = errorCode(text)
  if (code !== undefined) throw bucketGone(place, `it answered ${code}`)
}

async function gone(place: BucketPlace, answer: Response): Promise<AppError> {
  const text = await bodyText(place, answer).catch(() => '')
  const code = errorCode(text)
  return bucketGone(place, `it answered ${answer.status}${code === undefined ? '' : ` ${code}`}`)
}

function bucketGone(place: BucketPlace, what: string, cause?: unknown): AppError {
  return new AppError('oci/bucket-gone', `The bucket ${place.bucket} cannot be used: ${what}`, {
    hints: [
      'Look at its address and credentials. A server that has started goes on by itself when it is back.',
    ],
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  })
}

async function bodyText(place: BucketPlace, answer: Response): Promise<string> {
  const bytes = await readAll(bodyOf(place, answer), answerBytesMax, 'An answer of the bucket')
  return new TextDecoder().decode(bytes)
}

/** The body at its reader's pace: what counts is how long the service takes. */
async function* bodyOf(place: BucketPlace, { body }: Response): Bytes {
  if (body === null) return
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await inTime(place, reader.read())
      if (done) return
      yield value
    }
  } catch (error) {
    throw bucketGone(place, 'its answer broke off', error)
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** What the work gives. @throws Error when it takes too long */
async function inTime<T>(
  { timeoutMs = timeoutMsDefault }: BucketPlace,
  work: Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`nothing for ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function urlOf({ endpoint, bucket, prefix, addressing }: BucketPlace, key: string): URL {
  const url = new URL(endpoint)
  const inside = key === '' ? '' : `${prefix}${key}`
  if (addressing === 'host') url.host = `${bucket}.${url.host}`
  const path = addressing === 'host' ? `/${inside}` : `/${bucket}/${inside}`
  url.pathname = path.split('/').map(encodeURIComponent).join('/')
  return url
}

function signing({ credentials, region }: BucketPlace): Signing {
  return { credentials, region, nowMs: Date.now() }
}

function checksum(bytes: Uint8Array): Record<string, string> {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(Bun.hash.crc32(bytes))
  return { 'x-amz-checksum-crc32': sum.toString('base64') }
}

function completion(parts: readonly Part[]): string {
  const listing = parts.map(
    ({ number, etag }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`,
  )
  return `<CompleteMultipartUpload>${listing.join('')}</CompleteMultipartUpload>`
}
