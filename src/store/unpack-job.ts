/**
 * A worker's part of unpacking: frames to bytes, bytes to files of the store.
 *
 * Invariant: a file gets a name below files/ only through `publish`, whole and with the mode that
 * its name says; until then it is in the session's temporary folder. Files here are not synced:
 * the blob is, and a tree's sizes are checked after a boot (docs/formats/store.md, "Crashes").
 */
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { constants, zstdDecompressSync } from 'node:zlib'
import { systemCode } from '#kernel/index.ts'
import { refused } from './errors.ts'
import { inflateInto } from './decompressor.ts'
import { freeNow } from './free-now.ts'
import {
  type InflateJob,
  partFlags,
  type PublishJob,
  type WriteAnswer,
  type WriteJob,
} from './layer-jobs.ts'
import { memoryOf } from './worker-memory.ts'

interface FilePart {
  readonly begins: boolean
  readonly ends: boolean
  readonly executable: boolean
}

interface Open {
  readonly handle: number
  readonly path: string
  readonly hasher: Bun.CryptoHasher
  sizeBytes: number
}

interface Session {
  /** Names below files/ that are in the temporary folder. */
  readonly written: Set<string>
  /** Folders of the temporary folder. */
  readonly folders: Set<string>
  /** Final names that were there already. */
  readonly present: Set<string>
  /** Whether the store held any file when the session began. */
  readonly hasFiles: boolean
  /** Whether the process's mask lets the modes through. */
  readonly keepsModes: boolean
  open: Open | undefined
}

const sessions = new Map<string, Session>()
let compressed = Buffer.alloc(0)

/** Decompresses whole frames. @throws AppError `store/layer-corrupt`, `store/layer-bomb` */
export function inflate(job: InflateJob): null {
  const length = job.end - job.start
  if (compressed.byteLength < length) compressed = Buffer.alloc(Math.ceil(length * 1.25))
  const handle = openSync(job.path, 'r')
  try {
    let at = 0
    while (at < length) {
      const read = readSync(handle, compressed, at, length - at, job.start + at)
      if (read === 0) throw refused('store/layer-truncated', 'its blob became shorter')
      at += read
    }
  } finally {
    closeSync(handle)
  }
  const frames = compressed.subarray(0, length)
  const { bytes } = memoryOf(job.memory).tar
  if (!inflateInto(frames, bytes, job.outBytes))
    bytes.set(decompressCarefully(frames, job.outBytes))
  return null
}

/**
 * The bytes of frames whose headers promise `outBytes` together.
 * @throws AppError `store/layer-corrupt`, `store/layer-bomb`
 */
export function decompress(bytes: Uint8Array, outBytes: number): Uint8Array {
  try {
    const out = Bun.zstdDecompressSync(bytes) // Holds what the headers promise, or fails.
    if (out.byteLength === outBytes) return out
  } catch {
    // What is wrong is told below.
  }
  return decompressCarefully(bytes, outBytes)
}

/** The slow way, which knows why it fails. */
function decompressCarefully(bytes: Uint8Array, outBytes: number): Uint8Array {
  let out: Uint8Array
  try {
    out = zstdDecompressSync(bytes, {
      chunkSize: Math.max(outBytes, 1024),
      maxOutputLength: Math.max(outBytes, 1),
      params: { [constants.ZSTD_d_windowLogMax]: 27 },
    })
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE')
      throw refused('store/layer-bomb', 'a zstd frame holds more than it promises', error)
    throw refused('store/layer-corrupt', 'a zstd frame is damaged', error)
  }
  if (out.byteLength !== outBytes)
    throw refused('store/layer-corrupt', 'a zstd frame holds less than it promises')
  return out
}

/** Hashes the parts of a segment and writes what the store lacks. */
export function write(job: WriteJob): WriteAnswer {
  let session = sessions.get(job.session)
  if (session === undefined) {
    const hasFiles = lstatSync(job.files, { throwIfNoEntry: false }) !== undefined
    session = {
      written: new Set(),
      folders: new Set(),
      present: new Set(),
      hasFiles,
      keepsModes: (process.umask() & 0o555) === 0,
      open: undefined,
    }
    sessions.set(job.session, session)
    mkdirSync(job.temporary, { recursive: true })
  }
  const segment = typeof job.segment === 'number' ? memoryOf(job.segment).tar.bytes : job.segment
  let digests = ''
  for (let at = 0; at < job.parts.length; at += 3) {
    const flags = job.parts[at + 2] ?? 0
    const part = {
      begins: (flags & partFlags.begins) !== 0,
      ends: (flags & partFlags.ends) !== 0,
      executable: (flags & partFlags.executable) !== 0,
    }
    const bytes = segment.subarray(job.parts[at], job.parts[at + 1])
    digests +=
      part.begins && part.ends
        ? writeWhole(session, job, part, bytes)
        : writePart(session, job, part, bytes)
  }
  if (typeof job.segment !== 'number') freeNow(job.segment)
  return { digests }
}

