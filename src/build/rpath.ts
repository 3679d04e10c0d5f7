/**
 * Search paths of programs and libraries, made relative to the file.
 *
 * Invariant: afterwards every ELF file of the build finds every library of the prefix that it
 * needs, wherever the tree is put, and looks nowhere outside the prefix. Search paths are written
 * over in place, so no tool is needed; `steps.ts` leaves the room.
 * Source: ld.so(8), "Dynamic string tokens".
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs'
import { join, posix } from 'node:path'
import { AppError } from '#kernel/index.ts'
import { type ElfFile, isElf, readElf } from './elf.ts'
import { prefix, type StagedFile } from './stage.ts'

/** An ELF file of the stage. */
export interface StagedElf {
  readonly file: StagedFile
  readonly elf: ElfFile
}

/** Reads all ELF files of the stage. @throws AppError `build/bad-elf` */
export function stagedElfs(files: readonly StagedFile[]): StagedElf[] {
  const found: StagedElf[] = []
  for (const file of files) {
    if (file.link !== undefined || /\.(?:h|hpp|cmake|pc|py|a|o|txt)$/.test(file.path)) continue
    if (!beginsAsElf(file.absolute)) continue
    const elf = readElf(readFileSync(file.absolute), `/${file.path}`)
    if (elf !== undefined && elf.type !== 'other') found.push({ file, elf })
  }
  return found
}

/** Most files are not, and some do not fit into memory. */
function beginsAsElf(path: string): boolean {
  const handle = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(4)
    return readSync(handle, bytes, 0, 4, 0) === 4 && isElf(bytes)
  } finally {
    closeSync(handle)
  }
}

export interface RpathOptions {
  /** Folder with `usr/local` of the dependencies. */
  readonly view: string
  /** How steps saw the prefix: `/usr/local`, or the view without a sandbox. */
  readonly seenPrefix: string
  /** Libraries of dependencies by file name, those in folders below lib too. */
  readonly brought: ReadonlyMap<string, { readonly folder: string }>
}

/** Sets every search path. @throws AppError `build/bad-rpath` */
export function setRpaths(elfs: readonly StagedElf[], options: RpathOptions): void {
  const providers = providersOf(elfs, options)
  for (const { file, elf } of elfs) {
    const wanted = wantedPath({ file, elf }, providers, options)
    if (wanted === undefined || wanted === elf.runpath?.text) continue
    if (elf.runpath === undefined) throw noRoom(file, wanted, 'it has no search path at all')
    if (wanted.length > elf.runpath.text.length) {
      if (isEnough({ file, elf }, providers)) continue
      throw noRoom(file, wanted, `its search path '${elf.runpath.text}' leaves no room for it`)
    }
    const bytes = readFileSync(file.absolute)
    const { offset, text } = elf.runpath
    bytes.fill(0, offset, offset + text.length)
    bytes.set(new TextEncoder().encode(wanted), offset)
    writeFileSync(file.absolute, bytes)
  }
}

/** File name or soname of a library → its folder relative to the root (`usr/local/lib`). */
function providersOf(
  elfs: readonly StagedElf[],
  { view, brought }: Pick<RpathOptions, 'view' | 'brought'>,
): ReadonlyMap<string, string> {
  const found = new Map([...brought].map(([name, { folder }]) => [name, folder]))
  for (const folder of ['lib64', 'lib']) {
    const absolute = join(view, prefix, folder)
    if (!existsSync(absolute)) continue
    for (const name of readdirSync(absolute))
      if (name.includes('.so')) found.set(name, `${prefix}/${folder}`)
  }
  for (const { file, elf } of elfs) {
    const folder = posix.dirname(file.path)
    if (elf.soname !== undefined) found.set(elf.soname, folder)
    found.set(posix.basename(file.path), folder)
  }
  return found
}

