/**
 * Unpacking a layer into the file store, trusting nothing in it.
 *
 * One pass over the blob hashes it and finds its zstd frames; workers decompress groups of them;
 * here the bytes are in order again: hashed as the tar, read as a tar, checked; then workers hash
 * and write the files to a temporary folder. Only when everything is right do files get names.
 * Invariant: a refused layer leaves nothing, writes nothing outside the store's temporary folder,
 * and the table of contents decides nothing: it is compared with the tar, never followed.
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { constants, createZstdDecompress } from 'node:zlib'
import {
  AppError,
  type Digest,
  type Digester,
  digester,
  digestParts,
  type Emit,
  explained,
  limits as defaultLimits,
  systemCode,
  temporaryName,
  throwIfCancelled,
} from '#kernel/index.ts'
import { discard } from './discard.ts'
import { bootId } from './boot.ts'
import { blobPath } from './disk-blobs.ts'
import { blobUnknown, digestMismatch, refused } from './errors.ts'
import { type FileStates, filesComplete } from './files.ts'
import { type FrameGroup, frameGroups } from './frame-groups.ts'
import { partFlags } from './layer-jobs.ts'
import { giveMemory, type PieceMemory, roomBytes, takeMemory } from './layer-memory.ts'
import { ask, askAny, idlestWorker, workerCount } from './layer-pool.ts'
import { type EntrySink, entrySink } from './layer-entries.ts'
import { defaultPrefix } from './safe-path.ts'
import type { Store } from './store.ts'
import { compareToc, readTocs } from './toc-check.ts'
import { type LayerTree, readTreeState, writeTree } from './tree.ts'
import { frameWalker } from './zstd-frames.ts'

/** A layer to unpack; its blob must be in the store. */
export interface UnpackInput {
  readonly digest: Digest
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly diffId?: Digest | undefined
}

export interface LayerLimits {
  readonly entriesMax: number
  readonly unpackedBytesMax: number
  /** Unpacked bytes per byte of the blob. */
  readonly ratioMax: number
}

export interface UnpackOptions {
  readonly limits?: Partial<LayerLimits>
  /** Where every path must be below; `usr/local` when absent, '' for anywhere. */
  readonly prefix?: string
  /** Unpack even what is known: files may be missing. */
  readonly isRepair?: boolean
  readonly signal?: AbortSignal | undefined
  readonly emit?: Emit | undefined
}

interface Session {
  readonly path: string
  readonly handle: number
  readonly temporary: string
  readonly files: string
  readonly limits: LayerLimits
  readonly sizeBytes: number
  readonly diff: Digester
  readonly sink: EntrySink
  readonly inflating: { group: FrameGroup; segment: Promise<Segment> | undefined }[]
  readonly writing: Promise<void>[]
  /** Shared memory that is in use. */
  readonly memories: Set<PieceMemory>
  promisedBytes: number
  writer: number
  signal: AbortSignal | undefined
}

/** Bytes of the tar, in memory that is shared, or in their own, which goes to the worker. */
type Segment =
  | { readonly memory: PieceMemory; readonly bytes: Uint8Array }
  | { readonly memory: undefined; readonly bytes: Uint8Array<ArrayBuffer> }

const readBytes = 1024 * 1024

/**
 * Checks a layer and ingests its files; a layer that is unpacked already is only looked up.
 * @throws AppError `store/layer-…` for what is refused, `store/digest-mismatch`,
 *   `store/blob-unknown`, `kernel/no-space`, `kernel/cancelled`
 */
export async function unpackLayer(
  store: Store,
  layer: UnpackInput,
  options: UnpackOptions = {},
): Promise<LayerTree> {
  const known = options.isRepair === true ? undefined : knownTree(store, layer)
  if (known !== undefined) return known
  const session = openSession(store, layer, options)
  try {
    return await unpackSession(store, layer, session)
  } catch (error) {
    await Promise.allSettled([
      ...session.inflating.map(({ segment }) => segment),
      ...session.writing,
    ])
    for (const memory of session.memories) giveMemory(memory)
    await dropAll(session)
    discard(session.temporary)
    throw explained(await moreTelling(error, layer, session), store.home)
  } finally {
    closeSync(session.handle)
  }
}

/** The tree, when its files are known to be there. */
function knownTree(store: Store, layer: UnpackInput): LayerTree | undefined {
  const found = readTreeState(store, layer.digest)
  if (found === undefined) return undefined
  if (layer.diffId !== undefined && layer.diffId !== found.tree.diffId) return undefined
  const states: FileStates = { tree: found.tree, state: found.state }
  return filesComplete(store, states) ? found.tree : undefined
}

