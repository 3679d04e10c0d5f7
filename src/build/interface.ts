/**
 * The interface digest: what can change a thing that is compiled against this build.
 *
 * Invariant: equal digest, nothing above it needs a rebuild. Counted are headers, CMake and
 * pkg-config files, sonames and exported dynamic symbols with their versions, Python modules, the
 * names of programs; static libraries count whole, because they are copied into their users.
 * Not counted: code behind the symbols, documentation, data, licences.
 */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { type Digest, digestOf } from '#kernel/index.ts'
import type { StagedElf } from './rpath.ts'
import type { StagedFile } from './stage.ts'

/** The digest over the lines of `interfaceLines`. */
export function interfaceDigest(files: readonly StagedFile[], elfs: readonly StagedElf[]): Digest {
  return digestOf(interfaceLines(files, elfs).join('\n'))
}

/** What counts, one fact a line, sorted: to be compared when an interface changed. */
export function interfaceLines(files: readonly StagedFile[], elfs: readonly StagedElf[]): string[] {
  const elfOf = new Map(elfs.map(({ file, elf }) => [file.path, elf]))
  const lines = files.flatMap((file) => {
    const elf = elfOf.get(file.path)
    if (elf !== undefined) {
      const isProgram =
        isInBin(file.path) || (elf.type === 'executable' && elf.soname === undefined)
      if (isProgram) return [`program ${file.path}`]
      const symbols = elf.exported.map((symbol) => `symbol ${file.path} ${symbol}`)
      return [`library ${file.path} ${elf.soname ?? ''} ${elf.machine}`, ...symbols]
    }
    if (file.link !== undefined)
      return /\.so(?:\.|$)/.test(file.path) || isWhole(file.path)
        ? [`link ${file.path} ${file.link}`]
        : isInBin(file.path)
          ? [`program ${file.path}`]
          : []
    if (isWhole(file.path)) return [`file ${file.path} ${digestOf(readFileSync(file.absolute))}`]
    return isInBin(file.path) ? [`program ${file.path}`] : []
  })
  return lines.sort()
}

function isInBin(path: string): boolean {
  return /^usr\/local\/s?bin\//.test(path)
}

/** Files whose every byte can matter to what is built with them. */
function isWhole(path: string): boolean {
  return (
    path.startsWith('usr/local/include/') ||
    /\.(?:h|hh|hpp|hxx|inl|ipp|cmake|pc|a|pyi?|cuh|osl|oslh)$/.test(path) ||
    posix.basename(path) === 'entry_points.txt'
  )
}

/** The newest glibc whose symbols are wanted, as a range (`>=2.34`); undefined when none are. */
export function glibcRange(elfs: readonly StagedElf[]): string | undefined {
  let newest: readonly number[] | undefined
  for (const { elf } of elfs)
    for (const { version } of elf.wants) {
      const found = glibcVersion(version)
      if (found !== undefined && isNewer(found, newest)) newest = found
    }
  return newest === undefined ? undefined : `>=${newest.join('.')}`
}

function glibcVersion(symbolVersion: string): readonly number[] | undefined {
  if (symbolVersion === 'GLIBC_ABI_DT_RELR') return [2, 36]
  const match = /^GLIBC_(\d+(?:\.\d+)+)$/.exec(symbolVersion)
  return match?.[1]?.split('.').map(Number)
}

function isNewer(a: readonly number[], b: readonly number[] | undefined): boolean {
  if (b === undefined) return true
  for (let i = 0; i < Math.max(a.length, b.length); i += 1)
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) > (b[i] ?? 0)
  return false
}
