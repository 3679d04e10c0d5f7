/**
 * Who uses how much: by namespace, with blobs that several have told apart.
 *
 * Not here: limits (`#oci/access`, quotas).
 */
import type { Storage } from '../storage.ts'
import type { NamespaceUsage, UsageReport } from './contract.ts'
import { repositoriesOf, rowsOf, sliceRows } from './statements.ts'

interface Counts {
  repositories: number
  tags: number
  manifests: number
  recycledManifests: number
  blobs: number
  bytes: number
  ownBytes: number
}

/**
 * @param depth How many parts of a repository's name are its namespace; the last part never is,
 *   unless there is no other.
 */
export async function registryUsage({ metadata }: Storage, depth: number): Promise<UsageReport> {
  const namespaces = new Map<string, Counts>()
  const names = new Map<number, string>()
  const countsOf = (namespace: string): Counts => {
    const known = namespaces.get(namespace)
    if (known !== undefined) return known
    const made = { ...noCounts }
    namespaces.set(namespace, made)
    return made
  }
  for (const { id, name } of await repositoriesOf(metadata)) {
    names.set(id, namespaceOf(name, depth))
    countsOf(namespaceOf(name, depth)).repositories += 1
  }
  for (const [table, member] of [
    ['tag', 'tags'],
    ['manifest', 'manifests'],
    ['recycled_manifest', 'recycledManifests'],
  ] as const)
    for (const { repository, n } of await rowsOf<{ repository: number; n: number }>(
      metadata,
      `SELECT repository, COUNT(*) AS n FROM ${table} GROUP BY repository`,
    ))
      countsOf(names.get(repository) ?? '')[member] += n
  for await (const { size, repositories } of blobsWithHolders(metadata)) {
    const holders = new Set(repositories.map((id) => names.get(id) ?? ''))
    for (const namespace of holders) {
      const counts = countsOf(namespace)
      counts.blobs += 1
      counts.bytes += size
      if (holders.size === 1) counts.ownBytes += size
    }
  }
  const [stored] = await rowsOf<{ n: number; bytes: number | null }>(
    metadata,
    'SELECT COUNT(*) AS n, CAST(SUM(size) AS BIGINT) AS bytes FROM stored',
  )
  return {
    namespaces: [...namespaces.entries()].map(([namespace, counts]) => usageOf(namespace, counts)),
    storedBytes: stored?.bytes ?? 0,
    storedBlobs: stored?.n ?? 0,
  }
}

const noCounts: Counts = {
  repositories: 0,
  tags: 0,
  manifests: 0,
  recycledManifests: 0,
  blobs: 0,
  bytes: 0,
  ownBytes: 0,
}

function usageOf(namespace: string, counts: Counts): NamespaceUsage {
  return { namespace, ...counts, sharedBytes: counts.bytes - counts.ownBytes }
}

function namespaceOf(repository: string, depth: number): string {
  const parts = repository.split('/')
  return parts.slice(0, Math.max(1, Math.min(depth, parts.length - 1))).join('/')
}

interface Link {
  readonly digest: string
  readonly repository: number
  readonly size: number
}

/** Each blob with the repositories that have it. */
async function* blobsWithHolders(
  metadata: Storage['metadata'],
): AsyncIterable<{ readonly size: number; readonly repositories: readonly number[] }> {
  let after: readonly [string, number] = ['', 0]
  let current: { digest: string; size: number; repositories: number[] } | undefined
  for (;;) {
    const links = await rowsOf<Link>(
      metadata,
      `SELECT digest, repository, size FROM blob WHERE (digest, repository) > (?, ?)
       ORDER BY digest, repository LIMIT ?`,
      [...after, sliceRows],
    )
    for (const { digest, repository, size } of links) {
      if (current?.digest === digest) current.repositories.push(repository)
      else {
        if (current !== undefined) yield current
        current = { digest, size, repositories: [repository] }
      }
    }
    const last = links.at(-1)
    if (last === undefined) break
    after = [last.digest, last.repository]
  }
  if (current !== undefined) yield current
}
