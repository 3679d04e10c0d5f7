/**
 * A blob on its way: one download into a growing file, and any number of readers of it.
 *
 * Invariant: readers see only bytes that are in the file, and the last byte of the blob only after
 * the whole hashed to its name and became a blob; a wrong one ends every reader with an error.
 * Readers take from the file at their own pace, so a slow one costs a place in it and nothing else.
 * When the last reader leaves, the download goes on if little is missing; else it rests with what
 * it has, and the next reader takes it up again from there.
 */
import { closeSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import {
  AppError,
  type Bytes,
  type Digest,
  type Digester,
  digester,
  digestParts,
  explained,
} from '#kernel/index.ts'
import { pause } from '../client/retry.ts'
import { AskLater } from './failures.ts'

const blockBytes = 64 * 1024
const blocksKeptMax = 64
/** A download that nobody waits for goes on when no more than this is missing. */
const worthFinishingBytes = 64 * 1024 * 1024
const failuresMax = 5
const delayMsMax = 5000
/** A reader that was promised the file may begin this long after it was done. */
const closeAfterMs = 5000

export interface Arrival {
  readonly sizeBytes: number
  /** Settled when there are bytes to read, or it ended; never rejects. */
  readonly begun: Promise<AppError | undefined>
  /** Settled when the blob is here or cannot be had; it never rejects. */
  readonly ended: Promise<AppError | undefined>
  /** Downloads if nobody does at the moment. */
  start(): void
  read(range: { readonly start: number; readonly end: number }): ReadableStream<Uint8Array>
  /** How long nobody has read or downloaded. */
  idleMs(): number
  /** Ends it as a failure unless it is done, or is just becoming a blob. */
  abandon(reason: AppError): void
}

export interface ArrivalOptions {
  readonly digest: Digest
  readonly sizeBytes: number
  /** Where the growing file lies; it must not be there. */
  readonly path: string
  /** Bytes from `start` on; `failures` in a row so far, so that another source can be taken. */
  readonly fetch: (start: number, failures: number, signal: AbortSignal) => Bytes
  /** Makes the whole file a blob; its bytes were hashed. */
  readonly adopt: (path: string) => Promise<void>
  readonly firstDelayMs: number
  readonly lied: () => AppError
}

interface State extends ArrivalOptions {
  readonly file: number
  readonly hasher: Digester
  readonly blocks: Map<number, Uint8Array>
  readonly waiting: Set<() => void>
  readonly begin: PromiseWithResolvers<AppError | undefined>
  readonly end: PromiseWithResolvers<AppError | undefined>
  written: number
  /** Readers may have bytes before this. */
  published: number
  readers: number
  failure: AppError | undefined
  isAdopting: boolean
  /** Why it is to end as soon as its download has. */
  abandoned: AppError | undefined
  download: AbortController | undefined
  done: boolean
  closed: boolean
  usedMs: number
}

/** @throws AppError `kernel/no-space`, `kernel/read-only` */
export function openArrival(options: ArrivalOptions): Arrival {
  const state: State = {
    ...options,
    file: createdFile(options.path),
    hasher: digester(digestParts(options.digest).algorithm),
    blocks: new Map(),
    waiting: new Set(),
    begin: Promise.withResolvers(),
    end: Promise.withResolvers(),
    written: 0,
    published: 0,
    readers: 0,
    failure: undefined,
    isAdopting: false,
    abandoned: undefined,
    download: undefined,
    done: false,
    closed: false,
    usedMs: performance.now(),
  }
  return {
    sizeBytes: options.sizeBytes,
    begun: state.begin.promise,
    ended: state.end.promise,
    start: () => start(state),
    read: (range) => reader(state, range),
    idleMs: () =>
      state.readers > 0 || state.download !== undefined ? 0 : performance.now() - state.usedMs,
    abandon: (reason) => {
      state.abandoned = reason
      if (state.download === undefined) finish(state, reason)
      else state.download.abort()
    },
  }
}

function createdFile(path: string): number {
  try {
    return openSync(path, 'wx+', 0o600)
  } catch (error) {
    throw explained(error, path)
  }
}

function start(state: State): void {
  if (state.done || state.download !== undefined) return
  const controller = new AbortController()
  state.download = controller
  void download(state, controller).then((failure) => {
    if (state.download === controller) state.download = undefined
    state.usedMs = performance.now()
    // Stopped because nobody wanted it: it rests, and may be started again.
    const isStopped = controller.signal.aborted && failure?.code === 'kernel/cancelled'
    if (!isStopped) return finish(state, failure)
    if (state.abandoned !== undefined) return finish(state, state.abandoned)
    if (state.readers > 0) start(state)
  })
}

function finish(state: State, failure: AppError | undefined): void {
  if (state.done) return
  state.done = true
  state.failure = failure
  state.download?.abort()
  if (failure === undefined) state.published = state.sizeBytes
  else letGo(state)
  wake(state)
  state.begin.resolve(failure)
  state.end.resolve(failure)
  if (state.readers === 0) closeSoon(state)
}

/**
 * Readers may have the file for a while yet; the disk, which may be full, has its room at once. A
 * file that was to become a blob may be one already, of the first of several repositories.
 */
function letGo({ file, path, isAdopting }: State): void {
  rmSync(path, { force: true })
  if (!isAdopting) ftruncateSync(file, 0)
}

/** Downloads the rest and makes it a blob; what went wrong, if it did. */
async function download(state: State, { signal }: AbortController): Promise<AppError | undefined> {
  let handle: FileHandle | undefined
  try {
    handle = await open(state.path, 'r+')
    await receive(state, handle, signal)
    await handle.close()
    handle = undefined
    if (state.hasher.digest() !== state.digest) return state.lied()
    state.isAdopting = true
    await state.adopt(state.path)
    return undefined
  } catch (error) {
    if (signal.aborted) return unwanted()
    const known = explained(error, state.path)
    return known instanceof AppError
      ? known
      : new AppError('oci/upstream-failed', `The blob could not be kept: ${String(error)}`)
  } finally {
    await handle?.close()
  }
}

/** Takes bytes until all are in the file, taking a broken download up again from where it was. */
async function receive(state: State, handle: FileHandle, signal: AbortSignal): Promise<void> {
  for (let failures = 0; state.written < state.sizeBytes; ) {
    const before = state.written
    let fault: AppError | undefined
    try {
      for await (const chunk of state.fetch(before, failures, signal)) {
        if (signal.aborted) break
        await append(state, handle, chunk)
      }
    } catch (error) {
      if (!(error instanceof AppError) || error instanceof AskLater) throw error
      if (!error.retryable && !mayBeBetter(error)) throw error
      fault = error
    }
    if (signal.aborted) throw unwanted()
    if (state.written >= state.sizeBytes) return
    failures = state.written > before ? 1 : failures + 1
    if (failures >= failuresMax) throw fault ?? stopped(state)
    await pause(Math.min(delayMsMax, state.firstDelayMs * 2 ** (failures - 1)), signal)
  }
}

function unwanted(): AppError {
  return new AppError('kernel/cancelled', 'Nobody waits for the blob')
}

/** Failures that are final for one source and not for all. */
function mayBeBetter({ code }: AppError): boolean {
  return code === 'oci/unauthorized' || code === 'oci/denied' || code === 'oci/bad-answer'
}

async function append(state: State, handle: FileHandle, chunk: Uint8Array): Promise<void> {
  const fits = chunk.subarray(0, state.sizeBytes - state.written)
  const writing = writeFully(handle, fits, state.written)
  state.hasher.update(fits)
  await writing
  state.written += fits.byteLength
  state.published = Math.min(state.written, state.sizeBytes - 1)
  if (state.published > 0) state.begin.resolve(undefined)
  wake(state)
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done, at + done)
    done += bytesWritten
  }
}

