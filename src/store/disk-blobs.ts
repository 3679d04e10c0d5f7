/**
 * Blobs as files of an OCI image layout: `DIR/blobs/ALGORITHM/HEX`.
 *
 * Invariant: a name under blobs/ is there only when its bytes are whole and durable: they go to
 * DIR/tmp, are synced, renamed, and the folder is synced, before `write` returns. A crash leaves
 * temporary names only. A repeated write freshens the time, so that collection spares the blob.
 * Source: OCI image-spec 1.1, image-layout.md.
 */
import {
  closeSync,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import {
  type Bytes,
  type Digest,
  digester,
  digestParts,
  explained,
  isDigest,
  limited,
  syncFolder,
  systemCode,
  temporaryName,
  writeFileAtomic,
} from '#kernel/index.ts'
import { discard } from './discard.ts'
import type { BlobInfo, BlobRange, BlobStore, BlobWant } from './blobs.ts'
import { blobUnknown, digestMismatch } from './errors.ts'

const chunkBytes = 1024 * 1024
const sync = promisify(fsync)

/** Blobs in `dir`/blobs; folders are made by the first write. */
export function diskBlobs(dir: string): BlobStore {
  return {
    size: async (digest) => statBlob(blobPath(dir, digest))?.size,
    read: (digest, range) => readBlob(dir, digest, range),
    write: (chunks, want) => writeBlob(dir, chunks, want),
    remove: async (digest) => {
      try {
        rmSync(blobPath(dir, digest), { force: true })
      } catch (error) {
        throw explained(error, dir)
      }
    },
    list: () => listBlobs(dir),
    pathOf: (digest) => blobPath(dir, digest),
  }
}

/** Where a blob lies or would lie. */
export function blobPath(dir: string, digest: Digest): string {
  const { algorithm, hex } = digestParts(digest)
  return join(dir, 'blobs', algorithm, hex)
}

/**
 * Gives a finished temporary file its name as a blob: durable on return. The caller has hashed it.
 * One of that name is kept, and replaced where it was cut short.
 * @throws AppError `kernel/no-space`, `kernel/read-only`
 */
export async function adoptBlob(
  dir: string,
  file: { readonly handle: number; readonly path: string },
  digest: Digest,
): Promise<void> {
  const path = blobPath(dir, digest)
  if (freshen(path) && statBlob(path)?.size === fstatSync(file.handle).size)
    return rmSync(file.path, { force: true })
  await sync(file.handle)
  makeDurableFolder(dirname(path))
  markLayout(dir)
  renameSync(file.path, path)
  syncFolder(dirname(path))
}

/** The file that makes the folder an OCI image layout. */
function markLayout(dir: string): void {
  const path = join(dir, 'oci-layout')
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined)
    writeFileAtomic(path, '{"imageLayoutVersion":"1.0.0"}')
}

async function writeBlob(dir: string, chunks: Bytes, want: BlobWant) {
  if (want.digest !== undefined && freshen(blobPath(dir, want.digest)))
    return { digest: want.digest, sizeBytes: statBlob(blobPath(dir, want.digest))?.size ?? 0 }
  const path = temporaryName(join(dir, 'tmp', 'blob'))
  let handle: number | undefined
  try {
    mkdirSync(join(dir, 'tmp'), { recursive: true })
    handle = openSync(path, 'wx', 0o644)
    const hasher = digester(digestParts(want.digest ?? 'sha256:').algorithm)
    let sizeBytes = 0
    for await (const chunk of limited(chunks, want.maxBytes, `Blob ${want.digest ?? ''}`.trim())) {
      hasher.update(chunk)
      for (let at = 0; at < chunk.byteLength; ) at += writeSync(handle, chunk, at)
      sizeBytes += chunk.byteLength
    }
    const digest = hasher.digest()
    if (want.digest !== undefined && digest !== want.digest)
      throw digestMismatch(`A blob of ${sizeBytes} B`, want.digest, digest)
    await adoptBlob(dir, { handle, path }, digest)
    return { digest, sizeBytes }
  } catch (error) {
    if (handle !== undefined) discard(path)
    throw explained(error, dir)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

/** Marks a blob as used now; false when it is not there. A read-only store has no collector. */
function freshen(path: string): boolean {
  try {
    const now = new Date()
    utimesSync(path, now, now)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
    if (systemCode(error) === 'EROFS' || systemCode(error) === 'EPERM')
      return statBlob(path) !== undefined
    throw error
  }
}

function makeDurableFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true })
  if (first === undefined) return
  for (let at = folder; at.length >= first.length; at = dirname(at)) syncFolder(dirname(at))
}

function statBlob(path: string) {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isFile() === true ? stat : undefined
}

async function* readBlob(dir: string, digest: Digest, range?: BlobRange): Bytes {
  const handle = openBlob(blobPath(dir, digest), digest)
  try {
    const hasher = range === undefined ? digester(digestParts(digest).algorithm) : undefined
    const end = range?.end ?? Number.POSITIVE_INFINITY
    let at = range?.start ?? 0
    let held: Uint8Array | undefined
    while (at < end) {
      const chunk = new Uint8Array(Math.min(chunkBytes, end - at))
      const length = readSync(handle, chunk, 0, chunk.byteLength, at)
      if (length === 0) break
      at += length
      if (held !== undefined) yield held
      held = chunk.subarray(0, length)
      hasher?.update(held)
    }
    const actual = hasher?.digest() ?? digest
    if (actual !== digest) throw digestMismatch(`Blob ${digest}`, digest, actual)
    if (held !== undefined) yield held // Held back until the whole was known to be right.
  } finally {
    closeSync(handle)
  }
}

function openBlob(path: string, digest: Digest): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') throw blobUnknown(digest)
    throw error
  }
}

async function* listBlobs(dir: string): AsyncIterable<BlobInfo> {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const folder = join(dir, 'blobs', algorithm)
    if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) continue
    const handle = opendirSync(folder)
    try {
      for (let item = handle.readSync(); item !== null; item = handle.readSync()) {
        const digest = `${algorithm}:${item.name}`
        const stat = isDigest(digest) ? statBlob(join(folder, item.name)) : undefined
        if (stat !== undefined && isDigest(digest))
          yield { digest, sizeBytes: stat.size, modifiedMs: stat.mtimeMs }
      }
    } finally {
      handle.closeSync()
    }
  }
}
