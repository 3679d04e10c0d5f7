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