function wake(state: State): void {
  const waiting = [...state.waiting]
  state.waiting.clear()
  for (const resume of waiting) resume()
}

function reader(
  state: State,
  range: { readonly start: number; readonly end: number },
): ReadableStream<Uint8Array> {
  let at = range.start
  let reading = true
  state.readers += 1
  start(state)
  const leave = () => {
    if (!reading) return
    reading = false
    left(state)
  }
  const give = (controller: ReadableStreamDefaultController<Uint8Array>): boolean => {
    if (!reading) return true
    if (state.failure !== undefined) {
      // Without a reason: Bun would print it for each reader. Who opened the arrival tells it once.
      controller.error()
      leave()
      return true
    }
    if (at < Math.min(state.published, range.end)) {
      const block = blockAt(state, at)
      const chunk = block.subarray(0, Math.min(block.byteLength, range.end - at))
      at += chunk.byteLength
      controller.enqueue(chunk)
    } else if (at < range.end || !state.done) return false
    if (at < range.end) return true
    controller.close()
    leave()
    return true
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (give(controller)) return undefined
        return until(state, () => give(controller))
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
}

/** Fulfilled when `done` says so; it is asked whenever something arrived. */
function until(state: State, done: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = () => {
      try {
        if (done()) resolve()
        else state.waiting.add(check)
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    }
    state.waiting.add(check)
  })
}

/** Bytes from `at` to the end of its block, as far as they are published; shared by readers. */
function blockAt(state: State, at: number): Uint8Array {
  const first = at - (at % blockBytes)
  const end = Math.min(first + blockBytes, state.published)
  let block = state.blocks.get(first)
  if (block === undefined || block.byteLength < end - first) {
    block = new Uint8Array(end - first)
    for (let read = 0; read < block.byteLength; ) {
      const got = readSync(state.file, block, read, block.byteLength - read, first + read)
      if (got === 0) throw new AppError('oci/upstream-failed', 'The growing file was cut short')
      read += got
    }
    state.blocks.delete(first)
    state.blocks.set(first, block)
    const [oldest] = state.blocks.keys()
    if (state.blocks.size > blocksKeptMax && oldest !== undefined) state.blocks.delete(oldest)
  }
  return block.subarray(at - first, end - first)
}

function left(state: State): void {
  state.readers -= 1
  state.usedMs = performance.now()
  if (state.readers > 0) return
  state.blocks.clear()
  if (state.done) return closeSoon(state)
  const missing = state.sizeBytes - state.written
  if (missing > Math.max(worthFinishingBytes, state.written)) state.download?.abort()
}

function closeSoon(state: State): void {
  const timer = setTimeout(() => {
    if (state.readers > 0 || state.closed) return
    state.closed = true
    closeSync(state.file)
  }, closeAfterMs)
  timer.unref()
}

function stopped(state: State): AppError {
  return new AppError(
    'oci/upstream-failed',
    `The upstream stopped after ${state.written} of ${state.sizeBytes} bytes, again and again`,
    { retryable: true },
  )
}
