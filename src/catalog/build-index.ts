/**
 * The builds of the local store in one file, so that a repeated lock reads no manifests, and takes
 * apart only what is listed of the packages that a request reaches.
 *
 * Invariant: the file is only a memory of what the store says; a missing, broken or outdated one
 * costs time and nothing else.
 */
import { AppError, type Digest } from '#kernel/index.ts'
import { decodeCatalog, encodeCatalog } from './codec.ts'
import type { BuildEntry } from './entry.ts'
import { byProvided } from './memory.ts'
import { readShelf, writeShelf } from './shelf-file.ts'
import type { Section, Shelf } from './shelf.ts'

export interface BuildIndex {
  /** The builds of a package, in order of their manifests' digests. */
  builds(name: string): readonly BuildEntry[]
  /** Packages of which there are builds, in order. */
  names(): readonly string[]
  /** Packages of which some build answers to a name that is not theirs. */
  providers(name: string): readonly string[]
}

export interface BuildSource {
  /** Changes whenever `manifests` do. */
  readonly stamp: string
  manifests(): readonly Digest[]
  /** Undefined for what is no build. */
  read(manifest: Digest): Promise<BuildEntry | undefined>
}

/** Of what is in a section. */
const format = 1

/**
 * The index, brought up to its source: reads builds that are new, forgets those that are gone, and
 * writes the file only when something changed. A read-only folder or a full disk is no failure.
 */
export async function openBuildIndex(path: string, source: BuildSource): Promise<BuildIndex> {
  const stamp = `${format} ${source.stamp}`
  const remembered = readShelf(path)
  if (remembered?.stamp === stamp) return indexOf(remembered.sections)
  const known = new Map(buildsIn(remembered).map((build) => [build.manifest, build]))
  const builds: BuildEntry[] = []
  for (const manifest of [...new Set(source.manifests())].sort()) {
    const build = known.get(manifest) ?? (await source.read(manifest))
    if (build !== undefined) builds.push(build)
  }
  const sections = sectionsOf(builds)
  writeShelf(path, { stamp, sections })
  return indexOf(sections)
}

function sectionsOf(builds: readonly BuildEntry[]): ReadonlyMap<string, Section> {
  const byName = [...Map.groupBy(builds, (build) => build.name)].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )
  return new Map(
    byName.map(([name, own]) => {
      const provided = own.flatMap(({ config }) => config.provides.map((one) => one.name))
      return [name, { about: [...new Set(provided)].sort(), bytes: encodeCatalog(name, own) }]
    }),
  )
}

function indexOf(sections: ReadonlyMap<string, Section>): BuildIndex {
  const decoded = new Map<string, readonly BuildEntry[]>()
  return {
    names: () => [...sections.keys()],
    providers: byProvided([...sections].map(([name, { about }]) => [name, about])),
    builds: (name) => {
      const before = decoded.get(name)
      if (before !== undefined) return before
      const section = sections.get(name)
      const found = section === undefined ? [] : buildsOf(name, section)
      decoded.set(name, found)
      return found
    },
  }
}

function buildsIn(shelf: Shelf | undefined): readonly BuildEntry[] {
  return [...(shelf?.sections ?? [])].flatMap(([name, section]) => buildsOf(name, section))
}

/** None where a Backlot with another format wrote the section. */
function buildsOf(name: string, { bytes }: Section): readonly BuildEntry[] {
  try {
    return decodeCatalog(bytes, { name, origin: 'local' })
  } catch (error) {
    if (error instanceof AppError && error.code === 'solver/bad-catalog') return []
    throw error
  }
}
