/** Routes of manifests, tags, referrers and the list of repositories. */
import { AppError, type Digest, limits, readAll } from '#kernel/index.ts'
import {
  bareMediaType,
  checkUnambiguous,
  type Descriptor,
  mediaTypes,
  type Page,
} from '#oci/index.ts'
import { isKnownTo } from './conditions.ts'
import {
  bodyOf,
  checkedDigest,
  json,
  nextLink,
  pageOf,
  referrersPageOf,
  type RouteContext,
} from './context.ts'

interface ManifestTarget {
  readonly name: string
  readonly reference: string
}

interface Referrers {
  readonly name: string
  readonly subject: Digest
  readonly page: Page<Descriptor>
}

const catalogItemsMax = 10_000

export async function manifestRoute(
  context: RouteContext,
  target: ManifestTarget,
): Promise<Response> {
  const { registry, request } = context
  const { name, reference } = target
  switch (request.method) {
    case 'PUT':
      return await putManifest(context, target)
    case 'DELETE':
      if (!(await registry.removeManifest(name, reference, { only: expected(request.headers) })))
        throw manifestUnknown(target)
      return new Response(null, { status: 202 })
    default: {
      const found = await registry.manifest(name, reference)
      if (found === undefined) throw manifestUnknown(target)
      const headers = manifestHeaders(found.mediaType, found.digest, found.bytes.byteLength)
      if (isKnownTo(request, headers.etag)) return new Response(null, { status: 304, headers })
      if (request.method === 'HEAD') return new Response(null, { headers })
      registry.noteManifestPull(name, found.digest)
      const body = Buffer.from(found.bytes)
      return new Response(body, { headers })
    }
  }
}

/** What is told of every manifest. */
export function manifestHeaders(mediaType: string, digest: Digest, sizeBytes: number) {
  return {
    'content-type': mediaType,
    'content-length': `${sizeBytes}`,
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  }
}

async function putManifest(
  context: RouteContext,
  { name, reference }: ManifestTarget,
): Promise<Response> {
  const { registry, request, query } = context
  const bytes = await readAll(bodyOf(context), limits.manifestBytesMax, 'The manifest')
  const mediaType = bareMediaType(request.headers.get('content-type'))
  checkUnambiguous(bytes)
  const tags = query.getAll('tag')
  const receipt = await registry.putManifest(name, {
    ...condition(request.headers),
    reference,
    mediaType: mediaType === '' ? undefined : mediaType,
    bytes,
    tags,
  })
  return new Response(null, {
    status: 201,
    headers: {
      location: `/v2/${name}/manifests/${receipt.digest}`,
      'docker-content-digest': receipt.digest,
      ...(receipt.subject === undefined ? {} : { 'oci-subject': receipt.subject }),
      ...(tags.length === 0 ? {} : { 'oci-tag': [...new Set(tags)].join(', ') }),
    },
  })
}

/** `If-Match: "D"` and `If-None-Match: *`, as RFC 9110 has them for a resource that is a tag. */
function condition(headers: Headers): { replaces?: Digest | 'absent' } {
  if (headers.get('if-none-match')?.trim() === '*') return { replaces: 'absent' }
  const replaces = expected(headers)
  return replaces === undefined ? {} : { replaces }
}

/** The digest that `If-Match` names. @throws AppError `oci/digest-invalid` for what is not one */
function expected(headers: Headers): Digest | undefined {
  const match = headers.get('if-match')?.trim()
  return match === undefined ? undefined : checkedDigest(match.replaceAll('"', ''))
}

export async function tagsRoute(context: RouteContext, name: string): Promise<Response> {
  const page = await context.registry.tags(name, pageOf(context.query))
  if (page === undefined) throw new AppError('oci/name-unknown', `There is no repository '${name}'`)
  const link = nextLink(`/v2/${name}/tags/list`, context.query, page.next)
  return json({ name, tags: page.items }, link)
}

export async function referrersRoute(
  context: RouteContext,
  target: { readonly name: string; readonly digest: string },
): Promise<Response> {
  const { registry, query } = context
  const subject = checkedDigest(target.digest)
  const page = await registry.referrers(target.name, subject, referrersPageOf(query))
  return referrersAnswer(context, { name: target.name, subject, page })
}

/** A page of referrers as an index; with none it is the answer for what is not there, too. */
export function referrersAnswer(
  { query, note }: RouteContext,
  { name, subject, page }: Referrers,
  more: Readonly<Record<string, string>> = {},
): Response {
  note.mayNotExist = page.items.length === 0
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: page.items }
  const { artifactType } = referrersPageOf(query)
  return json(index, {
    'content-type': mediaTypes.index,
    ...(artifactType === undefined ? {} : { 'oci-filters-applied': 'artifactType' }),
    ...nextLink(`/v2/${name}/referrers/${subject}`, query, page.next),
    ...more,
  })
}

export async function catalogRoute(context: RouteContext): Promise<Response> {
  const { limit = catalogItemsMax, after } = pageOf(context.query)
  const { repositories, more } = await readable(context, {
    limit: Math.min(limit, catalogItemsMax),
    after,
  })
  const link = nextLink('/v2/_catalog', context.query, more ? repositories.at(-1) : undefined)
  return json({ repositories }, link)
}

/** A page of what who asks may read, as if there were nothing else: neither gaps nor names tell. */
async function readable(
  { registry, mayRead }: RouteContext,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<{ readonly repositories: readonly string[]; readonly more: boolean }> {
  const found: string[] = []
  if (limit === 0) return { repositories: found, more: false }
  for (let from = after; ; ) {
    const page = await registry.repositories(from === undefined ? {} : { after: from })
    found.push(...page.items.filter(mayRead))
    if (found.length > limit || page.next === undefined) break
    from = page.next
  }
  return { repositories: found.slice(0, limit), more: found.length > limit }
}

function manifestUnknown({ name, reference }: ManifestTarget): AppError {
  return new AppError('oci/manifest-unknown', `${name} has no manifest ${reference.slice(0, 140)}`)
}