function openSession(store: Store, layer: UnpackInput, options: UnpackOptions): Session {
  const path = store.blobs.pathOf?.(layer.digest) ?? blobPath(store.home, layer.digest)
  const handle = openBlob(path, layer.digest)
  return {
    path,
    handle,
    temporary: temporaryName(join(store.home, 'tmp', 'unpack')),
    files: join(store.home, 'files'),
    limits: {
      entriesMax: defaultLimits.layerEntriesMax,
      unpackedBytesMax: defaultLimits.layerUnpackedBytesMax,
      ratioMax: defaultLimits.layerRatioMax,
      ...options.limits,
    },
    sizeBytes: fstatSync(handle).size,
    diff: digester(digestParts(layer.diffId ?? 'sha256:').algorithm),
    sink: entrySink({
      prefix: options.prefix ?? defaultPrefix,
      entriesMax: options.limits?.entriesMax ?? defaultLimits.layerEntriesMax,
    }),
    inflating: [],
    writing: [],
    memories: new Set(),
    promisedBytes: 0,
    writer: 0,
    signal: options.signal,
  }
}

function openBlob(path: string, digest: Digest): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw systemCode(error) === 'ENOENT' ? blobUnknown(digest) : error
  }
}

async function unpackSession(
  store: Store,
  layer: UnpackInput,
  session: Session,
): Promise<LayerTree> {
  const actual = await readFrames(layer.digest, session)
  if (actual !== layer.digest) throw digestMismatch(`Layer ${layer.digest}`, layer.digest, actual)
  session.sink.finish()
  const tocs = readTocs(session.handle, layer.annotations, session.sizeBytes)
  const diffId = session.diff.digest()
  await Promise.all(session.writing)
  if (layer.diffId !== undefined && diffId !== layer.diffId)
    throw new AppError(
      'store/diff-id-mismatch',
      `The tar of layer ${layer.digest} has digest ${diffId}, not ${layer.diffId}`,
      { hints: ['The image config and the layer do not belong together.'] },
    )
  for (const toc of tocs) compareToc(toc, session.sink.raw)
  const entries = session.sink.entries()
  const { temporary, files } = session
  await Promise.all([dropAll(session), ask(0, { kind: 'publish', temporary, files })])
  rmSync(session.temporary, { recursive: true, force: true })
  return writeTree(store, { layer: layer.digest, diffId, entries }, bootId())
}

/** Reads the blob once, front to back; gives its digest. */
async function readFrames(digest: Digest, session: Session): Promise<Digest> {
  const hasher = digester(digestParts(digest).algorithm)
  const walker = frameWalker()
  const groups = frameGroups()
  const bytes = new Uint8Array(readBytes)
  for (let at = 0; ; ) {
    throwIfCancelled(session.signal, 'Unpacking')
    const length = readSync(session.handle, bytes, 0, readBytes, at)
    if (length === 0) break
    at += length
    for (const frame of walker.push(bytes.subarray(0, length))) {
      const group = groups.push(frame)
      if (group !== undefined) await inflateGroup(session, group)
    }
    hasher.update(bytes.subarray(0, length)) // While the workers are at it.
  }
  walker.finish()
  const group = groups.finish()
  if (group !== undefined) await inflateGroup(session, group)
  while (session.inflating.length > 0) await takeSegment(session)
  return hasher.digest()
}

async function inflateGroup(session: Session, group: FrameGroup): Promise<void> {
  while (session.inflating.length > 2 * workerCount()) await takeSegment(session)
  if (group.outBytes !== undefined) promise(session, group.outBytes)
  const segment =
    group.outBytes === undefined ? undefined : inflated(session, group, group.outBytes)
  segment?.catch(() => undefined) // Seen where it is taken.
  session.inflating.push({ group, segment })
}

async function inflated(session: Session, group: FrameGroup, outBytes: number): Promise<Segment> {
  const { start, end } = group
  const memory = takeMemory(outBytes <= roomBytes.small ? 'small' : 'large')
  session.memories.add(memory)
  const { shared, tar } = memory
  const job = {
    kind: 'inflate',
    path: session.path,
    start,
    end,
    outBytes,
    memory: shared.id,
  } as const
  await askAny(job, shared)
  return { memory, bytes: tar.bytes.subarray(0, outBytes) }
}

