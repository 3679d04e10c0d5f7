/**
 * From tar entries to a tree: every rule for what a build's layer may hold is applied here.
 *
 * Not here: names and link targets (`safe-path.ts`), how entries fit together (`layer-tree.ts`).
 */
import type { Digest } from '#kernel/index.ts'
import { refused, shown } from './errors.ts'
import { partFlags } from './layer-jobs.ts'
import { layerTree, type TreeBuilder } from './layer-tree.ts'
import { safePath } from './safe-path.ts'
import { type TarEntry, tarReader } from './tar-read.ts'
import type { TreeEntry } from './tree.ts'

/** A tar entry with the digest of its bytes, once that is known. */
export interface RawEntry {
  readonly path: string
  readonly entry: TarEntry
  digest: Digest | undefined
}

/** A file whose last byte was read; it gets its digest when that is known. */
export interface EndedFile {
  readonly raw: { digest: Digest | undefined }
  readonly file: { digest: Digest }
}

export interface EntrySink {
  readonly raw: readonly RawEntry[]
  /** Reads a segment: parts of files in it (`WriteJob`), and the files that end in it. */
  push(segment: Uint8Array): { parts: Int32Array; ended: readonly EndedFile[] }
  finish(): void
  /** The tree; every digest is known. */
  entries(): TreeEntry[]
}

type FileEntry = { -readonly [K in keyof FileOf]: FileOf[K] }
type FileOf = Extract<TreeEntry, { type: 'file' }>

interface State {
  readonly prefix: string
  readonly entriesMax: number
  readonly builder: TreeBuilder
  readonly raw: RawEntry[]
  readonly links: { readonly link: FileEntry; readonly file: FileEntry }[]
  readonly files: Map<string, FileEntry>
  count: number
  current: { readonly raw: RawEntry; readonly file: FileEntry } | undefined
}

const unknownDigest: Digest = 'sha256:'

/** Starts reading a layer. Its methods throw AppError `store/layer-…`. */
export function entrySink(options: {
  readonly prefix: string
  readonly entriesMax: number
}): EntrySink {
  const state: State = {
    ...options,
    builder: layerTree(options),
    raw: [],
    links: [],
    files: new Map(),
    count: 0,
    current: undefined,
  }
  let parts: number[] = []
  let ended: EndedFile[] = []
  const reader = tarReader({
    entry: (entry) => takeEntry(state, entry),
    data: (range) => {
      const { current } = state
      if (current === undefined) return
      const flags =
        (range.begins ? partFlags.begins : 0) |
        (range.ends ? partFlags.ends : 0) |
        (current.file.executable ? partFlags.executable : 0)
      parts.push(range.start, range.end, flags)
      if (range.ends) ended.push(current)
    },
  })
  return {
    raw: state.raw,
    push: (segment) => {
      parts = []
      ended = []
      reader.push(segment)
      return { parts: Int32Array.from(parts), ended }
    },
    finish: () => reader.finish(),
    entries: () => {
      for (const { link, file } of state.links) link.digest = file.digest
      return state.builder.finish()
    },
  }
}

function takeEntry(state: State, entry: TarEntry): void {
  state.count += 1
  state.current = undefined
  if (state.count > state.entriesMax)
    throw refused('store/layer-too-many', `it has more than ${state.entriesMax} entries`)
  const path = safePath(entry.name, state.prefix)
  checkKind(path, entry, state.prefix)
  const raw: RawEntry = { path, entry, digest: undefined }
  state.raw.push(raw)
  if (path === '') return
  switch (entry.type) {
    case 'dir':
      return state.builder.add({ type: 'dir', path })
    case 'symlink':
      return state.builder.add({ type: 'symlink', path, target: entry.target })
    case 'hardlink':
      return takeHardLink(state, path, entry)
    case 'file': {
      const executable = (entry.mode & 0o111) !== 0
      const file: FileEntry = {
        type: 'file',
        path,
        size: entry.size,
        digest: unknownDigest,
        executable,
      }
      state.builder.add(file)
      state.files.set(path, file)
      state.current = { raw, file }
      return undefined
    }
    case 'device':
      return undefined // Refused above.
  }
}

function checkKind(path: string, entry: TarEntry, prefix: string): void {
  if (path.slice(path.lastIndexOf('/') + 1).startsWith('.wh.'))
    throw refused('store/layer-whiteout', `${shown(path)} removes a file of another layer`)
  if (entry.type === 'device')
    throw refused('store/layer-device', `${shown(path)} is a device or a pipe`)
  if ((entry.mode & 0o6000) !== 0 && entry.type !== 'symlink')
    throw refused('store/layer-setuid', `${shown(path)} would run as another user (setuid)`)
  if (path === '' && entry.type !== 'dir')
    throw refused('store/layer-bad-name', 'its root is not a folder')
  if (entry.type === 'file' && (path === prefix || prefix.startsWith(`${path}/`)))
    throw refused('store/layer-outside-prefix', `${shown(path)} is a file, and above the files`)
}

function takeHardLink(state: State, path: string, entry: TarEntry): void {
  let target: string
  try {
    target = safePath(entry.target, state.prefix)
  } catch (error) {
    const what = `the hard link ${shown(path)} leads to ${shown(entry.target)}`
    throw refused('store/layer-link-escape', what, error)
  }
  const file = state.files.get(target)
  if (file === undefined)
    throw refused(
      'store/layer-dangling-link',
      `the hard link ${shown(path)} leads to ${shown(target)}, which is no file before it`,
    )
  const link: FileEntry = { ...file, path }
  state.builder.add(link)
  state.links.push({ link, file })
  state.files.set(path, link)
}
