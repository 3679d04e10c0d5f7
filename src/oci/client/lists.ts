/**
 * Lists that come in pages: tags and referrers, and the fallback list of referrers under a tag.
 *
 * Invariant: pages and bytes are bounded, and a page that was seen is not asked for again.
 * Source: OCI distribution-spec 1.1, "Listing Tags", "Listing Referrers", "Referrers Tag Schema".
 */
import { z } from 'zod'
import { AppError, type Digest, limits } from '#kernel/index.ts'
import { bareMediaType, mediaTypes } from '../media-types.ts'
import { type RepositoryRef, referrersTag } from '../reference.ts'
import { type Descriptor, parseIndex } from '../schema.ts'
import { badAnswer, cappedBody, discard, failure } from './answers.ts'
import type { ManifestToPush, PulledManifest } from './contract.ts'
import type { Ask, Transport } from './transport.ts'

const pagesMax = 10_000
const pageBytesMax = 16 * 1024 * 1024
/** All pages of a list together. */
const listBytesMax = 64 * 1024 * 1024
const fallbackAttempts = 4

const TagPage = z.looseObject({
  tags: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
})

/** All tags; empty for a repository that is not there. */
export async function listTags(
  transport: Transport,
  { registry, repository }: RepositoryRef,
): Promise<readonly string[]> {
  const question = { registry, what: `list the tags of ${repository}` }
  const scopes = [`repository:${repository}:pull`]
  const tags: string[] = []
  const first = `/v2/${repository}/tags/list?n=1000`
  for await (const page of pages(transport, { ...question, scopes, method: 'GET', url: first })) {
    if (page.status === 404) return []
    const parsed = TagPage.safeParse(jsonOf(page.body))
    if (!parsed.success) throw badAnswer(question, 'there is no list of tags in its answer')
    for (const tag of parsed.data.tags) tags.push(tag)
  }
  return tags.sort()
}

/** By the API; undefined where the registry has no such API. */
export async function listReferrers(
  transport: Transport,
  { registry, repository }: RepositoryRef,
  subject: Digest,
  artifactType: string | undefined,
): Promise<readonly Descriptor[] | undefined> {
  const question = { registry, what: `list what hangs on ${subject}` }
  const filter = artifactType === undefined ? '' : queryOf({ artifactType })
  const url = `/v2/${repository}/referrers/${subject}${filter}`
  const scopes = [`repository:${repository}:pull`]
  const found: Descriptor[] = []
  for await (const page of pages(transport, { ...question, scopes, method: 'GET', url })) {
    const isIndex = bareMediaType(page.headers.get('content-type')) === mediaTypes.index
    if (page.status === 404 || !isIndex) return undefined
    found.push(...parseIndex(page.body, 'The list of referrers').manifests)
  }
  return found.filter((one) => artifactType === undefined || one.artifactType === artifactType)
}

export interface FallbackAccess {
  pull(tag: string): Promise<PulledManifest | undefined>
  push(manifest: ManifestToPush): Promise<unknown>
}

/** The list under the fallback tag. */
export async function fallbackReferrers(
  access: FallbackAccess,
  subject: Digest,
): Promise<readonly Descriptor[]> {
  const found = await access.pull(referrersTag(subject))
  return found === undefined ? [] : parseIndex(found.bytes, 'The list of referrers').manifests
}

/**
 * Adds to the list under the fallback tag. Two writers may overwrite each other there, so the
 * list is read again after the write, until it holds what was added.
 */
export async function addFallbackReferrer(
  access: FallbackAccess,
  subject: Digest,
  descriptor: Descriptor,
): Promise<void> {
  for (let attempt = 1; attempt <= fallbackAttempts; attempt += 1) {
    const manifests = await fallbackReferrers(access, subject)
    if (manifests.some(({ digest }) => digest === descriptor.digest)) return
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [...manifests, descriptor],
    }
    const bytes = new TextEncoder().encode(JSON.stringify(index))
    await access.push({ mediaType: mediaTypes.index, bytes, tag: referrersTag(subject) })
  }
  const last = await fallbackReferrers(access, subject)
  if (last.some(({ digest }) => digest === descriptor.digest)) return
  throw new AppError(
    'oci/rejected',
    `The list of what hangs on ${subject} did not keep ${descriptor.digest}`,
    { hints: ['Others write to it at the same time. Run this again.'], retryable: true },
  )
}

interface ListPage {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/** Pages until there is no `Link` to a next one; one that is 404 is given, others not ok throw. */
async function* pages(transport: Transport, first: Ask): AsyncGenerator<ListPage> {
  const seen = new Set<string>()
  let sizeBytes = 0
  let url: string | undefined = String(first.url)
  while (url !== undefined) {
    if (seen.has(url) || seen.size >= pagesMax) throw badAnswer(first, 'its pages never end')
    seen.add(url)
    const answer = await transport.ask({ ...first, url })
    const { status, headers, ok } = answer.response
    if (!ok && status !== 404) throw await failure(answer.response, first)
    if (status === 404) await discard(answer.response)
    const body = ok
      ? await cappedBody(answer.response, pageBytesMax, `The answer to «${first.what}»`)
      : new Uint8Array(0)
    sizeBytes += body.byteLength
    if (sizeBytes > listBytesMax) throw badAnswer(first, `its list is over ${listBytesMax} bytes`)
    yield { status, headers, body }
    const next = nextOf(headers.get('link'))
    url = next === undefined ? undefined : String(new URL(next, answer.url))
  }
}

function nextOf(link: string | null): string | undefined {
  return /<([^>]{1,4096})>\s*;[^,]*rel="?next"?/i.exec(link ?? '')?.[1]
}

/** A query string with its `?`. */
export function queryOf(members: Record<string, string>): string {
  return `?${new URLSearchParams(members).toString()}`
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch {
    return undefined
  }
}

/** A manifest's body, within the limit for manifests. */
export async function manifestBody(response: Response, what: string): Promise<Uint8Array> {
  return await cappedBody(response, limits.manifestBytesMax, what)
}