function wantedPath(
  { file, elf }: StagedElf,
  providers: ReadonlyMap<string, string>,
  options: RpathOptions,
): string | undefined {
  const folders = neededFolders(elf, providers)
  if (elf.runpath === undefined) return folders.length === 0 ? undefined : joined(file, folders)
  const { text } = elf.runpath
  const kept = text.split(':').flatMap((entry) => keptFolder({ file, elf }, entry, options))
  const spare = folders.length + kept.length > 0 ? [] : [`${prefix}/lib`]
  // What only opens at run time may be looked for in the others: as many as there is room for.
  let chosen = folders
  for (const folder of [...kept, ...spare]) {
    const more = [...new Set([...chosen, folder])]
    if (joined(file, more).length <= text.length) chosen = more
  }
  return joined(file, chosen)
}

function joined(file: StagedFile, folders: readonly string[]): string {
  return folders.map((folder) => fromOrigin(file, folder)).join(':')
}

function neededFolders(elf: ElfFile, providers: ReadonlyMap<string, string>): string[] {
  const folders = elf.needed.map((name) => providers.get(name))
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort()
}

/** An entry of the existing search path as a folder below the prefix. */
function keptFolder(staged: StagedElf, entry: string, options: RpathOptions): string[] {
  if (entry === '') return []
  const { file } = staged
  const origin = /^\$(?:ORIGIN|\{ORIGIN\})(?=\/|$)/
  const seen = `${options.seenPrefix}/`
  const absolute = origin.test(entry)
    ? posix.normalize(entry.replace(origin, `/${posix.dirname(file.path)}`))
    : entry.startsWith(seen)
      ? posix.normalize(`/${prefix}/${entry.slice(seen.length)}`)
      : entry
  const folder = posix.normalize(absolute).replace(/\/+$/, '').slice(1)
  if (absolute.startsWith('/') && (folder === prefix || folder.startsWith(`${prefix}/`)))
    return [folder]
  throw new AppError('build/bad-rpath', `/${file.path} looks for libraries in '${entry}'`, {
    hints: [
      'Search paths have to stay below /usr/local; is the build linking with a folder of the host?',
      'With CMake, leave CMAKE_INSTALL_RPATH to Backlot, and CMAKE_SKIP_INSTALL_RPATH off.',
    ],
  })
}

function isEnough({ file, elf }: StagedElf, providers: ReadonlyMap<string, string>): boolean {
  const entries = elf.runpath?.text.split(':') ?? []
  if (!entries.every((entry) => entry.startsWith('$ORIGIN'))) return false
  const folders = new Set(
    entries.map((entry) => posix.normalize(entry.replace('$ORIGIN', posix.dirname(file.path)))),
  )
  return neededFolders(elf, providers).every((folder) => folders.has(folder))
}

function fromOrigin(file: StagedFile, folder: string): string {
  const way = posix.relative(posix.dirname(file.path), folder)
  return way === '' ? '$ORIGIN' : `$ORIGIN/${way}`
}

function noRoom(file: StagedFile, wanted: string, why: string): AppError {
  return new AppError(
    'build/bad-rpath',
    `/${file.path} needs the search path '${wanted}': ${why}`,
    {
      hints: [
        'Make steps get room by LDFLAGS; does the makefile ignore it? Pass `LDFLAGS="$LDFLAGS"`.',
        'With CMake, do not set CMAKE_SKIP_RPATH or an INSTALL_RPATH of the project.',
      ],
    },
  )
}

/** What comes with every C and C++ toolchain, and with the loader. */
export const toolchainLibrary =
  /^(?:ld-linux|ld64|lib(?:c|m|dl|rt|util|pthread|resolv|gcc_s|stdc\+\+|gomp|atomic|quadmath|gfortran|c\+\+|c\+\+abi|unwind|omp)\.so|linux-vdso)/

/** Libraries that files of the build need from the operating system, beyond the toolchain's own. */
export function systemLibraries(
  elfs: readonly StagedElf[],
  options: Pick<RpathOptions, 'view' | 'brought'>,
): string[] {
  const providers = providersOf(elfs, options)
  const needed = new Set(elfs.flatMap(({ elf }) => elf.needed))
  return [...needed].filter((name) => !providers.has(name) && !toolchainLibrary.test(name)).sort()
}
