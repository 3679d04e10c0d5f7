/**
 * Routes of blobs: GET and HEAD with ranges, DELETE.
 *
 * Files are handed to Bun as files, so that the kernel sends them without a copy through us.
 */
import { AppError, type Bytes, type Digest, readAll } from '#kernel/index.ts'
import type { StoredBlob } from '#oci/index.ts'
import { isKnownTo, rangeOf } from './conditions.ts'
import { checkedDigest, type RouteContext } from './context.ts'
import { wantedRange } from './ranges.ts'

const wholeBytesMax = 4 * 1024 * 1024

interface BlobTarget {
  readonly name: string
  readonly digest: string
}

export async function blobRoute(context: RouteContext, target: BlobTarget): Promise<Response> {
  const { registry, request } = context
  const digest = checkedDigest(target.digest)
  if (request.method === 'DELETE') {
    if (!(await registry.removeBlob(target.name, digest))) throw blobUnknown(target)
    return new Response(null, { status: 202 })
  }
  const blob = await registry.blob(target.name, digest)
  if (blob === undefined) throw blobUnknown(target)
  const headers = blobHeaders(digest)
  if (isKnownTo(request, headers.etag)) return new Response(null, { status: 304, headers })
  if (request.method === 'HEAD')
    return new Response(null, { headers: { ...headers, 'content-length': `${blob.sizeBytes}` } })
  return await sendBlob(context, blob, headers)
}

/** What is told of every blob. */
export function blobHeaders(digest: Digest) {
  return {
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=31536000',
    'content-type': 'application/octet-stream',
  }
}

/** A blob that is here, or the range of it that was asked for; or where the client gets it. */
export async function sendBlob(
  { registry, request }: RouteContext,
  blob: StoredBlob,
  headers: ReturnType<typeof blobHeaders>,
): Promise<Response> {
  const elsewhere = await registry.blobUrl(blob)
  // Nothing is told of how long this is good for but by the URL itself.
  if (elsewhere !== undefined)
    return new Response(null, { status: 307, headers: { location: elsewhere } })
  const range = wantedRange(rangeOf(request, headers.etag), blob.sizeBytes)
  if (range.kind === 'unsatisfiable')
    return new Response(null, {
      status: 416,
      headers: { ...headers, 'content-range': `bytes */${blob.sizeBytes}` },
    })
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: blob.sizeBytes }
  const partly = range.kind === 'part'
  const init = {
    status: partly ? 206 : 200,
    headers: {
      ...headers,
      'content-length': `${end - start}`,
      ...(partly ? { 'content-range': `bytes ${start}-${end - 1}/${blob.sizeBytes}` } : {}),
    },
  }
  if (blob.sizeBytes === 0) return new Response(null, init)
  const path = registry.blobPath(blob)
  if (path === undefined) {
    const bytes = registry.readBlob(blob, partly ? { start, end } : undefined)
    return new Response(await fromBucket(bytes, end - start), init)
  }
  const file = Bun.file(path)
  return new Response(partly ? file.slice(start, end) : file, init)
}

/**
 * The body of a blob that is no file. Streams lose their Content-Length in the runtime, so what is
 * small is sent as a whole; of what is large the first bytes are there before the status is.
 */
async function fromBucket(bytes: Bytes, sizeBytes: number): Promise<Bytes | Buffer> {
  if (sizeBytes <= wholeBytesMax) return Buffer.from(await readAll(bytes, sizeBytes, 'A blob'))
  const chunks = bytes[Symbol.asyncIterator]()
  const first = await chunks.next()
  return (async function* () {
    if (!first.done) yield first.value
    yield* { [Symbol.asyncIterator]: () => chunks }
  })()
}

function blobUnknown({ name, digest }: BlobTarget): AppError {
  return new AppError('oci/blob-unknown', `${name} has no blob ${digest}`)
}