function writeWhole(session: Session, job: WriteJob, part: FilePart, bytes: Uint8Array): string {
  const digest = Bun.SHA256.hash(bytes, 'hex')
  const final = fileName(job.files, digest, part.executable)
  if (isWritten(session, final, bytes.byteLength)) return digest
  const path = temporaryPath(session, job, final)
  let handle: number
  try {
    handle = openSync(path, 'wx', modeOf(part))
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return digest // Another worker writes the same.
    throw error
  }
  try {
    writeAll(handle, bytes)
  } finally {
    closeSync(handle)
  }
  if (!session.keepsModes) chmodSync(path, modeOf(part))
  return digest
}

/** The digest when the file ends here, else ''. */
function writePart(session: Session, job: WriteJob, part: FilePart, bytes: Uint8Array): string {
  if (part.begins) {
    const path = `${job.temporary}/.part-${job.writer}`
    const handle = openSync(path, 'wx', modeOf(part))
    session.open = { handle, path, hasher: new Bun.CryptoHasher('sha256'), sizeBytes: 0 }
  }
  const { open } = session
  if (open === undefined) throw new TypeError('A part of a file came without its beginning')
  open.hasher.update(bytes)
  open.sizeBytes += bytes.byteLength
  writeAll(open.handle, bytes)
  if (!part.ends) return ''
  closeSync(open.handle)
  session.open = undefined
  const digest = open.hasher.digest('hex')
  const final = fileName(job.files, digest, part.executable)
  if (isWritten(session, final, open.sizeBytes)) rmSync(open.path)
  else {
    if (!session.keepsModes) chmodSync(open.path, modeOf(part))
    renameSync(open.path, temporaryPath(session, job, final))
  }
  return digest
}

/**
 * Gives the files of all workers their names: a folder at once where the store has none of that
 * name. A name that another Backlot made meanwhile is replaced by its equal.
 */
export function publish(job: PublishJob): null {
  mkdirSync(job.files, { recursive: true })
  for (const name of namesIn(job.temporary))
    moveFolder(`${job.temporary}/${name}`, `${job.files}/${name}`)
  return null
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [] // The layer has no files that the store lacks.
    throw error
  }
}

function moveFolder(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch {
    // It is there already; whatever else is wrong shows again here.
    mkdirSync(to, { recursive: true })
    for (const name of readdirSync(from)) renameSync(`${from}/${name}`, `${to}/${name}`)
  }
}

/** Forgets a session. */
export function drop(job: { readonly session: string }): null {
  const open = sessions.get(job.session)?.open
  if (open !== undefined) closeSync(open.handle)
  sessions.delete(job.session)
  return null
}

/** Where a file lies: the executable bit is part of its name. */
export function fileName(files: string, hex: string, executable: boolean): string {
  return `${files}/${hex.slice(0, 2)}/${hex.slice(2)}${executable ? 'x' : ''}`
}

function isWritten(session: Session, final: string, sizeBytes: number): boolean {
  if (session.written.has(final) || session.present.has(final)) return true
  if (!session.hasFiles) return false
  const stat = lstatSync(final, { throwIfNoEntry: false })
  if (stat?.size !== sizeBytes) return false
  session.present.add(final)
  return true
}

/** Where a file waits for its name: as it will lie below files/. */
function temporaryPath(session: Session, job: WriteJob, final: string): string {
  const below = final.slice(job.files.length)
  const folder = below.slice(0, below.lastIndexOf('/'))
  if (!session.folders.has(folder)) mkdirSync(job.temporary + folder, { recursive: true })
  session.folders.add(folder)
  session.written.add(final)
  return job.temporary + below
}

function modeOf(part: FilePart): number {
  return part.executable ? 0o555 : 0o444
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(handle, bytes, at)
}