/** Counts bytes before they are made. @throws AppError `store/layer-bomb` */
function promise(session: Session, bytes: number): void {
  session.promisedBytes += bytes
  const { unpackedBytesMax, ratioMax } = session.limits
  const ratioBytes = Math.max(session.sizeBytes, 64 * 1024) * ratioMax
  if (session.promisedBytes > Math.min(unpackedBytesMax, ratioBytes))
    throw refused(
      'store/layer-bomb',
      `it unpacks to more than ${Math.min(unpackedBytesMax, ratioBytes)} bytes`,
    )
}

async function takeSegment(session: Session): Promise<void> {
  const first = session.inflating[0]
  if (first === undefined) return
  if (first.segment !== undefined) await consume(session, await first.segment)
  else await streamFrame(session, first.group)
  session.inflating.shift()
}

/** A frame that is too big to hold, in pieces. */
async function streamFrame(session: Session, group: FrameGroup): Promise<void> {
  const source = createReadStream(session.path, { start: group.start, end: group.end - 1 })
  const unzip = createZstdDecompress({
    chunkSize: 1024 * 1024,
    params: { [constants.ZSTD_d_windowLogMax]: 27 },
  })
  source.on('error', (error) => unzip.destroy(error))
  try {
    const chunks: AsyncIterable<Uint8Array> = source.pipe(unzip)
    for await (const chunk of chunks) {
      promise(session, chunk.byteLength)
      await consume(session, { memory: undefined, bytes: new Uint8Array(chunk) })
    }
  } catch (error) {
    if (error instanceof AppError || !isDamage(error)) throw error
    throw refused('store/layer-corrupt', 'a zstd frame is damaged', error)
  } finally {
    source.destroy()
    unzip.destroy()
  }
}

/** What zlib says of bytes, other than what the system says of files. */
function isDamage(error: unknown): boolean {
  const code = systemCode(error)
  return code === undefined || /^(?:ERR|ZSTD|Z)_/.test(code)
}

async function consume(session: Session, segment: Segment): Promise<void> {
  const { memory, bytes } = segment
  const read = session.sink.push(bytes)
  // What goes over to a worker is hashed before, and the rest while the worker is at it.
  if (memory === undefined) session.diff.update(bytes)
  const written = read.parts.length === 0 ? Promise.resolve() : writeParts(session, segment, read)
  if (memory !== undefined) session.diff.update(bytes)
  const done = written.then(() => release(session, memory))
  done.catch(() => undefined) // Seen when all are awaited.
  session.writing.push(done)
  if (session.writing.length > 2 * workerCount()) await session.writing.shift()
}

function release(session: Session, memory: PieceMemory | undefined): void {
  if (memory === undefined) return
  session.memories.delete(memory)
  giveMemory(memory)
}

/** Has the files of a segment hashed and written. */
async function writeParts(
  session: Session,
  { memory, bytes }: Segment,
  { parts, ended }: ReturnType<EntrySink['push']>,
): Promise<void> {
  const begins = ((parts[2] ?? 0) & partFlags.begins) !== 0
  const ends = ((parts.at(-1) ?? 0) & partFlags.ends) !== 0
  if (begins) session.writer = idlestWorker()
  const { temporary, files, writer } = session
  const segment = memory === undefined ? bytes : memory.shared.id
  const job = {
    kind: 'write',
    session: temporary,
    temporary,
    files,
    writer,
    segment,
    parts,
  } as const
  // A file of several segments is written by one worker, in their order.
  const isAlone = begins && ends && memory !== undefined
  const { digests } = await (isAlone
    ? askAny(job, memory.shared)
    : ask(writer, job, memory?.shared))
  for (const [index, { raw, file }] of ended.entries()) {
    const digest: Digest = `sha256:${digests.slice(index * 64, index * 64 + 64)}`
    raw.digest = digest
    file.digest = digest
  }
}

/** Has the workers forget the session. */
async function dropAll(session: Session): Promise<void> {
  const job = { kind: 'drop', session: session.temporary } as const
  await Promise.all(Array.from({ length: workerCount() }, (_, index) => ask(index, job)))
}

/** A damaged blob shows as many errors; that it is damaged tells most. */
async function moreTelling(error: unknown, layer: UnpackInput, session: Session): Promise<unknown> {
  if (!(error instanceof AppError) || !error.code.startsWith('store/layer-')) return error
  const hasher = digester(digestParts(layer.digest).algorithm)
  const bytes = new Uint8Array(readBytes)
  for (let at = 0; ; ) {
    const length = readSync(session.handle, bytes, 0, readBytes, at)
    if (length === 0) break
    at += length
    hasher.update(bytes.subarray(0, length))
  }
  const actual = hasher.digest()
  if (actual === layer.digest) return error
  return digestMismatch(`Layer ${layer.digest}`, layer.digest, actual)
}
