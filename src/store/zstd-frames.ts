/**
 * Finding zstd frames in a stream of bytes by their block headers, without decompressing.
 *
 * Invariant: frames come in order and leave no gap, and only the bytes of headers are held. A frame
 * may be given before its last byte was seen; `finish` tells when that byte never came.
 * What a frame promises as its content is only a promise.
 * Source: RFC 8878, 3.1.1 (frames, blocks) and 3.1.2 (skippable frames).
 */
import { refused } from './errors.ts'

export interface ZstdFrame {
  readonly start: number
  readonly end: number
  /** Bytes that the header promises; undefined when it does not say. */
  readonly contentBytes: number | undefined
  readonly isSkippable: boolean
}

export interface FrameWalker {
  /** Adds bytes; gives the frames whose end is known now. @throws AppError `store/layer-corrupt` */
  push(bytes: Uint8Array): ZstdFrame[]
  /** @throws AppError `store/layer-truncated` when a frame is not whole. */
  finish(): void
}

const standardMagic = 0xfd2fb528
const headerBytesMax = 18

interface State {
  /** Absolute offset of `window`. */
  base: number
  window: Buffer
  /** Absolute offset of what is read next. */
  at: number
  frame: { start: number; contentBytes: number | undefined; checksumBytes: number } | undefined
}

/** Starts at the beginning of a blob. */
export function frameWalker(): FrameWalker {
  const state: State = { base: 0, window: Buffer.alloc(0), at: 0, frame: undefined }
  return {
    push: (bytes) => {
      const added = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const rest = state.window
      state.window = rest.byteLength === 0 ? added : Buffer.concat([rest, added])
      const frames = walkFrames(state)
      const keep = Math.min(state.at - state.base, state.window.byteLength)
      state.base += keep
      state.window = Buffer.from(state.window.subarray(keep)) // The caller may use its own again.
      return frames
    },
    finish: () => {
      const end = state.base + state.window.byteLength
      if (state.frame !== undefined || state.at !== end)
        throw refused('store/layer-truncated', 'its last zstd frame is cut short')
    },
  }
}

function walkFrames(state: State): ZstdFrame[] {
  const frames: ZstdFrame[] = []
  for (;;) {
    const available = state.base + state.window.byteLength - state.at
    const offset = state.at - state.base
    if (state.frame === undefined) {
      if (available < 8) return frames
      const magic = state.window.readUInt32LE(offset)
      if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
        const end = state.at + 8 + state.window.readUInt32LE(offset + 4)
        frames.push({ start: state.at, end, contentBytes: 0, isSkippable: true })
        state.at = end
      } else if (magic === standardMagic) {
        if (available < headerBytesMax && !isWholeHeader(state.window, offset)) return frames
        openFrame(state, offset)
      } else throw refused('store/layer-corrupt', `it is not zstd at byte ${state.at}`)
    } else {
      if (available < 3) return frames
      const header = state.window.readUIntLE(offset, 3)
      const kind = (header >> 1) & 3
      if (kind === 3) throw refused('store/layer-corrupt', `it has a bad zstd block at ${state.at}`)
      const isLast = (header & 1) === 1
      const checksumBytes = isLast ? state.frame.checksumBytes : 0
      const next = state.at + 3 + (kind === 1 ? 1 : header >> 3) + checksumBytes
      state.at = next
      if (!isLast) continue
      const { start, contentBytes } = state.frame
      frames.push({ start, end: next, contentBytes, isSkippable: false })
      state.frame = undefined
    }
  }
}

function openFrame(state: State, offset: number): void {
  const { descriptor, sizeBytes, sizeAt, end } = headerShape(state.window, offset)
  const contentBytes = contentSize(state.window, sizeAt, sizeBytes)
  const checksumBytes = (descriptor & 4) === 0 ? 0 : 4
  state.frame = { start: state.at, contentBytes, checksumBytes }
  state.at = state.base + end
}

function isWholeHeader(window: Buffer, offset: number): boolean {
  return headerShape(window, offset).end <= window.byteLength
}

function headerShape(window: Buffer, offset: number) {
  const descriptor = window[offset + 4] ?? 0
  const isSingle = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const sizeAt = offset + 5 + (isSingle ? 0 : 1) + dictionaryBytes
  return { descriptor, sizeBytes, sizeAt, end: sizeAt + sizeBytes }
}

function contentSize(window: Buffer, at: number, sizeBytes: number): number | undefined {
  switch (sizeBytes) {
    case 0:
      return undefined
    case 1:
      return window.readUInt8(at)
    case 2:
      return window.readUInt16LE(at) + 256
    case 4:
      return window.readUInt32LE(at)
    default: {
      const size = window.readBigUInt64LE(at)
      return size > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(size)
    }
  }
}
