/**
 * Which libraries the dependencies of a build brought into its sandbox, and whether they will be
 * there when the build is used.
 *
 * Not here: how a file finds them (`rpath.ts`).
 */
import { posix } from 'node:path'
import { AppError } from '#kernel/index.ts'
import type { RecipeVersion } from '#model/index.ts'
import { readTree, type Store } from '#store/index.ts'
import type { DependencyBuild } from './request.ts'
import { type StagedElf, toolchainLibrary } from './rpath.ts'

interface Needs {
  readonly brought: ReadonlyMap<string, BroughtLibrary>
  readonly folders: readonly string[]
}

export interface BroughtLibrary {
  /** Relative to the root: `usr/local/lib/tbb`. */
  readonly folder: string
  readonly package: string
  /** False for what is in the sandbox only because builds need it. */
  readonly runtime: boolean
}

/** What Python loads by its own paths, and wheels keep for themselves, is not for others. */
const ownLibraries = /\/site-packages\//

/** File name → library; of two, the one that is there at run time, then the one nearer to lib. */
export function broughtLibraries(
  store: Store,
  dependencies: readonly DependencyBuild[],
  { runRequires }: Pick<RecipeVersion, 'runRequires'>,
): ReadonlyMap<string, BroughtLibrary> {
  const run = new Set(runRequires.map(({ requirement }) => requirement.name))
  const brought = dependencies.flatMap(({ config, layer, runtime }) => {
    const names = [config.name, ...config.provides.map(({ name }) => name)]
    const isThere = runtime || names.some((name) => run.has(name))
    return (readTree(store, layer.digest)?.entries ?? []).flatMap(({ type, path }) => {
      const name = posix.basename(path)
      if (type === 'dir' || !/\.so(?:\.|$)/.test(name) || ownLibraries.test(path)) return []
      if (toolchainLibrary.test(name)) return [] // The system has it too, where this will run.
      const folder = posix.dirname(path)
      return [{ name, library: { folder, package: config.name, runtime: isThere } }]
    })
  })
  const depth = (folder: string) => folder.split('/').length
  const order = brought.sort(
    ({ library: a }, { library: b }) =>
      Number(a.runtime) - Number(b.runtime) || depth(b.folder) - depth(a.folder),
  )
  return new Map(order.map(({ name, library }) => [name, library]))
}

/**
 * @param folders Where the build ran; what is needed from there by its path is nowhere else.
 * @throws AppError `build/bad-rpath` for a library that will not be there at run time
 */
export function checkNeeded(elfs: readonly StagedElf[], { brought, folders }: Needs): void {
  for (const { file, elf } of elfs)
    for (const name of elf.needed)
      if (name.includes('/') && isOfBuild(name, folders)) throw byPath(file.path, name)
  const own = new Set(elfs.flatMap(({ file, elf }) => [posix.basename(file.path), elf.soname]))
  for (const { file, elf } of elfs)
    for (const name of elf.needed) {
      const library = brought.get(name)
      if (library === undefined || library.runtime || own.has(name)) continue
      throw new AppError(
        'build/bad-rpath',
        `/${file.path} needs ${name} of ${library.package}, which is required only to build`,
        {
          hints: [
            `Move ${library.package} from \`build-requires\` to \`requires\`, or link with a static library.`,
          ],
        },
      )
    }
}

/** The host's own libraries may be needed by their paths. */
function isOfBuild(name: string, folders: readonly string[]): boolean {
  const places = ['/usr/local', ...folders]
  return !name.startsWith('/') || places.some((folder) => name.startsWith(`${folder}/`))
}

/** A linker writes down the path that it was given where a library has no name of its own. */
function byPath(path: string, name: string): AppError {
  return new AppError(
    'build/bad-rpath',
    `/${path} needs a library by the path '${name}', where it will not be`,
    {
      hints: [
        `Give the library a name when it is linked: -Wl,-soname,${posix.basename(name)}.`,
        'With CMake, do not set NO_SONAME.',
      ],
    },
  )
}
