/**
 * Routes of repositories that show another registry: its names, and answers that say how fresh they
 * are.
 *
 * Invariant: a name is brought into its form here (`PREFIX/NAME`) before anybody decides who may
 * read it. Nothing can be pushed to such a repository.
 * Source: containerd's mirror protocol (`?ns=`, `OCI-Namespace`); RFC 9211 (Cache-Status);
 * OCI distribution-spec 1.1, "Warnings".
 */
import { AppError } from '#kernel/index.ts'
import type { PulledName, PullThrough, Served } from '#oci/index.ts'
import { blobHeaders, sendBlob } from './blobs.ts'
import { isKnownTo, rangeOf } from './conditions.ts'
import {
  checkedDigest,
  json,
  nextLink,
  pageOf,
  referrersPageOf,
  type RouteContext,
} from './context.ts'
import { manifestHeaders, referrersAnswer } from './manifests.ts'
import type { Target } from './paths.ts'
import { problem } from './problems.ts'
import { wantedRange } from './ranges.ts'

const warningCharactersMax = 1000

interface Pulled {
  readonly proxy: PullThrough
  readonly pulled: PulledName
  /** The name as the client has it, by which it goes on asking. */
  readonly askedName: string
  /** The `?ns=` that the name was found by. */
  readonly namespace: string | undefined
}

/** The target by its name here, and whose it is. */
interface Renamed {
  readonly target: Target
  readonly pulled?: Pulled
}

/**
 * Finds out whether a target is another registry's. A `?ns=` that no upstream knows, and that is
 * not this server, is answered with «no such name», so that its client asks elsewhere.
 * @throws AppError `oci/name-unknown`
 */
export function renamed(proxy: PullThrough | undefined, target: Target, url: URL): Renamed {
  if (proxy === undefined || !('name' in target)) return { target }
  const asked = url.search.includes('ns=') ? url.searchParams.get('ns') : null
  const namespace = asked === null || asked === '' || asked === url.host ? undefined : asked
  const pulled =
    namespace === undefined ? proxy.find(target.name) : proxy.findIn(namespace, target.name)
  if (pulled === undefined) {
    if (namespace === undefined) return { target }
    throw new AppError('oci/name-unknown', `No upstream here is ${namespace.slice(0, 200)}`)
  }
  const found = { proxy, pulled, askedName: target.name, namespace }
  return { target: { ...target, name: pulled.local }, pulled: found }
}

type PulledContext = RouteContext & Pulled

export async function pulledRoute(context: PulledContext, target: Target): Promise<Response> {
  const { method } = context.request
  if (method !== 'GET' && method !== 'HEAD') return readOnly(context.pulled, target)
  switch (target.kind) {
    case 'manifest':
      return await manifest(context, target.reference)
    case 'blob':
      return await blob(context, target.digest)
    case 'tags':
      return await tags(context)
    case 'referrers':
      return await referrers(context, target.digest)
    default:
      throw new AppError('oci/upload-unknown', 'There is no upload to a pulled repository')
  }
}

/** The answer to what would change something. */
function readOnly({ local, upstream }: PulledName, target: Target): Response {
  const error = new AppError(
    'oci/pulled-repository',
    `${local} shows a repository of ${upstream.registry}: nothing can be pushed to it`,
    { hints: ['Push to that registry, or to another name.'] },
  )
  const isUpload = target.kind === 'uploads' || target.kind === 'upload'
  return problem(error, { allow: isUpload ? '' : 'GET, HEAD' })
}

async function manifest(context: PulledContext, reference: string): Promise<Response> {
  const { proxy, pulled, registry, request } = context
  if (request.method === 'HEAD') {
    const served = await proxy.describe(pulled, reference)
    const { mediaType, digest, size } = served.value
    const headers = { ...manifestHeaders(mediaType, digest, size), ...said(context, served) }
    if (isKnownTo(request, headers.etag)) return new Response(null, { status: 304, headers })
    return new Response(null, { headers })
  }
  const served = await proxy.manifest(pulled, reference)
  const { mediaType, digest, bytes } = served.value
  const headers = {
    ...manifestHeaders(mediaType, digest, bytes.byteLength),
    ...said(context, served),
  }
  if (isKnownTo(request, headers.etag)) return new Response(null, { status: 304, headers })
  registry.noteManifestPull(pulled.local, digest)
  return new Response(Buffer.from(bytes), { headers })
}

