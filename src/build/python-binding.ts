/**
 * Which Python the files of a build were compiled for.
 *
 * A module that uses all of Python's C API works with one minor version of it. A file name says so
 * (`_arrow.cpython-311-x86_64-linux-gnu.so`), or a library that it needs, or the folder of a module
 * without such a name. Modules of the stable API (`.abi3.so`) and Python code are bound to none.
 * Source: PEP 3149 (tags of file names), PEP 384 (stable API), PEP 425 (`cp311`).
 */
import { posix } from 'node:path'
import type { StagedElf } from './rpath.ts'
import type { StagedFile } from './stage.ts'

const tagged = /\.(?:cpython-|cp)3(\d{1,3})t?(?:-[^/]*)?\.(?:so|pyd)$/
const library = /^libpython(\d\.\d{1,3})[a-z]*\.(?:so|dylib)/
const folder = /(?:^|\/)python(\d\.\d{1,3})t?\//

/** Minor versions, such as `3.11`, in their order; none where any Python will do. */
export function boundPythons(
  files: readonly StagedFile[],
  elfs: readonly StagedElf[],
): readonly string[] {
  const found = new Set<string | undefined>()
  for (const { path } of files) {
    const minor = tagged.exec(path)?.[1]
    if (minor !== undefined) found.add(`3.${minor}`)
  }
  for (const { file, elf } of elfs) {
    for (const needed of elf.needed) found.add(library.exec(needed)?.[1])
    if (isUntaggedModule(file.path, elf.exported)) found.add(folder.exec(file.path)?.[1])
  }
  const order = new Intl.Collator('en', { numeric: true })
  return [...found].filter((one) => one !== undefined).sort(order.compare)
}

/** What such a build asks of its environment: `~cpython 3.11`, a limit and no need. */
export function pythonConstraint(pythons: readonly string[]): readonly string[] {
  return pythons.length === 0 ? [] : [`~cpython ${pythons.join(' | ')}`]
}

/** As CMake makes them where nobody asks for a tag: `_arrow.so`, with what Python 3 or 2 calls. */
function isUntaggedModule(path: string, exported: readonly string[]): boolean {
  const name = /^([^.]+)\.so$/.exec(posix.basename(path))?.[1]
  if (name === undefined) return false
  const symbols = new Set(exported.map((symbol) => symbol.replace(/@.*$/, '')))
  return symbols.has(`PyInit_${name}`) || symbols.has(`init${name}`)
}
