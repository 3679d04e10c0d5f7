/**
 * What hangs on a manifest, from the metadata and from lists that older clients kept under a tag.
 *
 * Source: OCI distribution-spec 1.1, "Listing Referrers" and "Enabling the Referrers API".
 */
import type { Digest } from '#kernel/index.ts'
import { isIndexType } from '../media-types.ts'
import { referrersTag } from '../reference.ts'
import { type Descriptor, parseIndex } from '../schema.ts'
import type { Page, PageRequest } from './contract.ts'
import type { Metadata } from './metadata/contract.ts'

const pageItemsMax = 1000
/** Answers stay below what clients take for a manifest. */
const pageBytesMax = 3 * 1024 * 1024

/** One page, ordered by digest. */
export async function listReferrers(
  metadata: Metadata,
  repository: string,
  subject: Digest,
  page: PageRequest & { readonly artifactType?: string },
): Promise<Page<Descriptor>> {
  const limit = Math.min(page.limit ?? pageItemsMax, pageItemsMax)
  const known = await metadata.referrers(repository, subject, { ...page, limit: limit + 1 })
  const listed = await listedUnderTag(metadata, repository, subject)
  const merged = new Map(known.map((descriptor) => [descriptor.digest, descriptor]))
  for (const descriptor of listed)
    if (fits(descriptor, page) && !merged.has(descriptor.digest))
      merged.set(descriptor.digest, descriptor)
  const all = [...merged.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const items = fitting(all, limit)
  const last = items.at(-1)
  return all.length > items.length && last !== undefined ? { items, next: last.digest } : { items }
}

/** Descriptors under the fallback tag whose manifests are here. */
async function listedUnderTag(
  metadata: Metadata,
  repository: string,
  subject: Digest,
): Promise<readonly Descriptor[]> {
  const found = await metadata.manifest(repository, { tag: referrersTag(subject) })
  if (found === undefined || !isIndexType(found.mediaType)) return []
  const present: Descriptor[] = []
  for (const descriptor of parseIndex(found.bytes, 'The list of referrers').manifests)
    if ((await metadata.manifest(repository, { digest: descriptor.digest })) !== undefined)
      present.push(descriptor)
  return present
}

function fits(
  descriptor: Descriptor,
  page: PageRequest & { readonly artifactType?: string },
): boolean {
  const wanted = page.artifactType === undefined || descriptor.artifactType === page.artifactType
  return wanted && descriptor.digest > (page.after ?? '')
}

/** As many as fit into a page, and at least one. */
function fitting(all: readonly Descriptor[], limit: number): readonly Descriptor[] {
  const items: Descriptor[] = []
  let sizeBytes = 0
  for (const descriptor of all) {
    sizeBytes += JSON.stringify(descriptor).length
    if (items.length >= limit || (items.length > 0 && sizeBytes > pageBytesMax)) break
    items.push(descriptor)
  }
  return items
}
