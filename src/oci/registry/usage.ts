/**
 * How much a namespace has: a repository and all below it, with shared bytes counted once.
 */
import { z } from 'zod'
import type { Digest } from '#kernel/index.ts'
import type { NamespaceUsage } from './contract.ts'
import type { Metadata } from './metadata/contract.ts'
import { bytesIn, holds, tagsIn } from './metadata/namespaces.ts'

const Sums = z.tuple([
  z.array(z.object({ bytes: z.number() })).length(1),
  z.array(z.object({ tags: z.number() })).length(1),
])

const reaching = `WITH RECURSIVE home AS (SELECT id FROM repository WHERE name = ?),
  above (digest) AS (
    SELECT n.manifest FROM need n WHERE n.repository = (SELECT id FROM home) AND n.digest = ?
    UNION
    SELECT n.manifest FROM need n JOIN above a ON n.digest = a.digest
    WHERE n.repository = (SELECT id FROM home))
  SELECT name FROM tag WHERE repository = (SELECT id FROM home)
    AND (digest = ? OR digest IN (SELECT digest FROM above)) ORDER BY 1`

/** What a namespace has at this moment. */
export async function namespaceUsage(
  metadata: Metadata,
  namespace: string,
): Promise<NamespaceUsage> {
  const rows = await metadata.batch([bytesIn(namespace), tagsIn(namespace)])
  const [[first], [second]] = Sums.parse(rows)
  return { bytes: first?.bytes ?? 0, tags: second?.tags ?? 0 }
}

/** Whether a repository of the namespace has the blob. */
export async function namespaceHolds(
  metadata: Metadata,
  namespace: string,
  digest: Digest,
): Promise<boolean> {
  const [rows = []] = await metadata.batch([holds('blob', namespace, digest)])
  return rows.length > 0
}

/** The tags that name a manifest, or an index or a manifest that needs it, or the blob. */
export async function tagsReaching(
  metadata: Metadata,
  repository: string,
  digest: Digest,
): Promise<readonly string[]> {
  const [rows] = await metadata.batch([{ text: reaching, values: [repository, digest, digest] }])
  return z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name)
}
