/**
 * Moving files from the prefix that they were built for to another folder.
 *
 * Text files (CMake, pkg-config, scripts' first lines, Python) and absolute links are rewritten; a
 * binary that holds the prefix in its data cannot be, and is named, as is a script whose first line
 * the system cannot read any more. RPATHs of ours are relative and need nothing.
 * Invariant: a file that is a hard link is never written to; it is replaced by a new file.
 */
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryName, throwIfCancelled } from '#kernel/index.ts'

export interface RelocateOptions {
  /** A tree whose content was built for `from`; changed in place. */
  readonly folder: string
  /** The prefix that the files were built for. */
  readonly from: string
  /** Where the files will be used. */
  readonly to: string
  readonly signal?: AbortSignal | undefined
}

export interface Unmovable {
  /** Relative to the folder. */
  readonly path: string
  /** The paths that it holds, the first few. */
  readonly found: readonly string[]
}

export interface RelocateReport {
  /** Paths relative to the folder, sorted. */
  readonly rewritten: readonly string[]
  readonly unmovable: readonly Unmovable[]
}

const chunkBytes = 4 * 1024 * 1024
/** Larger text is treated as data: nobody writes such a script or CMake file. */
const textBytesMax = 64 * 1024 * 1024
const foundMax = 5
/** What Linux reads of a script's first line, `#!` included. Source: execve(2). */
const firstLineBytesMax = 255

/** Rewrites the prefix in every text file and link of a folder. */
export async function relocate(options: RelocateOptions): Promise<RelocateReport> {
  const rewritten: string[] = []
  const unmovable: Unmovable[] = []
  if (options.from === options.to) return { rewritten, unmovable }
  const pattern = prefixPattern(options.from)
  for (const path of filesIn(options.folder)) {
    throwIfCancelled(options.signal, 'Moving files')
    const full = join(options.folder, path)
    if (lstatSync(full).isSymbolicLink()) {
      if (moveLink(full, options)) rewritten.push(path)
      continue
    }
    const { isRewritten, found } = moveFile(full, options, pattern)
    if (isRewritten) rewritten.push(path)
    if (found.length > 0) unmovable.push({ path, found })
  }
  return { rewritten: rewritten.sort(), unmovable }
}

/** Every file and link below a folder, relative and sorted; folders that are links are links. */
export function filesIn(folder: string): readonly string[] {
  const paths: string[] = []
  const visit = (relative: string): void => {
    for (const entry of readdirSync(join(folder, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else paths.push(path)
    }
  }
  visit('')
  return paths.sort()
}

/**
 * The prefix as a whole path: not the end of a longer path (`/opt/usr/local`) and not the start
 * of a longer name (`/usr/local2`), but also right after a flag (`-I/usr/local/include`).
 */
function prefixPattern(from: string): RegExp {
  const literal = from.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(`(?<![\\w.\\-+~}/]|\\$)${literal}(?![\\w.\\-])`, 'g')
}

/** Flags that are written without a blank before their path. */
const flagPattern = /(?<=^|[\s"';:,=(])(-(?:I|L|F|B|R|isystem|isysroot|iprefix|Wl,-rpath,))(?=\/)/gm

function rewriteText(text: string, pattern: RegExp, to: string): string {
  const spaced = text.replaceAll(flagPattern, '$1\u0000')
  return spaced.replaceAll(pattern, () => to).replaceAll('\u0000', '')
}

function moveLink(path: string, options: RelocateOptions): boolean {
  const target = readlinkSync(path)
  const inside = target === options.from || target.startsWith(`${options.from}/`)
  if (!inside) return false
  const temporary = temporaryName(path)
  symlinkSync(options.to + target.slice(options.from.length), temporary)
  renameSync(temporary, path)
  return true
}

interface Outcome {
  readonly isRewritten: boolean
  /** Paths in it that will not work. */
  readonly found: readonly string[]
}

const untouched: Outcome = { isRewritten: false, found: [] }

function moveFile(path: string, options: RelocateOptions, pattern: RegExp): Outcome {
  const { from, to } = options
  const { size } = lstatSync(path)
  if (size < from.length || path.endsWith('.pyc') || !mentions(path, from)) return untouched
  const bytes = size <= textBytesMax ? readFileSync(path) : undefined
  if (bytes === undefined || bytes.includes(0))
    return { isRewritten: false, found: pathsIn(path, from) }
  const text = bytes.toString('latin1')
  const prefix = Buffer.from(to).toString('latin1')
  const moved = rewriteText(text, pattern, prefix)
  if (moved === text) return untouched
  replaceFile(path, Buffer.from(moved, 'latin1'))
  const line = rewriteText(/^#![^\n]*/.exec(text)?.[0] ?? '', pattern, prefix)
  const isRead = !line.includes(prefix) || (line.length <= firstLineBytesMax && !/\s/.test(prefix))
  return { isRewritten: true, found: isRead ? [] : [Buffer.from(line, 'latin1').toString()] }
}

/** A new file with the mode and time of the old one, in its place. */
function replaceFile(path: string, bytes: Uint8Array): void {
  const { mode, atimeMs, mtimeMs } = lstatSync(path)
  const temporary = temporaryName(path)
  try {
    writeFileSync(temporary, bytes, { flag: 'wx', mode: mode & 0o777 })
    utimesSync(temporary, atimeMs / 1000, mtimeMs / 1000)
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Chunks of a file, each beginning with the last `overlapBytes` of the one before. */
function* chunksOf(path: string, overlapBytes: number): Generator<Buffer> {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(chunkBytes + overlapBytes)
    for (let at = 0, kept = 0; ; ) {
      const read = readSync(file, buffer, kept, chunkBytes, at)
      if (read === 0) return
      at += read
      const filled = kept + read
      yield buffer.subarray(0, filled)
      kept = Math.min(overlapBytes, filled)
      buffer.copyWithin(0, filled - kept, filled)
    }
  } finally {
    closeSync(file)
  }
}

function mentions(path: string, text: string): boolean {
  for (const chunk of chunksOf(path, text.length)) if (chunk.includes(text)) return true
  return false
}

/** The paths below the prefix that a binary holds; none when it only holds a longer name. */
function pathsIn(path: string, from: string): readonly string[] {
  const found = new Set<string>()
  const literal = from.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  const pattern = new RegExp(`(?<![\\w.\\-/])${literal}(?:/[\\x21-\\x7e]*)?(?![\\w.\\-])`, 'g')
  for (const chunk of chunksOf(path, 4096)) {
    for (const [match] of chunk.toString('latin1').matchAll(pattern)) found.add(match)
    if (found.size >= foundMax) break
  }
  return [...found].slice(0, foundMax)
}