async function blob(context: PulledContext, text: string): Promise<Response> {
  const { proxy, pulled, request } = context
  const digest = checkedDigest(text)
  const known = isKnownTo(request, blobHeaders(digest).etag)
  if (known || request.method === 'HEAD') {
    // Who has it already only has to hear that it is there: nothing is fetched for that.
    const served = await proxy.blobSize(pulled, digest)
    const headers = { ...blobHeaders(digest), ...said(context, served) }
    if (known) return new Response(null, { status: 304, headers })
    return new Response(null, { headers: { ...headers, 'content-length': `${served.value}` } })
  }
  const served = await proxy.blob(pulled, digest)
  const headers = { ...blobHeaders(digest), ...said(context, served) }
  if (served.value.kind === 'stored') return await sendBlob(context, served.value.blob, headers)
  const { sizeBytes, read } = served.value
  const range = wantedRange(rangeOf(request, headers.etag), sizeBytes)
  if (range.kind === 'unsatisfiable') {
    const contentRange = { 'content-range': `bytes */${sizeBytes}` }
    return new Response(null, { status: 416, headers: { ...headers, ...contentRange } })
  }
  // The length is not told: a stream of unknown length that breaks off is seen by its reader.
  if (range.kind === 'whole') {
    context.note.sentBytes = sizeBytes
    return new Response(read({ start: 0, end: sizeBytes }), { headers })
  }
  const { start, end } = range
  context.note.sentBytes = end - start
  const contentRange = { 'content-range': `bytes ${start}-${end - 1}/${sizeBytes}` }
  return new Response(read({ start, end }), {
    status: 206,
    headers: { ...headers, ...contentRange },
  })
}

async function tags(context: PulledContext): Promise<Response> {
  const { proxy, pulled, askedName, query } = context
  const served = await proxy.tags(pulled, pageOf(query))
  const link = nextLink(`/v2/${askedName}/tags/list`, query, served.value.next)
  return json({ name: askedName, tags: served.value.items }, { ...link, ...said(context, served) })
}

async function referrers(context: PulledContext, text: string): Promise<Response> {
  const { proxy, pulled, askedName, query } = context
  const subject = checkedDigest(text)
  const served = await proxy.referrers(pulled, subject, referrersPageOf(query))
  const found = { name: askedName, subject, page: served.value }
  return referrersAnswer(context, found, said(context, served))
}

/** How fresh an answer is, and whose. */
function said(context: PulledContext, served: Served<unknown>): Record<string, string> {
  const { namespace, note } = context
  const { ageMs, outcome, warning } = served
  note.outcome = outcome
  return {
    'cache-status': cacheStatus(served, context.request.method === 'HEAD' ? '' : '; stored'),
    ...(namespace === undefined ? {} : { 'oci-namespace': namespace }),
    ...(ageMs === undefined ? {} : { age: `${Math.floor(ageMs / 1000)}` }),
    ...(warning === undefined ? {} : { warning: `299 - "${quoted(warning)}"` }),
  }
}

/** @param stored What is said of an answer that was fetched: of HEAD nothing is kept. */
function cacheStatus({ outcome }: Served<unknown>, stored: string): string {
  switch (outcome) {
    case 'hit':
      return 'backlot; hit'
    case 'revalidated':
      return 'backlot; hit; detail=REVALIDATED'
    case 'stale':
      return 'backlot; hit; detail=STALE'
    case 'joined':
      return `backlot; fwd=uri-miss; collapsed${stored}`
    case 'miss':
      return `backlot; fwd=uri-miss${stored}`
  }
}

/** Within a quoted string of a header. */
function quoted(text: string): string {
  const plain = text.replaceAll(/[^ -~]/g, '?').slice(0, warningCharactersMax)
  return plain.replaceAll(/["\\]/g, "'")
}
