/**
 * Catalogs of Rez repositories on disk: found, checked against the repository, made anew.
 *
 * Invariant: a catalog is used only while the repository's folder, the family folders that a
 * request reaches, and the definition files of the packages in the answer are as they were when it
 * was made. A damaged catalog is made anew. Writing is all or nothing; where the home folder cannot
 * be written the catalog serves this process only. See docs/rez.md, «How fresh».
 */
import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, readIfPresent, systemCode, writeFileAtomic } from '#kernel/index.ts'
import { decodeCatalog } from './catalog-decode.ts'
import { encodeCatalog } from './catalog-encode.ts'
import type { Catalog, CatalogFamily, CatalogPackage } from './catalog-layout.ts'
import type { RezPackage } from './definition.ts'
import { pythonRunner } from './python.ts'
import { type KnownPackage, type Problem, readRepository, statsOf } from './repository.ts'
import type { RezOutcome } from './rez-solve.ts'
import type { Repository } from './rez-universe.ts'

export interface CatalogOptions {
  /** `BACKLOT_HOME`. */
  readonly home: string
  /** `PATH` of the user. */
  readonly path: string
  readonly signal?: AbortSignal | undefined
}

/** What reading a repository found. */
export interface ImportReport {
  readonly path: string
  readonly families: number
  readonly packages: number
  readonly variants: number
  readonly problems: readonly Problem[]
}

/**
 * The repository at a path with its catalog, which is made when there is none.
 * @throws AppError `interop/no-repository`
 */
export async function openRezRepository(
  path: string,
  options: CatalogOptions,
): Promise<Repository> {
  const root = realRoot(path)
  const catalog = storedCatalog(root, options.home)
  if (catalog !== undefined && catalog.mtimeMs === mtimeOf(root)) return { path: root, catalog }
  return (await importRezRepository(root, options)).repository
}

/**
 * Reads a repository and keeps its catalog. Definitions whose files did not change since the last
 * time are taken from the catalog, unless `afresh`.
 * @throws AppError `interop/no-repository`
 */
export async function importRezRepository(
  path: string,
  options: CatalogOptions & { readonly afresh?: boolean },
): Promise<{ readonly repository: Repository; readonly report: ImportReport }> {
  const root = realRoot(path)
  const before = options.afresh ? undefined : storedCatalog(root, options.home)
  // Taken before reading, so that a change meanwhile is noticed the next time.
  const mtimeMs = mtimeOf(root) ?? 0
  const families = await readRepository(root, {
    python: pythonRunner(root, options),
    ...(before && { known: knownIn(before) }),
  })
  const bytes = encodeCatalog(families, mtimeMs)
  try {
    writeFileAtomic(catalogPath(root, options.home), bytes)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
  }
  const packages = families.flatMap((family) => family.packages)
  return {
    repository: { path: root, catalog: decodeCatalog(bytes) },
    report: {
      path: root,
      families: families.length,
      packages: packages.length,
      variants: packages.reduce((sum, one) => sum + (one.variants?.length ?? 1), 0),
      problems: families.flatMap((family) => family.problems),
    },
  }
}

/** Whether what a request looked at is as the catalog has it. */
export function isStillFresh(
  { path, catalog }: Repository,
  { reached, definitions }: Pick<RezOutcome, 'reached' | 'definitions'>,
): boolean {
  return (
    reached.every((name) => {
      const family = catalog.family(name)
      if (family === undefined) return true // Its coming would change the repository's folder.
      return familyMtime(path, name) === family.mtimeMs
    }) &&
    definitions.every(({ repository, file, mtimeMs, sizeBytes }) => {
      if (repository !== path) return true
      const stats = statsOf(`${path}/${file}`)
      return stats?.mtimeMs === mtimeMs && stats.size === sizeBytes
    })
  )
}

/** A family is a folder, or one file. */
function familyMtime(root: string, name: string): number | undefined {
  for (const ending of ['', '.py', '.yaml']) {
    const found = mtimeOf(`${root}/${name}${ending}`)
    if (found !== undefined) return found
  }
  return undefined
}

function mtimeOf(path: string): number | undefined {
  return statsOf(path)?.mtimeMs
}

function realRoot(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw new AppError('interop/no-repository', `There is no Rez repository at ${path}`, {
      hints: ['Give the folder that holds one folder for each package family.'],
      cause: error,
    })
  }
}

function catalogPath(root: string, home: string): string {
  const key = createHash('sha256').update(root).digest('hex').slice(0, 24)
  return join(home, 'rez', `${key}.catalog`)
}

function storedCatalog(root: string, home: string): Catalog | undefined {
  try {
    const bytes = mapped(catalogPath(root, home))
    return bytes && decodeCatalog(bytes)
  } catch (error) {
    if (error instanceof AppError || systemCode(error) === 'EACCES') return undefined
    throw error
  }
}

/** A file's bytes, read where they are looked at; nobody changes a catalog, only replaces it. */
function mapped(path: string): Uint8Array | undefined {
  if (process.platform === 'win32') return readIfPresent(path)
  return statsOf(path)?.size ? Bun.mmap(path, { shared: false }) : undefined
}

/** Packages of a catalog, as a reader of the repository wants them. */
function knownIn(catalog: Catalog): KnownPackage {
  const files = new Map<string, ReadonlyMap<string, RezPackage>>()
  return (family, file) => {
    let own = files.get(family)
    if (own === undefined) {
      own = packagesOf(catalog, family)
      files.set(family, own)
    }
    return own.get(file)
  }
}

function packagesIn(family: CatalogFamily | undefined): CatalogPackage[] {
  return Array.from({ length: family?.size ?? 0 }, (_, place) => family?.package(place)).filter(
    (one) => one !== undefined,
  )
}

/** Packages that have a file of their own. */
function packagesOf(catalog: Catalog, family: string): ReadonlyMap<string, RezPackage> {
  const texts = (ids: Uint32Array) => Array.from(ids, catalog.demandText)
  return new Map(
    packagesIn(catalog.family(family))
      .filter(({ file }) => file.includes('/'))
      .map((one) => [
        one.file,
        {
          version: one.version,
          file: one.file,
          mtimeMs: one.mtimeMs,
          sizeBytes: one.sizeBytes,
          timestamp: one.timestamp,
          requires: texts(one.requires()),
          variants: one.variants()?.map(texts),
        },
      ]),
  )
}
