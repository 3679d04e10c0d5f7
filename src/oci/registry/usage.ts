/**
 * How much a namespace has: a repository and all below it, with shared bytes counted once.
 */
import { z } from 'zod'
import type { Digest } from '#kernel/index.ts'
import type { NamespaceUsage } from './contract.ts'
import type { Metadata } from './metadata/contract.ts'

const Sums = z.tuple([
  z.array(z.object({ bytes: z.number() })).length(1),
  z.array(z.object({ tags: z.number() })).length(1),
])

const within = 'r.name = ? OR (r.name >= ? AND r.name < ?)'
const sums = `SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM (
  SELECT DISTINCT b.digest, b.size AS size
    FROM repository r JOIN blob b ON b.repository = r.id WHERE ${within}
  UNION ALL
  SELECT c.digest, LENGTH(c.bytes) AS size FROM content c WHERE c.digest IN (
    SELECT m.digest FROM repository r JOIN manifest m ON m.repository = r.id WHERE ${within})
) AS had`
const tags = `SELECT COUNT(*) AS tags
  FROM repository r JOIN tag t ON t.repository = r.id WHERE ${within}`
const holds = `SELECT 1 AS one FROM repository r JOIN blob b ON b.repository = r.id
  WHERE (${within}) AND b.digest = ? LIMIT 1`
const named = `SELECT t.name AS name FROM repository r JOIN tag t ON t.repository = r.id
  WHERE r.name = ? AND t.digest = ?`

/** What a namespace has at this moment. */
export async function namespaceUsage(
  metadata: Metadata,
  namespace: string,
): Promise<NamespaceUsage> {
  const range = rangeOf(namespace)
  const rows = await metadata.batch([
    { text: sums, values: [...range, ...range] },
    { text: tags, values: range },
  ])
  const [[first], [second]] = Sums.parse(rows)
  return { bytes: first?.bytes ?? 0, tags: second?.tags ?? 0 }
}

/** Whether a repository of the namespace has the blob. */
export async function namespaceHolds(
  metadata: Metadata,
  namespace: string,
  digest: Digest,
): Promise<boolean> {
  const values = [...rangeOf(namespace), digest]
  const [rows = []] = await metadata.batch([{ text: holds, values }])
  return rows.length > 0
}

/** The tags that name a manifest. */
export async function tagsNaming(
  metadata: Metadata,
  repository: string,
  digest: Digest,
): Promise<readonly string[]> {
  const [rows] = await metadata.batch([{ text: named, values: [repository, digest] }])
  return z
    .array(z.object({ name: z.string() }))
    .parse(rows)
    .map(({ name }) => name)
}

/** `0` is the character after `/`, so these are the names below the namespace, and itself. */
function rangeOf(namespace: string): [string, string, string] {
  return [namespace, `${namespace}/`, `${namespace}0`]
}
