/**
 * The builds of the local store in one file, so that a repeated lock reads no manifests.
 *
 * Invariant: the file is only a memory of what the store says; a missing, broken or outdated one
 * costs time and nothing else.
 */
import { AppError, type Digest, limits, readIfPresent, writeFileAtomic } from '#kernel/index.ts'
import { decodeBuilds, encodeBuilds } from './codec.ts'
import type { BuildEntry } from './entry.ts'

export interface BuildIndex {
  /** In order of their manifests' digests. */
  readonly builds: readonly BuildEntry[]
}

/** What stands where a catalog has its package's name. */
const indexName = '*'

/**
 * Brings the index up to the given manifests: reads those that are new, forgets those that are
 * gone, and writes the file only when something changed. A broken file is made anew; a read-only
 * folder or a full disk is no failure. Manifests for which `read` gives undefined are asked for
 * again next time.
 */
export async function refreshBuildIndex(
  path: string,
  manifests: readonly Digest[],
  read: (manifest: Digest) => Promise<BuildEntry | undefined>,
): Promise<BuildIndex> {
  const remembered = new Map(rememberedBuilds(path).map((build) => [build.manifest, build]))
  const builds: BuildEntry[] = []
  let changed = false
  for (const manifest of [...new Set(manifests)].sort()) {
    const known = remembered.get(manifest)
    const build = known ?? (await read(manifest))
    if (build === undefined) continue
    changed ||= known === undefined
    builds.push(build)
  }
  if (changed || builds.length !== remembered.size) remember(path, builds)
  return { builds }
}

function rememberedBuilds(path: string): readonly BuildEntry[] {
  const bytes = readIfPresent(path)
  if (bytes === undefined || bytes.byteLength > limits.catalogBytesMax) return []
  try {
    return decodeBuilds(bytes, { where: path, name: indexName, origin: 'local' })
  } catch (error) {
    if (error instanceof AppError && error.code === 'solver/bad-catalog') return []
    throw error
  }
}

function remember(path: string, builds: readonly BuildEntry[]): void {
  try {
    writeFileAtomic(path, encodeBuilds(indexName, builds))
  } catch (error) {
    const excused = ['kernel/read-only', 'kernel/no-space']
    if (!(error instanceof AppError) || !excused.includes(error.code)) throw error
  }
}
